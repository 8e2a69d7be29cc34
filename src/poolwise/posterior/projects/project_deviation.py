"""What is special about a project: how far each of its cells lies from what the context is like elsewhere.

    D[p,c,a] = theta[p,c,a] - L,  L = level + context;  theta = level + context + project + cell

Where cells are coordinates, D is a sum of two of them. Otherwise theta = r (L + P) + (1 - r) ybar + Normal(0, r cell^2)
as in `types.combine_with_cell_data`, with P the project's effect, so that

    E D = (r - 1) E L + r E P + (1 - r) ybar,  Var D = (1 - r)^2 Var L + r^2 Var P - 2 r (1 - r) Cov(L, P) + r cell^2

In large systems, where no covariance of L and P is kept, they are taken as independent: the intervals are wider.
"""

import numpy as np

from poolwise.posterior.crossed import collapsed
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics, cells
from poolwise.posterior.crossed.solve import arm_marginals, solve
from poolwise.posterior.hyperparameters.gaussian import cell_scale, layout, noise_scale
from poolwise.posterior.types import Marginals


def deviations(fit: Fit, stats: SufficientStatistics) -> Marginals:
    """Posterior mean and standard deviation of D, of utility given success, [project, context, arm], seen or not."""
    projects, contexts, arms = stats.count.shape
    if collapsed.exceeds_dense_budget(arms, projects, contexts):
        return _large(fit, stats)
    data, form = cells(stats), layout(stats.count.shape, fit.families)
    mean, covariance = arm_marginals(
        solve(data, fit.scales, fit.family, fit.families), fit.scales, fit.family, fit.families, form
    )
    cell, noise = cell_scale(fit.scales, form.cells), noise_scale(fit.scales, contexts)
    shrinkage = noise**2 / (data.count * cell**2 + noise**2)
    centre, variance = np.empty(stats.count.shape), np.empty(stats.count.shape)
    for p, c in np.ndindex(projects, contexts):
        level, context, *own = form.at(p, c)
        r, at = shrinkage[p, c], [level, context, *own]
        weight = np.stack([r - 1, r - 1, *[r] * len(own)], 1)
        centre[p, c] = (weight * mean[:, at]).sum(1) + (1 - r) * data.mean[p, c]
        block = covariance[:, at][:, :, at]
        variance[p, c] = np.einsum("ai,aij,aj->a", weight, block, weight) + r * cell**2
    return Marginals(centre, np.sqrt(np.maximum(variance, 0.0)))


def _large(fit: Fit, stats: SufficientStatistics) -> Marginals:
    state = collapsed.init(fit, stats)
    scale = np.sqrt(state.variance + np.square(state.context.scale)[None])
    return Marginals(state.mean - state.context.mean[None], scale)

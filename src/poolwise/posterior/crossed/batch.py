"""Crossed Gaussian effects of projects, contexts and arms: closed form, scales by marginal likelihood.

    y = theta[p,c,a] + N(0, noise^2),   theta[p,c,a] = v[a]·(1, e_c, e_p, e_pc)

with v[a] the arm's effect vector in a tree of tiers (`gaussian`); in large systems the cells' coordinates are
integrated out as theta = v[a]·(1, e_c, e_p) + N(0, cell^2). Context and project effects are crossed: a new project
borrows what a context looks like elsewhere and what it looks like in its other contexts. Cost per evaluation
O(A (1 + C + P)^3), or O(A P C^2) where projects are many; statistics only, whatever the number of outcomes.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float, Int, namespace
from poolwise.errors import InputError
from poolwise.inputs import whole
from poolwise.posterior import arguments
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed import chunked_reduction, device_fallback
from poolwise.posterior.crossed.solve import (
    CellMoments,
    arm_marginals,
    at_cells,
    pass_messages,
    project_effects,
    solve,
    solve_reduced,
)
from poolwise.posterior.gp.coregionalisation import ArmFeatures, SmoothComponent
from poolwise.posterior.hyperparameters.gaussian import (
    HYPERPRIOR,
    EffectLayout,
    GaussianHyperparameters,
    Hyperprior,
    cell_scale,
    layout,
    noise_scale,
)
from poolwise.posterior.hyperparameters.optimize import maximize_posterior
from poolwise.posterior.hyperparameters.parametrisation import length
from poolwise.posterior.types import Marginals, combine_with_cell_data

_REDUCE_FROM = 48
"""With one family per arm, project effects are integrated out first when there are so many projects."""


class SufficientStatistics(NamedTuple):
    """What a fit needs to know of the outcomes of every cell, float64: number, sum and sum of squares."""

    count: Float[np.ndarray, "project context arm"]  # type: ignore[assignment]
    total: Float[np.ndarray, "project context arm"]
    squares: Float[np.ndarray, "project context arm"]

    @classmethod
    def of(
        cls, project: Any, context: Any, arm: Any, y: Any, *, shape: Any = None, weight: Any = 1.0
    ) -> "SufficientStatistics":
        """From one row per outcome: integer indices and utilities. Raises InputError for anything else.

        shape: numbers of projects, contexts, arms; None: as many as occur. weight: what each outcome counts as.
        """
        indices, values, weights = arguments.rows((("project", project), ("context", context), ("arm", arm)), y, weight)
        sizes = arguments.sizes(shape, indices)
        flat = np.ravel_multi_index(tuple(indices), sizes) if len(values) else np.zeros(0, dtype=np.int64)
        parts = (weights, weights * values, weights * values**2)
        sums = [np.bincount(flat, part, math.prod(sizes)) for part in parts]
        return cls(*(part.reshape(sizes) for part in sums))

    def plus(self, other: "SufficientStatistics") -> "SufficientStatistics":
        """Of the outcomes of both."""
        return SufficientStatistics(*(a + b for a, b in zip(self, other, strict=True)))


class Fit(NamedTuple):
    """Hyperparameters and how they were found."""

    scales: GaussianHyperparameters
    family: Int[np.ndarray, " arm"]
    """Index of the family."""
    families: int
    """Number of families with a tier of their own; 0: one family per arm."""
    reduced: bool
    """Project effects integrated out arm by arm: they belong to the arm alone."""
    log_evidence: float
    iterations: int
    converged: bool
    coordinates: np.ndarray
    """Of the mode of the scales (`parametrisation.from_coordinates`), where the next search starts. What serves may
    lie beyond it (`laplace`)."""
    ground: ArmFeatures | None = None
    """Where arms stand among each other; None: none resembles another by its parameters."""
    smooth: SmoothComponent | None = None
    """What is estimated of how far they do; there if `ground` is."""


def fit(
    stats: SufficientStatistics,
    family: Any = None,
    *,
    prior: Hyperprior = HYPERPRIOR,
    start: np.ndarray | None = None,
    iterations: int = 60,
    device: str | None = None,
) -> Fit:
    """Hyperparameters by maximum marginal likelihood with weak hyperpriors.

    family: (arms,) index, None: one family each. start: `Fit.coordinates` of an earlier fit. device: where JAX
    is to compute the likelihood of a large system of one family per arm; None: NumPy does. Raises InputError where
    the statistics are no statistics; a search that did not settle says so in `converged`.
    """
    stats = seen(checked(stats))
    count, arms = stats.count, stats.count.shape[2]
    index = np.arange(arms) if family is None else arguments.index("family", family)
    if len(index) != arms or not isinstance(prior, Hyperprior):
        raise InputError(f"family has one number for each of {arms} arms, and prior is a `gaussian.Hyperprior`")
    iterations = whole("iterations", iterations, 0, 10**6)
    families = 0 if family is None else int(index.max(initial=0)) + 1
    reduced = family is None and count.shape[0] >= _REDUCE_FROM
    size = length(families or arms, 0 if reduced else count.shape[1])
    begin = None if start is None else resized(arguments.numbers("start", start), length(families or arms, 0), size)
    data = cells(stats)
    score = device_fallback.score(data, device) if device and reduced and compiles(prior.median) else None
    found = maximize_posterior(
        data, index, begin, size, prior, families=families, reduced=reduced, iterations=iterations, score=score
    )
    converged = found.converged and bool(np.isfinite(found.log_evidence))
    evidence, taken = found.log_evidence, found.iterations
    return Fit(found.scales, index, families, reduced, evidence, taken, converged, found.coordinates)


def seen(stats: SufficientStatistics) -> SufficientStatistics:
    """Without the projects and contexts at the end that have no outcome: they say nothing about the scales."""
    ends = [int(np.flatnonzero(stats.count.any(axis=axes)).max(initial=0)) + 1 for axes in ((1, 2), (0, 2))]
    return SufficientStatistics(*(np.asarray(part)[: ends[0], : ends[1]] for part in stats))


def resized(start: np.ndarray, fixed: int, size: int) -> np.ndarray | None:
    """(size,): coordinates for as many contexts as there are now; None where they are those of another problem."""
    fits = start.ndim == 1 and fixed <= len(start) <= size and np.isfinite(start).all()
    return np.pad(start, (0, size - len(start))) if fits else None


def compiles(scales: GaussianHyperparameters) -> bool:
    """Whether the compiled form knows all of it."""
    return scales.pooled is None and scales.elicited is None


def marginals(fit: Fit, stats: SufficientStatistics, device: str | None = None) -> Marginals:
    """Posterior mean and standard deviation of theta for every cell, [project, context, arm], seen or not.

    A project or context that was never seen is one more row of zeros in the statistics.
    """
    data = cells(checked(stats))
    if not isinstance(fit, Fit) or len(fit.family) != data.count.shape[2]:
        raise InputError("a fit of other arms, or none at all: pass what `fit` made of these statistics")
    if fit.reduced and device and compiles(fit.scales):
        found = device_fallback.beliefs(data, device, fit.scales)
        return marginals_reduced(data, fit.scales)[0] if found is None else Marginals(*found)
    if fit.reduced:
        return marginals_reduced(data, fit.scales)[0]
    form = layout(data.count.shape, fit.families)
    tree = solve(data, fit.scales, fit.family, fit.families)
    centre, variance = at_cells(*arm_marginals(tree, fit.scales, fit.family, fit.families, form), form)
    return combine_with_cell_data(
        centre, variance, data, cell_scale(fit.scales, form.cells), noise_scale(fit.scales, form.contexts)
    )


def marginals_reduced(cells: CellMoments, scales: GaussianHyperparameters) -> tuple[Marginals, Marginals, Marginals]:
    """Of every cell, of level + project [project, arm], and of level + context [context, arm].

    Block by block in NumPy; as whole arrays, which can be compiled, where they are of another library.
    """
    contexts = cells.count.shape[1]
    form, xp = EffectLayout(contexts, 0), namespace(cells.count)
    if xp is np:
        stack = chunked_reduction.stacked(cells)
        with single_blas():
            tree = pass_messages(chunked_reduction.canonical_form(stack, scales), scales, None, 0, form)
            mean, covariance = arm_marginals(tree, scales, np.zeros(0), 0, form)
            every = chunked_reduction.marginals(stack, scales, mean, covariance)
        here, along = Marginals(every.mean, every.scale), Marginals(every.along, every.variance**0.5)
    else:
        tree, links = solve_reduced(cells, scales)
        mean, covariance = arm_marginals(tree, scales, np.zeros(0), 0, form)
        whole = project_effects(mean, covariance, *links)
        here = combine_with_cell_data(
            whole.centre, whole.sum_variance, cells, cell_scale(scales, False), noise_scale(scales, contexts)
        )
        along = Marginals((mean[:, :1] + whole.mean).T, whole.level.T**0.5)
    diagonal = xp.diagonal(covariance, 0, 1, 2)
    variance = covariance[:, 0, 0, None] + diagonal[:, 1:] + 2 * covariance[:, 0, 1:]
    return here, along, Marginals((mean[:, :1] + mean[:, 1:]).T, variance.T**0.5)


def checked(stats: SufficientStatistics) -> SufficientStatistics:
    """The statistics, or an InputError that says what they lack."""
    return SufficientStatistics(*arguments.statistics(stats))


def cells(stats: SufficientStatistics) -> CellMoments:
    """Mean and squared deviation of every cell."""
    count, total, squares = (np.asarray(part, dtype=np.float64) for part in stats)
    safe = np.where(count > 0, count, 1.0)
    return CellMoments(count, total / safe, np.maximum(squares - total**2 / safe, 0.0))

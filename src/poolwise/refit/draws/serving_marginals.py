"""What the fast core would believe of every cell under given scales: what a snapshot means once it serves."""

import numpy as np

from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.crossed import batch, collapsed
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics, cells
from poolwise.posterior.gp import bernoulli_kernel, gp_filter
from poolwise.posterior.gp.coherence import SeparateProjects, mask, split
from poolwise.posterior.gp.output_warping import Warping, best_at, moments, slope
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import layout, noise_scale
from poolwise.posterior.likelihoods import bernoulli
from poolwise.posterior.types import Marginals


def padded(problem: RefitData) -> SufficientStatistics:
    """The statistics with the room that the serving belief has: its form depends on it."""
    pads = [
        (0, max(padded_size - size, 0))
        for padded_size, size in zip(problem.padded_shape, problem.shape[:2], strict=True)
    ]
    return SufficientStatistics(*(np.pad(part, (*pads, (0, 0))) for part in problem.stats))


def padded_tally(problem: RefitData) -> list[np.ndarray]:
    """Outcomes and successes with the same room."""
    shape = padded(problem).count.shape
    pads = [(0, wide - size) for wide, size in zip(shape, problem.shape, strict=True)]
    return [np.pad(part, pads) for part in (problem.tried, problem.succeeded)]


def is_wide(problem: RefitData) -> bool:
    """Whether such a system serves with the effects of its longer side integrated out."""
    projects, contexts, arms = padded(problem).count.shape
    return collapsed.exceeds_dense_budget(arms, projects, contexts)


def has_surface(problem: RefitData) -> bool:
    """Whether arms tell of arms with similar parameters."""
    return problem.hyperparameters.gaussian.ground is not None


def shares_cells(problem: RefitData) -> bool:
    """Whether arms of a family share what is special about a (project, context)."""
    if is_wide(problem) or has_surface(problem):
        return False
    return layout(padded(problem).count.shape, problem.hyperparameters.gaussian.families).cells


def theta(problem: RefitData, hyperparameters: Hyperparameters) -> Marginals:
    """Belief about the utility given success [project, context, arm]."""
    stats = padded(problem)
    if has_surface(problem):
        rest, own = split(stats, hyperparameters.separate)
        found = gp_filter.marginals(hyperparameters.gaussian, rest)
        if (apart := hyperparameters.separate) is not None:
            pairs = zip(gp_filter.marginals(apart.fit, own), found, strict=True)
            found = Marginals(*(_by_project(apart, *pair) for pair in pairs))
    elif is_wide(problem):
        state = collapsed.init(hyperparameters.gaussian, stats)
        found = Marginals(state.mean, np.sqrt(state.variance))
    else:
        found = batch.marginals(hyperparameters.gaussian._replace(reduced=False), stats)
    projects, contexts, _ = problem.shape
    return Marginals(*(part[:projects, :contexts] for part in found))


def chance(problem: RefitData, hyperparameters: Hyperparameters) -> Marginals:
    """Belief about the chance of success [project, context, arm]."""
    pseudo_counts = bernoulli_kernel.aggregate(
        hyperparameters.gaussian, hyperparameters.success, problem.tried, problem.succeeded
    )
    found = bernoulli.marginals(hyperparameters.success, pseudo_counts)
    return Marginals(found.mean, found.scale)


def success_prior(problem: RefitData) -> np.ndarray:
    """(arms, 2) pseudo-counts of success and failure around which an arm lies: the stated ones, and what the arms it
    resembles say, as when serving. The hierarchy of `poolwise.models.bernoulli` stands on them."""
    hyperparameters = problem.hyperparameters
    counts = bernoulli_kernel.aggregate(
        hyperparameters.gaussian, hyperparameters.success, problem.tried, problem.succeeded
    )
    prior = np.asarray(hyperparameters.success.prior)
    return prior if counts.near is None else prior + np.stack([counts.near[1], counts.near[0] - counts.near[1]], 1)


def noise(problem: RefitData, hyperparameters: Hyperparameters) -> np.ndarray:
    """Standard deviation of one outcome [project, context, arm]; wider far below the best where utilities are bent."""
    found, apart = _noise(problem, hyperparameters.gaussian), hyperparameters.separate
    return found if apart is None else _by_project(apart, _noise(problem, apart.fit), found)


def _noise(problem: RefitData, fit: Fit) -> np.ndarray:
    scale, smooth = np.broadcast_to(noise_scale(fit.scales, problem.shape[1]), problem.shape), fit.smooth
    if smooth is None or not smooth.warping.amount:
        return scale
    own, best = cells(problem.stats), best_at(smooth.warping, *np.indices(problem.shape[:2]))[:, :, None]
    return np.where(own.count > 0, scale / slope(own.mean, best, smooth.warping.amount), scale)


def bent(problem: RefitData, hyperparameters: Hyperparameters) -> tuple[RefitData, Hyperparameters]:
    """The same of bent utilities (`output_warping`), under scales that bend nothing: there all is normal."""
    apart = hyperparameters.separate
    found, fit = _bent(problem, hyperparameters.gaussian)
    if apart is not None:
        own, flat = _bent(problem, apart.fit)
        found = SufficientStatistics(*(_by_project(apart, *pair) for pair in zip(own, found, strict=True)))
        apart = apart._replace(fit=flat)
    return problem._replace(stats=found), hyperparameters._replace(gaussian=fit, separate=apart)


def _bent(problem: RefitData, fit: Fit) -> tuple[SufficientStatistics, Fit]:
    if fit.smooth is None or not fit.smooth.warping.amount:
        return problem.stats, fit
    count, mean, deviation = moments(cells(problem.stats), fit.smooth.warping)
    stats = SufficientStatistics(count, count * mean, deviation + count * mean**2)
    return stats, fit._replace(smooth=fit.smooth._replace(warping=Warping()))


def _by_project(apart: SeparateProjects, own: np.ndarray, found: np.ndarray) -> np.ndarray:
    """[project, ..] of those that are separate, and of the others."""
    return np.where(mask(apart, len(found)).reshape(-1, *(1,) * (found.ndim - 1)), own, found)


def left_out(problem: RefitData, hyperparameters: Hyperparameters) -> Marginals:
    """What all other cells say about the mean outcome of every cell, exactly: its belief without its own outcomes.

    With the belief N(m, v) and the cell's mean y of variance r = noise^2 / n,

        theta without y ~ N((m - k y) / (1 - k), v / (1 - k)),  k = v / r

    and the mean outcome has r more. NaN where there is no outcome.
    """
    found, count = theta(problem, hyperparameters), problem.stats.count
    with np.errstate(divide="ignore", invalid="ignore"):
        own = noise(problem, hyperparameters) ** 2 / count
        gain = np.minimum(found.scale**2 / own, 1 - 1e-9)
        mean = (found.mean - gain * problem.stats.total / count) / (1 - gain)
        scale = np.sqrt(found.scale**2 / (1 - gain) + own)
    seen = count > 0
    return Marginals(np.where(seen, mean, np.nan), np.where(seen, scale, np.nan))

"""Projects whose surfaces say nothing: neither their own other outcomes nor those of other projects foresee them.

    r_p = rank correlation of a project's cell means with what the other cells say of them, before scales are estimated

of all other cells, or of its own ones, whichever is larger. Where even the upper end of its interval is small, nothing
that is known of one configuration tells of another. Such a project would teach the others that surfaces are rough, so
that they try every configuration; it stands apart, with others that are so. Ranks, since neither the scale of outcomes
nor the worst ones are to decide. Source: Sundararajan and Keerthi (2001) for means without a cell in closed form.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float, Int
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.gp.coregionalisation import CellIndex, MultiTaskGP, arm_correlation, covariance, model_at
from poolwise.posterior.gp.gp_marginal_likelihood import ObservedCells, initial_components, observed_cells
from poolwise.posterior.hyperparameters.gaussian import Hyperprior

LEAST_CELLS, MOST_CELLS, MOST_OF_ALL = 50, 100, 400
"""Cells of a project below which nothing is said of it; and from how many it is said, its own and all."""
SMALL = 0.4
"""A small correlation, of outcomes without noise."""
_ERRORS = 1.5
"""Standard errors of a correlation that is 0 to the end of the interval."""
_REPEATS = 5.0
"""Repeated outcomes below which noise cannot be told from a rough surface, and is taken for one."""


class SeparateProjects(NamedTuple):
    """Projects that say nothing of the others."""

    projects: tuple[int, ...]
    fit: Fit
    """What is estimated of them, together."""


def split(
    stats: SufficientStatistics, separate: SeparateProjects | None
) -> tuple[SufficientStatistics, SufficientStatistics]:
    """Those of the other projects, and of these."""
    if separate is None:
        return stats, SufficientStatistics(*(np.zeros_like(part) for part in stats))
    apart = mask(separate, len(stats.count))[:, None, None]
    rest, own = (SufficientStatistics(*(np.where(one, part, 0.0) for part in stats)) for one in (~apart, apart))
    return rest, own


def mask(separate: SeparateProjects, projects: int) -> np.ndarray:
    """(projects,): whether each is separate."""
    return np.isin(np.arange(projects), separate.projects)


@single_blas()
def incoherent(stats: SufficientStatistics, fit: Fit, prior: Hyperprior) -> tuple[int, ...]:
    """Projects that are so, of several. fit: of arms that have a ground; prior: of their scales."""
    tried = np.count_nonzero(stats.count, axis=(1, 2))
    asked = np.flatnonzero(tried >= LEAST_CELLS).tolist()
    if np.count_nonzero(tried) < 2 or not asked:
        return ()
    assert fit.ground is not None
    model = model_at(*initial_components(prior, fit.family, fit.ground), fit.ground)
    noise, every = noise_variance(stats), observed_cells(stats, MOST_OF_ALL)
    shared = foreseen(model, every)
    found = []
    for project in asked:
        own = observed_cells(_one(stats, project), MOST_CELLS)
        here = every.at.project == project
        r = max(
            rank_correlation(foreseen(model, own), own.mean, _groups(model, own.at)),
            rank_correlation(shared[here], every.mean[here], _groups(model, every.at)[here]),
        )
        if r + _ERRORS / np.sqrt(len(own.mean)) < SMALL * np.sqrt(reliability(own, noise)):
            found.append(project)
    return tuple(found)


def noise_variance(stats: SufficientStatistics) -> float:
    """Of one outcome, from those that were repeated; 0 where these are too few."""
    repeats = float(np.maximum(stats.count - 1, 0.0).sum())
    if repeats < _REPEATS:
        return 0.0
    squares = stats.squares - stats.total**2 / np.where(stats.count > 0, stats.count, 1.0)
    return float(np.maximum(squares, 0.0).sum()) / repeats


def reliability(own: ObservedCells, noise: float) -> float:
    """Part of the variance of cell means that is not noise, whose variance is that of one outcome."""
    whole = float(own.mean.var())
    return max(1 - noise * float((1 / own.count).mean()) / whole, 0.0) if whole > 0 else 0.0


def foreseen(model: MultiTaskGP, data: ObservedCells) -> Float[np.ndarray, " cell"]:
    """Mean of every cell given all others."""
    likeness = arm_correlation(model, data.at.arm)[:, data.at.arm]
    noise = model.scales.noise[data.at.arm] ** 2 / data.count
    inverse = np.linalg.inv(covariance(model, data.at, data.at, likeness) + np.diag(noise))
    away = data.mean - model.mean[data.at.arm]
    return np.asarray(data.mean - (inverse @ away) / np.diag(inverse))


def rank_correlation(one: np.ndarray, other: np.ndarray, group: Int[np.ndarray, " cell"]) -> float:
    """Spearman's, of what is left of each around the means of groups; 1 where nothing is."""
    size = np.maximum(np.bincount(group), 1)
    a, b = (_ranks(np.round(part - (np.bincount(group, part) / size)[group], 12)) for part in (one, other))
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() else 1.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Of ties their average."""
    ordered = np.sort(values)
    return np.asarray(np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


def _groups(model: MultiTaskGP, at: CellIndex) -> np.ndarray:
    """(n,) index of project, context and family, whose levels are no surfaces."""
    places = np.stack([at.project, at.context, model.ground.family[at.arm]])
    return np.unique(places, axis=1, return_inverse=True)[1].reshape(-1)


def _one(stats: SufficientStatistics, project: int) -> SufficientStatistics:
    return SufficientStatistics(*(part[project : project + 1] for part in stats))

"""The belief of large systems: pooled over all cells from time to time, and O(1) per outcome in between.

`recursive` keeps every covariance of every arm's effects, A (1 + C + P)^2 numbers. Where those are too many, the
effects of the longer side, contexts or projects, are integrated out (`canonical_form.reduced`): they belong to the arm
alone, and families are taken for what their arms have in common with all others. An outcome then updates its own cell
exactly,

    k = v / (v + noise^2),   mean + k (y - mean),   v (1 - k)

and what other cells borrow from it waits for the next `start`, which `stale` asks for.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.crossed.chunked_reduction import canonical_form, stacked
from poolwise.posterior.crossed.solve import CellMoments, pass_messages
from poolwise.posterior.hyperparameters.gaussian import (
    HYPERPRIOR,
    EffectLayout,
    GaussianHyperparameters,
    Hyperprior,
    TierScales,
    noise_scale,
)
from poolwise.posterior.recursive.exchangeability import Effects
from poolwise.posterior.types import Marginals

_LARGEST = 1.5e7
"""A q^3 up to which `recursive` serves: some milliseconds for all messages, tens of megabytes."""
_FEW, _PART = 64, 20
"""Pooled again after so many outcomes, and after one part in so many of those that the belief rests on."""


class State(NamedTuple):
    """Beliefs about all cells, [project, context, arm], and about what the arms share, changed in place."""

    mean: np.ndarray
    variance: np.ndarray
    project: Marginals
    """[project, arm]: level + project."""
    context: Marginals
    """[context, arm]: level + context."""
    noise: np.ndarray
    """(contexts, arms)."""
    cells: CellMoments
    since: np.ndarray
    """(1,): outcomes since the belief was pooled."""


def exceeds_dense_budget(arms: int, projects: int, contexts: int) -> bool:
    """Whether such a system is served from here."""
    return arms * (1 + projects + contexts) ** 3 > _LARGEST


def fit(
    stats: SufficientStatistics,
    *,
    start: np.ndarray | None = None,
    prior: Hyperprior = HYPERPRIOR,
    device: str | None = None,
) -> Fit:
    """Scales by maximum marginal likelihood; there is no tier of families, its scales are 0. As `batch.fit`."""
    transposed = _transposed(stats)
    across = SufficientStatistics(*(_sides(part, transposed) for part in stats))
    found = batch.fit(across, prior=_crossed_prior(prior, transposed), start=start, device=device)
    scales = _crossed(found.scales, transposed)
    # Families have no tier here, but their part of what cells have to themselves was fitted: it is the arms' own.
    arm = scales.arm._replace(cell=np.hypot(scales.arm.cell, scales.family.cell))
    return found._replace(scales=scales._replace(arm=arm, family=TierScales(0.0, 0.0, 0.0), spread=np.zeros(0)))


def init(fit: Fit, stats: SufficientStatistics) -> State:
    """Pool all that was seen. Unseen projects and contexts in `stats` are room to grow."""
    transposed = _transposed(stats)
    cells = batch.cells(stats)
    across = CellMoments(*(_sides(part, transposed) for part in cells))
    scales = _served(fit.scales, transposed)
    belief, long, short = batch.marginals_reduced(across, scales)
    mean, scale = (_sides(part, transposed) for part in belief)
    project, context = (short, long) if transposed else (long, short)
    noise = np.broadcast_to(noise_scale(fit.scales, stats.count.shape[1]), stats.count.shape[1:])
    return State(mean.copy(), scale**2, project, context, noise, CellMoments(*(p.copy() for p in cells)), np.zeros(1))


def log_evidence(fit: Fit, stats: SufficientStatistics) -> float:
    """Log density of the outcomes as `start` pools them."""
    transposed = _transposed(stats)
    stack = stacked(CellMoments(*(_sides(part, transposed) for part in batch.cells(stats))))
    with single_blas():
        scales = _served(fit.scales, transposed)
        return float(
            pass_messages(
                canonical_form(stack, scales), scales, None, 0, EffectLayout(stack.count.shape[2], 0)
            ).evidence
        )


def needs_refactor(state: State) -> bool:
    """Whether others should hear of the outcomes since the last `start`."""
    return bool(state.since[0] >= max(_FEW, state.cells.count.sum() / _PART))


def update(state: State, project: int, context: int, arm: int, y: float, weight: float = 1.0) -> None:
    """One more outcome, in place; `weight`: part of an outcome that it counts as."""
    at = (project, context, arm)
    count, mean, deviation = (float(part[at]) for part in state.cells)
    after = mean + (y - mean) * weight / (count + weight)
    state.cells.count[at], state.cells.mean[at] = count + weight, after
    state.cells.deviation[at] = deviation + (y - mean) * (y - after) * weight
    gain = state.variance[at] / (state.variance[at] + float(state.noise[context, arm]) ** 2 / weight)
    state.mean[at] += gain * (y - state.mean[at])
    state.variance[at] *= 1 - gain
    state.since[0] += 1


def predict(state: State, project: int, context: int) -> Effects:
    """Utility of a success of every arm in one cell, and what it shares; no covariance of them is kept."""
    mean, variance = state.mean[project, context], state.variance[project, context]
    (project_mean, project_scale), (context_mean, context_scale) = state.project, state.context
    means = np.stack([mean, project_mean[project], context_mean[context]])
    return Effects(
        means, np.stack([variance, project_scale[project] ** 2, context_scale[context] ** 2]), np.zeros_like(means[1:])
    )


def _transposed(stats: Any) -> bool:
    """Contexts are the longer side."""
    return stats.count.shape[1] > stats.count.shape[0]


def _sides(part: np.ndarray, transposed: bool) -> np.ndarray:
    return np.swapaxes(part, 0, 1) if transposed else part


def _crossed(scales: GaussianHyperparameters, transposed: bool) -> GaussianHyperparameters:
    """The hyperparameters with projects and contexts exchanged, if `turned`."""
    if not transposed:
        return scales
    arm, family, globe = (
        TierScales(t.level, t.project, t.context, t.cell) for t in (scales.arm, scales.family, scales.globe)
    )
    known = scales.pooled._replace(transposed=not scales.pooled.transposed) if scales.pooled is not None else None
    return scales._replace(arm=arm, family=family, globe=globe, pooled=known)


def _crossed_prior(prior: Hyperprior, transposed: bool) -> Hyperprior:
    return prior._replace(median=_crossed(prior.median, transposed))


def _served(scales: GaussianHyperparameters, transposed: bool) -> GaussianHyperparameters:
    return _flat(_crossed(scales, transposed))._replace(spread=np.zeros(0))


def _flat(scales: GaussianHyperparameters) -> GaussianHyperparameters:
    """Effects of the family, and long effects of the globe, as the arm's own: variances add."""
    above = scales.family._replace(project=np.hypot(scales.family.project, scales.globe.project))
    return scales._replace(arm=TierScales(*map(np.hypot, scales.arm, above)), globe=scales.globe._replace(project=0.0))

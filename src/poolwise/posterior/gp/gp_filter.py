"""The belief that serves where arms are configurations: exact after every outcome, whatever the number of arms.

Everything seen is a row of white noise: with V the rows' covariance with the arms of one cell, whitened, and z their
whitened outcomes,

    mean = m + V'z,   variance = prior - sum of squares of V's columns

and one more outcome y of a cell x appends the row (cov(x, .) - V_x'V) / d, d^2 = variance_x + noise^2, and the number
(y - mean_x) / d: O(n^2) when it is learned, O(n A) when a cell is looked at next. Cells looked at keep their V, as
`PredictiveCache`s. At every `init` the outcomes of a cell become one row, and the rows no more than `inducing.MOST`.
The protocol of `layouts`. `tests/posterior/gp/test_coregionalisation.py` holds it to dense conditioning.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float, Int
from poolwise.lazy import linalg
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics, cells
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.gp import inducing_points, output_warping
from poolwise.posterior.gp.coregionalisation import (
    CellIndex,
    MultiTaskGP,
    arm_correlation,
    covariance,
    cross_covariance,
    prior_variance,
)
from poolwise.posterior.gp.inducing_points import model_of
from poolwise.posterior.hyperparameters.gaussian import borrowed_at, noise_scale
from poolwise.posterior.recursive.exchangeability import Effects
from poolwise.posterior.types import Marginals, combine_with_cell_data

ROOM = 192
"""Rows that are appended before all are set up again: where there are so many, scales are mostly estimated before."""
MAX_CACHED, MAX_BYTES = 24, 2**29
"""Cells whose rows are kept at a time, and what they take; three are, however much that is."""
_LEAST = 1e-12


class PredictiveCache:
    """Rows over the arms of one (project, context), and the belief that they come to."""

    __slots__ = ("mean", "products", "rows", "variance", "white")

    def __init__(self, white: np.ndarray, rows: int, mean: np.ndarray, variance: np.ndarray) -> None:
        self.white, self.rows, self.mean, self.variance = white, rows, mean, variance
        self.products: dict[str, tuple[int, np.ndarray]] = {}
        """With what is shared by name: of how many rows, and their sum."""

    def product(self, name: str, other: "PredictiveCache") -> np.ndarray:
        """(arms,): sum of products of all rows with those of another cell, which has as many."""
        done, found = self.products.get(name, (0, np.zeros(len(self.mean))))
        new = slice(done, self.rows)
        found = found + np.einsum("ij,ij->j", self.white[new], other.white[new])
        self.products[name] = self.rows, found
        return found


class State(NamedTuple):
    """What was seen, changed in place."""

    model: MultiTaskGP
    noise: Float[np.ndarray, "context arm"]
    cells: CellMoments
    own: Float[np.ndarray, "project context arm"]
    """Variance of a cell around what the rows say of it; 0 where it has a row."""
    base: Float[np.ndarray, "row point"]
    """Turns covariances with the first n points into the first k rows."""
    points: CellIndex
    """(n + ROOM,): whose utilities the rows were made from."""
    correlation: Float[np.ndarray, "all_points arm"]
    """(n + ROOM, arms): `coregionalisation.arm_correlation` of them."""
    white: Float[np.ndarray, "new all_rows"]
    """What the rows were at each appended point before it was."""
    width: Float[np.ndarray, " new"]
    """`d` of the appended."""
    step: Float[np.ndarray, " all_rows"]
    """`z`."""
    used: Int[np.ndarray, "1"]
    """How many were appended."""
    panels: dict[tuple[int, int], PredictiveCache]


def init(fit: Fit, stats: SufficientStatistics) -> State:
    """The state that all outcomes so far lead to. Unseen projects, contexts and arms in `stats` are room to grow."""
    model = model_of(fit)
    statistics = CellMoments(*(part.copy() for part in output_warping.moments(cells(stats), model.smooth.warping)))
    contexts = statistics.count.shape[1]
    noise = np.broadcast_to(noise_scale(fit.scales, contexts), statistics.count.shape[1:])
    found = inducing_points.whitened_rows(model, _seen(fit, model, statistics, noise))
    own = np.zeros(statistics.count.shape)
    own[*found.rest] = found.around
    k, arms = len(found.base), len(fit.family)
    pad = [np.concatenate([index, np.zeros(ROOM, dtype=np.int64)]) for index in found.points]
    likeness = np.concatenate([found.correlation, np.zeros((ROOM, arms))])
    step, white = np.concatenate([found.step, np.zeros(ROOM)]), np.zeros((ROOM, k + ROOM))
    return State(model, noise, statistics, own, found.base, CellIndex(*pad), likeness, white, np.zeros(ROOM), step,
                 np.zeros(1, dtype=np.int64), {})  # fmt: skip


def needs_refactor(state: State) -> bool:
    """Whether there is no room for another row."""
    return bool(state.used[0] >= ROOM)


def update(state: State, project: int, context: int, arm: int, y: float, weight: float = 1.0) -> None:
    """One more outcome, in place; `weight`: part of an outcome that it counts as."""
    if needs_refactor(state):
        raise RuntimeError("no room for another row: `init` again when `needs_refactor`")
    around, warping = float(state.own[project, context, arm]), state.model.smooth.warping
    y = float(output_warping.warp(y, output_warping.best_at(warping, project, context), warping.amount))
    precision, information = _observe(state, project, context, arm, y, weight, around)
    likeness, (k, n), used = arm_correlation(state.model, np.array([arm]))[0], state.base.shape, int(state.used[0])
    at = CellIndex(np.array([project]), np.array([context]), np.array([arm]))
    before = CellIndex(*(index[: n + used] for index in state.points))
    with_all = covariance(state.model, before, at, likeness[before.arm][:, None])[:, 0]
    found = state.white[used]
    found[:k] = state.base @ with_all[:n]
    if used:
        root = np.tril(state.white[:used, k : k + used], -1) + np.diag(state.width[:used])
        rest = with_all[n:] - state.white[:used, :k] @ found[:k]
        found[k : k + used] = linalg.solve_triangular(root, rest, lower=True, check_finite=False)
    known = found[: k + used]
    variance = max(float(prior_variance(state.model, at)[0] - known @ known) - around, _LEAST)
    width = np.sqrt(variance + 1 / precision)
    state.width[used] = width
    state.step[k + used] = (information / precision - state.model.mean[arm] - known @ state.step[: k + used]) / width
    for part, value in zip(state.points, (project, context, arm), strict=True):
        part[n + used] = value
    state.correlation[n + used] = likeness
    state.used[0] += 1


@single_blas()
def predict(state: State, project: int, context: int) -> Effects:
    """Utility of a success of every arm in one cell, and what it shares with the project and with the context."""
    here = _warped_marginals(state, project, context)
    shared = [predictive_cache(state, *at) for at in ((project, -1), (-1, context))]
    mean, factor = _unwarped(state, project, context, np.stack([here.mean, *(part.mean for part in shared)]))
    variance = np.stack([np.square(here.scale), *(part.variance for part in shared)])
    along = _low_rank_factor(state, project, context)
    return Effects(mean, factor**2 * variance, factor[0] * factor[1:] * along)


def _low_rank_factor(state: State, project: int, context: int) -> np.ndarray:
    """(2, arms): covariance of every arm's utility here with what it shares with project and with context."""
    model, here = state.model, predictive_cache(state, project, context)
    family, found = model.ground.family, []
    for block, at in (("project", (project, -1)), ("context", (-1, context))):
        tiers = (model.scales.globe, model.scales.family, model.scales.arm)
        prior = (
            model.family_covariance[family, family]
            + model.scales.arm.level**2
            + sum(getattr(tier, block) ** 2 for tier in tiers)
            + np.square(model.features).sum(1)
        )
        there = predictive_cache(state, *at)
        found.append(prior - here.product(block, there))
    around, noise, count = state.own[project, context], state.noise[context] ** 2, state.cells.count[project, context]
    return np.stack(found) * (noise / (count * around + noise))


@single_blas()
def marginals(fit: Fit, stats: SufficientStatistics) -> Marginals:
    """Of every cell, [project, context, arm], seen or not, as `batch.marginals`."""
    state, found = init(fit, stats), Marginals(*(np.empty(stats.count.shape) for _ in range(2)))
    for at in np.ndindex(stats.count.shape[:2]):
        found.mean[at], found.scale[at] = cell_marginals(state, *at)
    return found


def cell_marginals(state: State, project: int, context: int) -> Marginals:
    """Of every arm in one cell, (arms,)."""
    found = _warped_marginals(state, project, context)
    mean, factor = _unwarped(state, project, context, found.mean)
    return Marginals(mean, factor * found.scale)


def _unwarped(state: State, project: int, context: int, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `output_warping.unwarp`."""
    warping = state.model.smooth.warping
    return output_warping.unwarp(mean, output_warping.best_at(warping, project, context), warping.amount)


def _warped_marginals(state: State, project: int, context: int) -> Marginals:
    """Of bent utilities."""
    found, around = predictive_cache(state, project, context), state.own[project, context]
    if not around.any():
        return Marginals(found.mean, np.sqrt(found.variance))
    own = CellMoments(*(part[project, context] for part in state.cells))
    centre = np.maximum(found.variance - around, _LEAST)
    return Marginals(*combine_with_cell_data(found.mean, centre, own, np.sqrt(around), state.noise[context]))


@single_blas()
def covariances(state: State, project: int, context: int, arm: int) -> np.ndarray:
    """(arms,): of every arm's utility with that of one of them, in one cell."""
    found, at = (
        predictive_cache(state, project, context),
        CellIndex(np.array([project]), np.array([context]), np.array([arm])),
    )
    white = found.white[: found.rows]
    shared = cross_covariance(state.model, at, project, context, arm_correlation(state.model, at.arm))[0]
    _, factor = _unwarped(state, project, context, _warped_marginals(state, project, context).mean)
    return np.asarray(factor * factor[arm] * (shared - white[:, arm] @ white))


def predictive_cache(state: State, project: int, context: int) -> PredictiveCache:
    """Current rows over the arms of a cell; -1: of what is shared by all projects, or all contexts."""
    found = state.panels.pop((project, context), None)
    if found is None:
        found = _init(state, project, context)
        while len(state.panels) >= min(MAX_CACHED, max(MAX_BYTES // found.white.nbytes, 3)):
            state.panels.pop(next(iter(state.panels)))
    state.panels[project, context] = found
    if found.rows < len(state.base) + int(state.used[0]):
        _caught_up(state, found, project, context)
    return found


def _caught_up(state: State, found: PredictiveCache, project: int, context: int) -> None:
    """Append the rows that came since, all in one pass over those before."""
    (k, n), done = state.base.shape, found.rows
    new, after = slice(done - k, int(state.used[0])), k + int(state.used[0])
    at = CellIndex(*(index[n:][new] for index in state.points))
    rows = cross_covariance(state.model, at, project, context, state.correlation[n:][new])
    here = np.flatnonzero((at.project == project) & (at.context == context))
    rows[here, at.arm[here]] -= state.own[project, context, at.arm[here]]
    rows -= state.white[new, :done] @ found.white[:done]
    root = np.tril(state.white[new, done:after], -1) + np.diag(state.width[new])
    fresh = found.white[done:after] = linalg.solve_triangular(root, rows, lower=True, check_finite=False)
    found.mean += state.step[done:after] @ fresh
    found.variance -= np.einsum("ij,ij->j", fresh, fresh)
    np.maximum(found.variance, _LEAST, out=found.variance)
    found.rows = after


def _init(state: State, project: int, context: int) -> PredictiveCache:
    """Rows that the first points give."""
    (k, n), arms = state.base.shape, state.correlation.shape[1]
    white = np.zeros((k + ROOM, arms))
    first = CellIndex(*(index[:n] for index in state.points))
    np.matmul(state.base, cross_covariance(state.model, first, project, context, state.correlation[:n]), out=white[:k])
    mean = state.model.mean + state.step[:k] @ white[:k]
    variance = prior_variance(state.model, CellIndex(project, context, np.arange(arms))) - np.einsum(
        "ij,ij->j", white[:k], white[:k]
    )
    return PredictiveCache(white, k, mean, variance)


def _seen(fit: Fit, model: MultiTaskGP, statistics: CellMoments, noise: np.ndarray) -> inducing_points.Observations:
    """A row for every cell with outcomes, and for what other stores know."""
    at = np.nonzero(statistics.count)
    variance = noise[at[1], at[2]] ** 2 / statistics.count[at]
    found = inducing_points.Observations(CellIndex(*at), statistics.mean[at], variance)
    if (known := borrowed_at(fit.scales, statistics.count.shape[1])) is None:
        return found
    borrowed = np.nonzero(known.precision)
    points = CellIndex(
        *(np.concatenate(pair) for pair in zip(at, (np.full(len(borrowed[0]), -1), *borrowed), strict=True))
    )
    precision, warping = known.precision[borrowed], model.smooth.warping
    value, best = known.information[borrowed] / precision, output_warping.best_at(warping, -1, -1)
    value = np.concatenate([found.value, output_warping.warp(value, best, warping.amount)])
    return inducing_points.Observations(points, value, np.concatenate([variance, 1 / precision]))


def _observe(
    state: State, project: int, context: int, arm: int, y: float, part: float, around: float
) -> tuple[float, float]:
    """Update the cell's statistics; returns the change of its precision, and of its precision times mean."""
    at = (project, context, arm)
    count, mean, deviation = (float(array[at]) for array in state.cells)
    noise = float(state.noise[context, arm]) ** 2
    more = count + part
    after = mean + (y - mean) * part / more
    state.cells.count[at], state.cells.mean[at] = more, after
    state.cells.deviation[at] = deviation + (y - mean) * (y - after) * part
    before, now = count / (count * around + noise), more / (more * around + noise)
    return (now - before, now * after - before * mean) if around else (part / noise, part / noise * y)

"""Bounded influence: how much an outcome counts, so that no absurd measurement moves a belief far.

    w = min(1, (k / z)^2),   z = (y - centre) / spread        predicted before the outcome is learned

An outcome of weight w counts as w outcomes: its pull on a mean, w |y - centre| <= k spread, is bounded and vanishes as
|y| grows, and its part in the noise, w (y - centre)^2 <= k^2 spread^2, is bounded too. This is the density of a Normal
within k and of a Student-t, |z|^(-k^2), beyond; of normal outcomes it cuts 6 in 10^5 for k = 4. Where a cell has few
outcomes of its own (which of two that disagree is absurd?), it is judged by the spread of all outcomes of its arm;
later by its own, estimated with the arm's as a prior:

    noise^2 = (t s^2 + deviation of the cell) / (t + n - 1),   s^2 = (t s_0^2 + within the arm's cells) / (t + freedom)

Outliers that keep coming widen that spread (each adds up to k^2 of it), so a true change is believed after some
outcomes. A pure fold over the outcomes in their order, which rests on no estimated scale: a log gives back the same
weights. Source: Huber (1981), sections 1.3 and 7.6; West (1984).
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, namespace
from poolwise.posterior.crossed.solve import CellMoments

_TRUST = 4.0
"""Number of outcomes that a prior spread is worth."""
_NOISE, _TOTAL = 0.25**2, 1.3
"""Variance of an outcome in its cell and over all cells, before any was seen, in units of the utility."""
_OWN = 3.0
"""Outcomes from which on a cell is judged by its own."""
_CHUNK = 4096
"""Rows whose weights are taken at a time, in the hope that all are 1."""


class ArmMoments(NamedTuple):
    """What the outcomes of each arm look like; of one arm, one number each."""

    count: Float[Array, " arm"]
    mean: Float[Array, " arm"]
    deviation: Float[Array, " arm"]
    """Sum of squares around the mean."""
    within: Float[Array, " arm"]
    """Sum of squares around the means of the cells."""
    freedom: Float[Array, " arm"]
    """Outcomes beyond the first of each cell."""


def arm_moments(cells: CellMoments) -> ArmMoments:
    """From the statistics of all cells."""
    count = cells.count.sum((0, 1))
    mean = (cells.count * cells.mean).sum((0, 1)) / np.maximum(count, 1e-300)
    within = cells.deviation.sum((0, 1))
    between = (cells.count * (cells.mean - mean) ** 2).sum((0, 1))
    return ArmMoments(count, mean, within + between, within, np.maximum(cells.count - 1, 0).sum((0, 1)))


def weight(cell: Float[Array, "3 ..."], arm: Float[Array, "5 ..."], y: Array, limit: Array) -> Array:
    """In (0, 1]: what an outcome y counts as. cell: `CellMoments`; arm: `ArmMoments`; limit: k."""
    xp = namespace(cell)
    own, every = CellMoments(*cell), ArmMoments(*arm)
    squared = xp.where(own.count >= _OWN, _here(own, every, y), _anywhere(every, y))
    bound = limit * limit
    return xp.where(squared <= bound, 1.0, bound / xp.maximum(squared, 1e-300))


def cell_after(cell: Float[Array, "3 ..."], y: Array, weight: Array) -> Float[Array, "3 ..."]:
    """Moments with one more outcome that counts as `weight` > 0."""
    count, mean, deviation = cell
    after = mean + (y - mean) * weight / (count + weight)
    return namespace(cell).stack([count + weight, after, deviation + (y - mean) * (y - after) * weight])


def arm_after(arm: Array, cell: Array, y: Array, weight: Array) -> Array:
    """(5, ..): the same of the arm; cell: before."""
    xp = namespace(arm)
    count, mean, deviation, within, freedom = arm
    own, centre, _ = cell
    more, here = count + weight, own + weight
    gained = xp.maximum(here - 1.0, 0.0) - xp.maximum(own - 1.0, 0.0)
    return xp.stack(
        [
            more,
            mean + (y - mean) * weight / more,
            deviation + (y - mean) ** 2 * weight * count / more,
            within + (y - centre) ** 2 * weight * own / here,
            freedom + gained,
        ]
    )


def weights(cells: CellMoments, rows: tuple[np.ndarray, ...], y: np.ndarray, limit: float | None) -> np.ndarray:
    """Weights of many outcomes in their order, as `weight` gives them one by one.

    rows: (project, context, arm), (n,) each. Passes over as many rows as have weight 1, which most have.
    """
    if limit is None:
        return np.ones(len(y))
    flat, arm = np.ravel_multi_index(rows, cells.count.shape), rows[2]
    state = CellMoments(*(part.reshape(-1).copy() for part in cells))
    tracks, found, at, size = arm_moments(cells), np.ones(len(y)), 0, _CHUNK
    while at < len(y):
        part = slice(at, at + size)
        squared, after = _passed(state, tracks, flat[part], arm[part], y[part])
        outliers = np.flatnonzero(squared > limit**2)
        plain = int(outliers[0]) if len(outliers) else len(squared)
        if len(outliers):
            _, after = _passed(state, tracks, flat[at : at + plain], arm[at : at + plain], y[at : at + plain])
        _stored(state, tracks, flat[at : at + plain], arm[at : at + plain], after)
        at += plain
        size = min(2 * size, _CHUNK)
        if len(outliers):
            found[at] = limit**2 / squared[plain]
            _learned_alone(state, tracks, int(flat[at]), int(arm[at]), float(y[at]), float(found[at]))
            at, size = at + 1, max(2 * plain, 64)
    return found


def _here(own: CellMoments, arm: ArmMoments, y: Array) -> Array:
    """z^2 by what the cell's own outcomes look like."""
    pooled = (_TRUST * _NOISE + arm.within) / (_TRUST + arm.freedom)
    noise = (_TRUST * pooled + own.deviation) / (_TRUST - 1 + own.count)
    return (y - own.mean) ** 2 / noise / (1 + 1 / (1 + own.count))


def _anywhere(arm: ArmMoments, y: Array) -> Array:
    """z^2 by what all outcomes of the arm look like."""
    total = (_TRUST * _TOTAL + arm.deviation) / (_TRUST + arm.count)
    return (y - arm.mean * arm.count / (1 + arm.count)) ** 2 / total / (1 + 1 / (1 + arm.count))


def _passed(
    state: CellMoments, tracks: ArmMoments, flat: np.ndarray, arm: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, tuple[CellMoments, ArmMoments]]:
    """z^2 of rows that all count fully, and the state after each of them."""
    by_cell, by_arm = _grouped(flat), _grouped(arm)
    own, own_after = _running(CellMoments(*(part[flat] for part in state)), by_cell, y)
    every, every_after = _running(CellMoments(*(part[arm] for part in tracks[:3])), by_arm, y)
    gained = own_after.deviation - own.deviation
    freed = np.maximum(own_after.count - 1, 0) - np.maximum(own.count - 1, 0)
    within, freedom = (
        start[arm] + _before(part, *by_arm) for start, part in zip(tracks[3:], (gained, freed), strict=True)
    )
    before = ArmMoments(*every, within, freedom)
    squared = np.asarray(np.where(own.count >= _OWN, _here(own, before, y), _anywhere(before, y)))
    return squared, (own_after, ArmMoments(*every_after, within + gained, freedom + freed))


def _running(
    start: CellMoments, group: tuple[np.ndarray, np.ndarray], y: np.ndarray
) -> tuple[CellMoments, CellMoments]:
    """Statistics of every row's group before and after the row; `start`: those before all rows."""
    x = y - start.mean
    before = [_before(part, *group) for part in (np.ones_like(y), x, x**2)]
    return _moved(start, *before), _moved(start, before[0] + 1, before[1] + x, before[2] + x**2)


def _moved(start: CellMoments, number: np.ndarray, total: np.ndarray, squares: np.ndarray) -> CellMoments:
    """After so many more outcomes, given their sum and squares around the mean so far."""
    count = start.count + number
    shift = total / np.maximum(count, 1e-300)
    return CellMoments(count, start.mean + shift, np.maximum(start.deviation + squares - count * shift**2, 0.0))


def _grouped(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order that puts the rows of a group together, and for each row in it the place where its group begins."""
    group = group.astype(np.min_scalar_type(int(group.max(initial=0))))  # the shorter, the faster sorted
    order = np.argsort(group, kind="stable")
    begins = np.concatenate([[True], group[order][1:] != group[order][:-1]])
    return order, np.maximum.accumulate(np.where(begins, np.arange(len(group)), 0))


def _before(part: np.ndarray, order: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Sum of a part over the earlier rows of every row's group."""
    sums = np.concatenate([[0.0], np.cumsum(part[order])])
    found = np.empty_like(sums[1:])
    found[order] = sums[:-1] - sums[first]
    return found


def _stored(
    state: CellMoments, tracks: ArmMoments, flat: np.ndarray, arm: np.ndarray, after: tuple[CellMoments, ArmMoments]
) -> None:
    """Take over the state after rows; of several rows in a cell NumPy keeps the last."""
    for array, rows, values in zip(
        (*state, *tracks), [flat] * len(state) + [arm] * len(tracks), (*after[0], *after[1]), strict=True
    ):
        array[rows] = values[: len(rows)]


def _learned_alone(state: CellMoments, tracks: ArmMoments, flat: int, arm: int, y: float, weight: float) -> None:
    own, every = (np.array([part[at] for part in parts]) for parts, at in ((state, flat), (tracks, arm)))
    moments = arm_after(every, own, y, weight), cell_after(own, y, weight)
    for parts, at, values in zip((tracks, state), (arm, flat), moments, strict=True):
        for part, value in zip(parts, values.tolist(), strict=True):
            part[at] = value

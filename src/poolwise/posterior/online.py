"""The belief that serves: exact after every outcome, at the cost of one rank-one update per tier.

One more outcome in cell (p, c) of an arm changes its precision by k e e' and its information by h e, e having ones at
its level, context, project and, where cells are coordinates, cell.
With u = S e and d = 1 + k e'u the tier's conditional becomes

    S - (k / d) u u',   mean + u (h - k e'mean) / d

and the tier above sees a change of the same form with e <- u / D, k <- k / d, h <- (h - k e'mean) / d, where D is the
diagonal variance of this tier around that one. So an outcome costs O(q^2) and `query`, over all arms, O(A q^2).
Plain NumPy in place: no compiled call, no copy of the state. `tests/posterior/test_online.py` holds it to `gaussian`.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg.blas import dger

from poolwise.posterior.belief import Belief, shrink
from poolwise.posterior.crossed import Cells, solve
from poolwise.posterior.gaussian import Fit, Statistics, cells
from poolwise.posterior.hyper import Layout, layout, leaf_cell, noise_at
from poolwise.posterior.tree import Conditional


class Seen(NamedTuple):
    """What `look` finds, about every arm."""

    mean: np.ndarray
    """(3, arms): the utility here, what the rest of this project shares, what this context elsewhere shares."""
    scale: np.ndarray
    """(3, arms)."""
    share: np.ndarray | None
    """(2, arms): by how much of a change of the first the other two change; None where that is not kept."""


class State(NamedTuple):
    """Conditionals of every tier, (arms, q, q), (families, q, q), (1, q, q), and the statistics they rest on."""

    tiers: tuple[Conditional, ...]
    """Arms, families (absent where every arm is its own), globe."""
    spread: tuple[np.ndarray, ...]
    """(q,) variance of every tier but the last around the one above."""
    family: np.ndarray
    members: tuple[slice | np.ndarray, ...]
    """Of every family: its arms, as a slice where they stand together."""
    form: Layout
    cell: float
    """Standard deviation of a cell around its coordinates."""
    noise: np.ndarray
    """(contexts, arms)."""
    cells: Cells
    """[project, context, arm]; rows that no outcome has filled yet are room for new projects and contexts."""


def start(fit: Fit, stats: Statistics) -> State:
    """The state that all outcomes so far lead to. Unseen projects, contexts and arms in `stats` are room to grow."""
    statistics = Cells(*(part.copy() for part in cells(stats)))
    form = layout(statistics.count.shape, fit.families)
    tree = solve(statistics, fit.hyper, fit.family, fit.families)
    globe = Conditional(tree.globe.covariance[None], tree.globe.mean[None])
    middle = (tree.family,) if fit.families else ()
    tiers = (fit.hyper.arm, fit.hyper.family)[: 1 + len(middle)]
    spread = tuple(form.variances(tier, np) for tier in tiers)
    family = np.asarray(fit.family)
    members = tuple(_together(np.flatnonzero(family == one)) for one in range(fit.families))
    noise = np.broadcast_to(noise_at(fit.hyper, form.contexts), statistics.count.shape[1:])
    cell = float(leaf_cell(fit.hyper, form.cells))
    return State((tree.arm, *middle, globe), spread, family, members, form, cell, noise, statistics)


def _together(rows: np.ndarray) -> slice | np.ndarray:
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def absorb(state: State, project: int, context: int, arm: int, y: float, weight: float = 1.0) -> None:
    """One more outcome, in place; `weight`: part of an outcome that it counts as."""
    precision, information = _observe(state, project, context, arm, y, weight)
    rows = (arm, state.family[arm], 0) if len(state.tiers) == 3 else (arm, 0)
    at = state.form.at(project, context)
    direction = None
    for tier, row, spread in zip(state.tiers, rows, (*state.spread, None), strict=True):
        covariance, mean = tier.covariance[row], tier.mean[row]
        if direction is None:
            moved = np.add.reduce(covariance.take(at, 0), 0)
            along, level = sum(map(moved.item, at)), sum(map(mean.item, at))
        else:
            moved = covariance @ direction
            along, level = direction @ moved, direction @ mean
        scale = 1 + precision * along
        information = (information - precision * level) / scale
        precision = precision / scale
        # In place: a covariance is symmetric and contiguous, so its transpose is the column order that BLAS wants.
        dger(-precision, moved, moved, a=covariance.T, overwrite_a=1)
        mean += information * moved
        if spread is not None:
            direction = moved / spread


def stale(state: State) -> bool:
    """Never: every belief is current after every outcome."""
    return False


def query(state: State, project: int, context: int) -> Belief:
    """Belief about theta of every arm in one (project, context): (arms,)."""
    seen = look(state, project, context)
    return Belief(seen.mean[0], seen.scale[0])


def look(state: State, project: int, context: int) -> Seen:
    """`query`, and what each arm's belief shares with the rest of this project, and with this context in other
    projects. The effects alone: what another project or context adds of its own is not in the last two."""
    mean, variance, along = _directions(state, state.form.at(project, context))
    scale = np.sqrt(variance)
    if not state.cell:
        return Seen(mean, scale, along / variance[0])
    own, noise = Cells(*(part[project, context] for part in state.cells)), state.noise[context]
    mean[0], scale[0] = shrink(mean[0], variance[0], own, state.cell, noise)
    rest = noise * noise / (own.count * state.cell**2 + noise * noise)
    return Seen(mean, scale, rest * along / (scale[0] * scale[0]))


_MEMBERS = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
"""Which of level, context, project and cell each of the three sums holds."""


def _directions(state: State, at: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posterior mean and variance of the three sums, (3, arms), and covariance of the first with the others."""
    covariance, effects = state.tiers[0]
    members = _MEMBERS[:, : len(at)]
    moved = members @ covariance.take(at, 1)
    mean, here = effects.take(at, 1) @ members.T, moved.take(at, 2)
    variance, along = np.vecdot(here, members), here[:, 0] @ members[1:].T
    for tier, spread in zip(state.tiers[1:], state.spread, strict=True):
        direction = moved / spread
        moved, level = _through(state, tier, direction)
        mean += level
        variance += np.vecdot(moved, direction)
        along += np.vecdot(moved[:, :1], direction[:, 1:])
    return np.ascontiguousarray(mean.T), np.ascontiguousarray(variance.T), np.ascontiguousarray(along.T)


def _through(state: State, tier: Conditional, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of a tier times every direction (arms, 3, q), and its mean along them (arms, 3)."""
    if len(tier.mean) == 1:
        flat = direction.reshape(-1, direction.shape[2])
        return (flat @ tier.covariance[0]).reshape(direction.shape), direction @ tier.mean[0]
    moved = np.empty_like(direction)
    for rows, covariance in zip(state.members, tier.covariance, strict=True):
        moved[rows] = direction[rows] @ covariance
    return moved, np.vecdot(direction, tier.mean[state.family][:, None])


def _observe(state: State, project: int, context: int, arm: int, y: float, part: float) -> tuple[float, float]:
    """Update the cell's statistics; returns the change of its weight, and of its weight times mean."""
    at = (project, context, arm)
    count, mean, deviation = (float(array[at]) for array in state.cells)
    cell, noise = state.cell**2, float(state.noise[context, arm]) ** 2
    more = count + part
    after = mean + (y - mean) * part / more
    state.cells.count[at], state.cells.mean[at] = more, after
    state.cells.deviation[at] = deviation + (y - mean) * (y - after) * part
    before, now = count / (count * cell + noise), more / (more * cell + noise)
    return now - before, now * after - before * mean

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

from poolwise.posterior.belief import Belief
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
    """Conditionals of every tier and the statistics they rest on, changed in place."""

    tiers: tuple[np.ndarray, ...]
    """Arms, families (absent where every arm is its own), globe: (arms, q, q + 1), (families, ..), (1, ..). Covariance
    and, as the last column, mean: what is done to one is done to the other, in one call. Of the tiers above the arms in
    the units of `_units`."""
    family: np.ndarray
    members: tuple[slice | np.ndarray, ...]
    """Of every family: its arms, as a slice where they stand together."""
    form: Layout
    cell: float
    """Variance of a cell around its coordinates."""
    noise: np.ndarray
    """(contexts, arms)."""
    cells: Cells
    """[project, context, arm]; rows that no outcome has filled yet are room for new projects and contexts."""
    rest: np.ndarray
    """The same: noise^2 / (n cell + noise^2), the part that the coordinates have in the belief about a cell."""


def start(fit: Fit, stats: Statistics) -> State:
    """The state that all outcomes so far lead to. Unseen projects, contexts and arms in `stats` are room to grow."""
    statistics = Cells(*(part.copy() for part in cells(stats)))
    form = layout(statistics.count.shape, fit.families)
    tree = solve(statistics, fit.hyper, fit.family, fit.families)
    globe = Conditional(tree.globe.covariance[None], tree.globe.mean[None])
    middle = (tree.family,) if fit.families else ()
    below = (fit.hyper.arm, fit.hyper.family)[: 1 + len(middle)]
    units = _units([form.variances(tier, np) for tier in below])
    tiers = tuple(_block(one, unit) for one, unit in zip((tree.arm, *middle, globe), units, strict=True))
    family = np.asarray(fit.family)
    members = tuple(_together(np.flatnonzero(family == one)) for one in range(fit.families))
    noise = np.broadcast_to(noise_at(fit.hyper, form.contexts), statistics.count.shape[1:])
    cell = float(leaf_cell(fit.hyper, form.cells)) ** 2
    rest = noise * noise / (statistics.count * cell + noise * noise)
    return State(tiers, family, members, form, cell, noise, statistics, rest)


def _units(variances: list[np.ndarray]) -> list[np.ndarray]:
    """(q,) factor on every tier's effects. With u a tier's covariance along a direction, D^-1 u is the direction in the
    tier above; in these units it is u itself."""
    units = [np.ones_like(variances[0])]
    for variance in variances:
        units.append(1 / (units[-1] * variance))
    return units


def _block(one: Conditional, unit: np.ndarray) -> np.ndarray:
    return np.concatenate([unit[:, None] * one.covariance * unit, (unit * one.mean)[..., None]], 2)


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
    for tier, row in zip(state.tiers, rows, strict=True):
        block = tier[row]
        if direction is None:
            moved = np.add.reduce(block.take(at, 0), 0)
            along = sum(map(moved.item, at))
        else:
            moved = direction @ block
            along = (direction @ moved[:-1]).item()
        scale = 1 + precision * along
        information = (information - precision * moved.item(-1)) / scale
        precision = precision / scale
        change = -precision * moved
        change[-1] = information
        # In place: the block is contiguous, so its transpose is in the column order that BLAS wants.
        direction = moved[:-1]
        dger(1.0, change, direction, a=block.T, overwrite_a=1)


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
    mean, product = _sums(state, state.form.at(project, context))
    variance, along = product.reshape(9, -1)[::4], product[0, 1:]
    if state.cell:
        rest, own = state.rest[project, context], state.cells.mean[project, context]
        mean[0] = own + rest * (mean[0] - own)
        variance[0] = rest * (rest * variance[0] + state.cell)
        along = rest * along
    return Seen(mean, np.sqrt(variance), along / variance[0])


_MEMBERS = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
"""Which of level, context, project and cell each of the three sums holds."""


def _sums(state: State, at: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Posterior mean (3, arms) and covariance (3, 3, arms) of the three sums."""
    members = _MEMBERS[:, : len(at)]
    moved = members @ state.tiers[0].take(at, 1)
    mean, product = moved[..., -1], moved.take(at, 2) @ members.T
    for tier in state.tiers[1:]:
        direction, moved = moved[..., :-1], _through(state, tier, moved)
        product += moved[..., :-1] @ direction.swapaxes(1, 2)
        mean = mean + moved[..., -1]
    return np.ascontiguousarray(mean.T), np.ascontiguousarray(product.T)


def _through(state: State, tier: np.ndarray, below: np.ndarray) -> np.ndarray:
    """(arms, 3, q + 1): covariance of a tier along the directions that the tier below gives, and its mean."""
    width = below.shape[2]
    if len(tier) == 1:
        return (below.reshape(-1, width)[:, :-1] @ tier[0]).reshape(below.shape)
    moved = np.empty_like(below)
    for rows, block in zip(state.members, tier, strict=True):
        moved[rows] = (below[rows].reshape(-1, width)[:, :-1] @ block).reshape(-1, 3, width)
    return moved


def _observe(state: State, project: int, context: int, arm: int, y: float, part: float) -> tuple[float, float]:
    """Update the cell's statistics; returns the change of its weight, and of its weight times mean."""
    at = (project, context, arm)
    count, mean, deviation = (array.item(at) for array in state.cells)
    cell, noise = state.cell, state.noise.item(context, arm) ** 2
    more = count + part
    after = mean + (y - mean) * part / more
    state.cells.count[at], state.cells.mean[at] = more, after
    state.cells.deviation[at] = deviation + (y - mean) * (y - after) * part
    state.rest[at] = noise / (more * cell + noise)
    before, now = count / (count * cell + noise), more / (more * cell + noise)
    return now - before, now * after - before * mean

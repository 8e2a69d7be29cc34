"""The belief that serves: exact after every outcome, at the cost of one rank-one update per tier.

One more outcome in cell (p, c) of an arm changes its precision by k e e' and its information by h e, e = (1, e_c, e_p).
With u = S e and d = 1 + k e'u the tier's conditional becomes

    S - (k / d) u u',   mean + u (h - k e'mean) / d

and the tier above sees a change of the same form with e <- u / D, k <- k / d, h <- (h - k e'mean) / d, where D is the
diagonal variance of this tier around that one. So an outcome costs O(q^2) and `query`, over all arms, O(A q^2).
Plain NumPy in place: no compiled call, no copy of the state. `tests/posterior/test_online.py` holds it to `gaussian`.
"""

from typing import NamedTuple

import numpy as np

from poolwise.posterior.belief import Belief, shrink
from poolwise.posterior.crossed import Cells, solve, variances
from poolwise.posterior.gaussian import Fit, Statistics, cells
from poolwise.posterior.hyper import Hyper
from poolwise.posterior.tree import Conditional


class State(NamedTuple):
    """Conditionals of every tier, (arms, q, q), (families, q, q), (1, q, q), and the statistics they rest on."""

    tiers: tuple[Conditional, ...]
    """Arms, families (absent where every arm is its own), globe."""
    spread: tuple[np.ndarray, ...]
    """(q,) variance of every tier but the last around the one above."""
    family: np.ndarray
    hyper: Hyper
    cells: Cells
    """[project, context, arm]; rows that no outcome has filled yet are room for new projects and contexts."""


def start(fit: Fit, stats: Statistics) -> State:
    """The state that all outcomes so far lead to. Unseen projects, contexts and arms in `stats` are room to grow."""
    statistics = Cells(*(part.copy() for part in cells(stats)))
    projects, contexts, _ = statistics.count.shape
    tree = solve(statistics, fit.hyper, fit.family, fit.families)
    globe = Conditional(tree.globe.covariance[None], tree.globe.mean[None])
    middle = (tree.family,) if fit.families else ()
    tiers = (fit.hyper.arm, fit.hyper.family)[: 1 + len(middle)]
    spread = tuple(np.asarray(variances(tier, contexts, projects, np)) for tier in tiers)
    return State((tree.arm, *middle, globe), spread, np.asarray(fit.family), fit.hyper, statistics)


def absorb(state: State, project: int, context: int, arm: int, y: float) -> None:
    """One more outcome, in place."""
    precision, information = _observe(state, project, context, arm, y)
    rows = (arm, state.family[arm], 0) if len(state.tiers) == 3 else (arm, 0)
    contexts = state.cells.count.shape[1]
    at = [0, 1 + context, 1 + contexts + project]
    direction = None
    for tier, row, spread in zip(state.tiers, rows, (*state.spread, None), strict=True):
        covariance, mean = tier.covariance[row], tier.mean[row]
        if direction is None:
            moved = covariance[:, at].sum(1)
            along, level = moved[at].sum(), mean[at].sum()
        else:
            moved = covariance @ direction
            along, level = direction @ moved, direction @ mean
        scale = 1 + precision * along
        information = (information - precision * level) / scale
        precision = precision / scale
        covariance -= np.multiply.outer(precision * moved, moved)
        mean += information * moved
        if spread is not None:
            direction = moved / spread


def query(state: State, project: int, context: int) -> Belief:
    """Belief about theta of every arm in one (project, context): (arms,)."""
    contexts = state.cells.count.shape[1]
    at = [0, 1 + context, 1 + contexts + project]
    moved = state.tiers[0].covariance[:, :, at].sum(2)
    mean, variance = _downwards(state, moved, moved[:, at].sum(1), state.tiers[0].mean[:, at].sum(1))
    own = Cells(*(part[project, context] for part in state.cells))
    return shrink(mean, variance, own, state.hyper)


def query_wider(state: State, project: int, context: int) -> Belief:
    """What the arm's belief shares, (3, arms): with this project elsewhere, with this context elsewhere, with all."""
    contexts = state.cells.count.shape[1]
    beliefs = []
    for at in ([0, 1 + contexts + project], [0, 1 + context], [0]):
        moved = state.tiers[0].covariance[:, :, at].sum(2)
        mean, variance = _downwards(state, moved, moved[:, at].sum(1), state.tiers[0].mean[:, at].sum(1))
        beliefs.append((mean, np.sqrt(variance)))
    return Belief(*(np.array(part) for part in zip(*beliefs, strict=True)))


def _downwards(
    state: State, moved: np.ndarray, variance: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of directions of every arm, from those given the tier above: (arms,) each."""
    for tier, spread in zip(state.tiers[1:], state.spread, strict=True):
        direction = moved / spread
        if len(tier.mean) == 1:
            moved = direction @ tier.covariance[0]
            mean = mean + direction @ tier.mean[0]
        else:
            moved = np.matmul(tier.covariance[state.family], direction[:, :, None])[:, :, 0]
            mean = mean + np.einsum("aq,aq->a", tier.mean[state.family], direction)
        variance = variance + np.einsum("aq,aq->a", moved, direction)
    return mean, variance


def _observe(state: State, project: int, context: int, arm: int, y: float) -> tuple[float, float]:
    """Update the cell's statistics; returns the change of its weight, and of its weight times mean."""
    at = (project, context, arm)
    count, mean, deviation = (float(part[at]) for part in state.cells)
    cell, noise = float(state.hyper.cell) ** 2, float(state.hyper.noise[arm]) ** 2
    after = mean + (y - mean) / (count + 1)
    state.cells.count[at], state.cells.mean[at] = count + 1, after
    state.cells.deviation[at] = deviation + (y - mean) * (y - after)
    before, now = count / (count * cell + noise), (count + 1) / ((count + 1) * cell + noise)
    return now - before, now * after - before * mean

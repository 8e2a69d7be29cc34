"""Drift: what an outcome is worth halves with every `half_life` outcomes that come after it.

    weight of the i-th of n outcomes = 2^(-(n - i) / half_life)

so that a belief follows a system that changes slowly, and widens about cells that are no longer tried. Weights are
cut in steps of a 32nd of the half-life, since each costs a pass over the statistics. It is the steady state of a Kalman
filter for cells that wander by a standard deviation of noise ln 2 / half_life per outcome (West and Harrison 1997,
section 6.3, discounting).

A half-life may be learned: `Candidates` keeps the statistics of every cell under each of a few, none among them, and
how well each would have predicted every outcome from the cell's own earlier ones,

    y ~ Student-t(4) around (total + k M) / (n + k),   scale^2 = s^2 (1 + 1 / (n + k)),   k = s^2 / between^2

M and between being mean and spread of the arm's cells. The one that predicted best serves, if it is better than none
by `_EVIDENCE` nats.
"""

from typing import NamedTuple

import numpy as np

from poolwise.posterior.gaussian import Statistics

GRID = (np.inf, 3_000.0, 1_000.0, 300.0, 100.0)
"""Half-lives that may be learned, none first."""
_STEPS = 32
_EVIDENCE = 4.0
_FREEDOM = 4.0
_START = np.array([0.0, 0.0, 0.0, 0.0, 0.25, 4.0])
EVERY = 50
"""A half-life is chosen again after so many outcomes."""


def step(half_life: float) -> int:
    """Outcomes between two cuts."""
    return max(1, round(half_life / _STEPS))


def kept(half_life: float) -> float:
    """Share that one cut leaves."""
    return float(0.5 ** (step(half_life) / half_life))


def ages(half_life: float, before: int, count: int) -> np.ndarray:
    """(count + 1,): shares that the cuts leave of what was before, then of each of `count` outcomes, once all came."""
    if not np.isfinite(half_life):
        return np.ones(count + 1)
    cut = step(half_life)
    number = np.arange(before, before + count + 1)
    last = (before + count) // cut
    cuts = last - np.concatenate([[before // cut], (number[1:] - 1) // cut])
    return np.asarray(kept(half_life) ** cuts)


class Candidates(NamedTuple):
    """Every half-life of `GRID` at once; changed in place."""

    cells: dict[tuple[int, int, int], np.ndarray]
    """(4, half-lives): count, total, squares as of the last outcome of the cell, and its number among all outcomes."""
    arms: dict[int, np.ndarray]
    """(6, half-lives): the same of the arm; then sum and number of squared residuals, which make s^2."""
    score: np.ndarray
    """Log predictive densities."""
    last: np.ndarray
    """(1,): number of the last outcome."""


def candidates() -> Candidates:
    """Before any outcome."""
    size = len(GRID)
    return Candidates({}, {}, np.zeros(size), np.zeros(1))


def observe(state: Candidates, place: tuple[int, int, int], y: float, weight: float, number: int) -> None:
    """The `number`-th outcome of all."""
    size, grid = len(GRID), np.array(GRID)
    cell = state.cells.setdefault(place, np.zeros((4, size)))
    arm = state.arms.setdefault(place[2], _START[:, None] * np.ones(size))
    for part in (cell, arm):
        part[:3] *= 0.5 ** ((number - part[3]) / grid)
        part[3] = number
    if (cell[0] > 0).all():
        noise, mean = arm[4] / arm[5], arm[1] / arm[0]
        between = np.maximum(arm[2] / arm[0] - mean**2 - noise, 0.1 * noise)
        prior = noise / between
        centre, wider = (cell[1] + prior * mean) / (cell[0] + prior), 1 + 1 / (cell[0] + prior)
        squared = (y - centre) ** 2 / (noise * wider)
        state.score[:] -= 0.5 * (np.log(noise * wider) + (_FREEDOM + 1) * np.log1p(squared / _FREEDOM))
        arm[4] += noise * np.minimum(squared, 9.0)
        arm[5] += 1
    for part in (cell, arm):
        part[:3] += weight * np.array([1.0, y, y * y])[:, None]
    state.last[0] = number


def chosen(state: Candidates) -> int:
    """Index into `GRID` of the half-life that predicted best."""
    best = int(state.score.argmax())
    return best if state.score[best] > state.score[0] + _EVIDENCE else 0


def fade(state: Candidates, project: int, context: int, keep: np.ndarray) -> None:
    """Let a share of a cell's evidence count, (arms,)."""
    for (p, c, arm), cell in state.cells.items():
        if (p, c) == (project, context):
            cell[:3] *= keep[arm]


def statistics(state: Candidates, index: int, shape: tuple[int, ...]) -> Statistics:
    """What the outcomes come to under one of the half-lives."""
    parts = np.zeros((3, *shape))
    for place, cell in state.cells.items():
        parts[(slice(None), *place)] = cell[:3, index] * 0.5 ** ((state.last[0] - cell[3, index]) / GRID[index])
    return Statistics(*parts)

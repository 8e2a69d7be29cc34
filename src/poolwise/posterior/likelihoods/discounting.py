"""Drift: old outcomes count less, so that a belief follows a system that changes, and widens about what it left alone.

With a given half-life what an outcome is worth halves with every `half_life` outcomes that come after it,

    weight of the i-th of n outcomes = 2^(-(n - i) / half_life)

cut in steps of a 32nd of the half-life, since each costs a pass over the statistics (West and Harrison 1997, section
6.3, discounting).

A half-life may be learned, of a system whose cells wander by a variance q with every outcome, wherever that comes in.
The belief about a cell that n outcomes of variance s^2 left then widens from s^2 / n to s^2 / n + q d in the time of d
more, as if fewer of them counted:

    n -> n / (1 + n d / h),   h = s^2 / q

so that one outcome is worth half after h more, and many together lose faster, as they claim more. q is the same for
all cells, so that h is in proportion to the noise of an arm in a context; a half-life is that of the usual noise.
`HalfLifeGrid` keeps the statistics of every cell under each of a few half-lives, and how well each would have predicted
every outcome from the cell's own earlier ones: y ~ Normal(mean, s^2 (1 + 1 / n)). The best one serves; a drift so slow
that it cannot be told from none may do so too. The noise of a cell is what such predictions miss, not its spread, which
holds the drift. Source: the local level model (Harvey 1989, section 2.3; West and Harrison 1997, chapter 2).
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.crossed.batch import SufficientStatistics

HALF_LIVES = (np.inf, 1e6, 5e5, 2e5, 1e5, 5e4, 2e4, 1e4, 5e3, 2e3, 1e3, 500.0, 200.0, 100.0, 50.0)
"""Half-lives that may be learned, none first."""
_STEPS = 32
_ABSURD = 9.0
"""Bound of a squared standardised error: one outcome must not decide."""
_START = (0.25, 4.0)
"""Of the noise of an arm: squared residuals, and their number, before any outcome."""
_SHARED = 10.0
"""Outcomes that the noise of the arm in all contexts counts as, for that in one."""
_EVERY, _PART = 50, 20
"""A half-life is chosen again after so many outcomes, or one for so many cells where these are more."""


def step(half_life: float) -> int:
    """Outcomes between two cuts."""
    return max(1, round(half_life / _STEPS))


def discount_factor(half_life: float) -> float:
    """Share that one cut leaves."""
    return float(0.5 ** (step(half_life) / half_life))


def age_weights(half_life: float, before: int, count: int) -> np.ndarray:
    """(count + 1,): shares that the cuts leave of what was before, then of each of `count` outcomes, once all came."""
    if not np.isfinite(half_life):
        return np.ones(count + 1)
    cut = step(half_life)
    number = np.arange(before, before + count + 1)
    last = (before + count) // cut
    cuts = last - np.concatenate([[before // cut], (number[1:] - 1) // cut])
    return np.asarray(discount_factor(half_life) ** cuts)


class HalfLifeGrid(NamedTuple):
    """Every half-life of `HALF_LIVES` at once; changed in place."""

    cells: dict[tuple[int, int, int], np.ndarray]
    """(4, half-lives): count, total, squares as of the last outcome of the cell, and its number among all outcomes."""
    noises: dict[tuple[int, ...], np.ndarray]
    """Of (arm,), and of (context, arm): (2, half-lives), sum of squared residuals and their number."""
    usual: Float[np.ndarray, "2 half_life"]
    """Sum of the logarithms of the noise's variance at every outcome, and their number."""
    score: Float[np.ndarray, " half_life"]
    """Log predictive densities."""
    last: Float[np.ndarray, "1"]
    """Number of the last outcome."""


def half_life_grid() -> HalfLifeGrid:
    """Before any outcome."""
    size = len(HALF_LIVES)
    start = np.log(_START[0] / _START[1])
    return HalfLifeGrid({}, {}, np.outer([start, 1.0], np.ones(size)), np.zeros(size), np.zeros(1))


def due(state: HalfLifeGrid, outcomes: int) -> bool:
    """Whether a half-life is to be chosen again."""
    return outcomes % max(_EVERY, len(state.cells) // _PART) == 0


def update(state: HalfLifeGrid, place: tuple[int, int, int], y: float, weight: float, number: int) -> None:
    """The `number`-th outcome of all."""
    cell = state.cells.setdefault(place, np.zeros((4, len(HALF_LIVES))))
    cell[:3] *= _left(state, place, number)
    if (cell[0] > 0).all():
        _judge(state, place, y, cell)
    cell[:3] += weight * np.array([1.0, y, y * y])[:, None]
    cell[3] = state.last[0] = number


def _judge(state: HalfLifeGrid, place: tuple[int, int, int], y: float, cell: np.ndarray) -> None:
    """How well each half-life predicted an outcome, and what that says of the noise."""
    variance, wider = noise(state, *place[1:]), 1 + 1 / cell[0]
    squared = np.minimum((y - cell[1] / cell[0]) ** 2 / (variance * wider), _ABSURD)
    state.score[:] -= 0.5 * (np.log(variance * wider) + squared)
    state.usual[:] += np.log(variance), np.ones(len(HALF_LIVES))
    for part in (state.noises[place[2:]], state.noises[place[1:]]):
        part[:] += variance * squared, np.ones(len(HALF_LIVES))


def noise(state: HalfLifeGrid, context: int, arm: int) -> np.ndarray:
    """(half-lives,): variance of one outcome, drift apart."""
    size = (1, len(HALF_LIVES))
    every = state.noises.setdefault((arm,), np.tile(np.array(_START)[:, None], size))
    own = state.noises.setdefault((context, arm), np.tile(np.zeros((2, 1)), size))
    return np.asarray((own[0] + _SHARED * every[0] / every[1]) / (own[1] + _SHARED))


def _left(state: HalfLifeGrid, place: tuple[int, int, int], number: float) -> np.ndarray:
    """(half-lives,): share of a cell's outcomes that still count by the `number`-th of all."""
    count, last = state.cells[place][[0, 3]]
    half_lives = np.array(HALF_LIVES) * noise(state, *place[1:]) / np.exp(state.usual[0] / state.usual[1])
    return np.asarray(1 / (1 + count * (number - last) / half_lives))


def select_half_life(state: HalfLifeGrid) -> int:
    """Index into `HALF_LIVES` of the half-life that predicted best."""
    return int(state.score.argmax())


def discount(state: HalfLifeGrid, project: int, context: int, keep: np.ndarray) -> None:
    """Let a share of a cell's evidence count, (arms,)."""
    for (p, c, arm), cell in state.cells.items():
        if (p, c) == (project, context):
            cell[:3] *= keep[arm]


def statistics(state: HalfLifeGrid, index: int, shape: tuple[int, ...]) -> SufficientStatistics:
    """What the outcomes come to under one of the half-lives."""
    parts = np.zeros((3, *shape))
    for place, cell in state.cells.items():
        parts[(slice(None), *place)] = cell[:3, index] * _left(state, place, state.last[0])[index]
    return SufficientStatistics(*parts)


def detrended(stats: SufficientStatistics, state: HalfLifeGrid | None) -> SufficientStatistics:
    """The statistics with outcomes as far around the mean of their cell as their noise, drift apart, spreads them; as
    they are where no half-life is learned."""
    if state is None:
        return stats
    index, variance = select_half_life(state), np.zeros(stats.count.shape[1:])
    for place in (place for place in state.noises if len(place) == 2):
        variance[place] = noise(state, *place)[index]
    squares = stats.total**2 / np.maximum(stats.count, 1e-300) + np.maximum(stats.count - 1, 0) * variance
    return stats._replace(squares=squares)

"""Jobs that recur, where no baseline's cost is known: every job has a level of its own, and only contrasts are learned.

    y_i = level[job] + theta[arm_i] + eps_i,     level ~ flat

With the level integrated out, the n_a outcomes of one arm among the N of a job say of theta_a what the others leave:

    n_a (N - n_a) / N outcomes of mean   r_a = mean of y over a - mean over the others of (y - theta)

So a job with one arm teaches nothing, and whatever is added to all outcomes of a job changes nothing. The
coupling of two arms in the precision, -n_a n_b / N, is left out. An arm is meant in its (project, context).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from poolwise.posterior.crossed.batch import SufficientStatistics

Theta = Callable[[int, int], np.ndarray]
"""(project, context) -> (arms,) what is believed of every arm."""
Key = tuple[int, int, int]
"""(project, context, arm)."""
Sums = Mapping[Key, np.ndarray]
"""Of one job, by arm: number, sum and sum of squares of its outcomes."""


class StatisticsDelta(NamedTuple):
    """What is added to the statistics of cells, one row each."""

    project: np.ndarray
    context: np.ndarray
    arm: np.ndarray
    count: np.ndarray  # type: ignore[assignment]
    total: np.ndarray
    squares: np.ndarray


def add_statistics(stats: SufficientStatistics, change: StatisticsDelta) -> SufficientStatistics:
    """With what is added; a cell that says nothing any more is empty."""
    rows, parts = (change.project, change.context, change.arm), [part.copy() for part in stats]
    for part, more in zip(parts, (change.count, change.total, change.squares), strict=True):
        part[rows] += more
    return SufficientStatistics(*(np.where(parts[0] < 1e-9, 0.0, part) for part in parts))


def without(change: StatisticsDelta, arm: int) -> StatisticsDelta:
    """Less the rows of one arm."""
    return StatisticsDelta(*(column[change.arm != arm] for column in change))


def level_of(sums: Sums, but: Key, theta: Theta) -> float | None:
    """Of a job, from all arms but one; None: there are no others."""
    others = [(count, total - count * theta(*key[:2])[key[2]]) for key, (count, total, _) in sums.items() if key != but]
    return sum(total for _, total in others) / sum(count for count, _ in others) if others else None


def contrasts(sums: Sums, theta: Theta, limit: float = np.inf) -> dict[Key, np.ndarray]:
    """Number, sum and sum of squares that every arm's contrast within a job is worth. |r_a| is at most `limit`.

    >>> both = {(0, 0, 0): np.array([1.0, -12.0, 144.0]), (0, 0, 1): np.array([1.0, -11.5, 132.25])}
    >>> {key[2]: found[1].item() for key, found in contrasts(both, lambda project, context: np.zeros(2)).items()}
    {0: -0.25, 1: 0.25}
    """
    known = {cell: theta(*cell) for cell in {key[:2] for key in sums}}
    number, found = sum(part[0] for part in sums.values()), {}
    for key, (count, total, squares) in sums.items():
        level = level_of(sums, key, lambda p, c: known[p, c])
        if level is not None:
            mean, weight = total / count, count * (number - count) / number
            contrast = min(max(mean - level, -limit), limit)
            variance = max(squares / count - mean**2, 0.0)
            found[key] = weight * np.array([1.0, contrast, contrast**2 + variance])
    return found

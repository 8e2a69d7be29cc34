"""Jobs that recur, where no baseline's cost is known: every job has a level of its own, and only contrasts are learned.

    y_i = level[job] + theta[arm_i] + eps_i,     level ~ flat

With the level integrated out, the n_a outcomes of one arm among the N of a job say of theta_a what the others leave:

    n_a (N - n_a) / N outcomes of mean   r_a = mean of y over a - mean over the others of (y - theta)

So a job with one arm teaches nothing, and whatever is added to all outcomes of a job changes nothing. The thetas of
the others are the belief of the moment; taken again from time to time they alternate to the joint solution. The
coupling of two arms in the precision, -n_a n_b / N, is left out. An arm is meant in its (project, context).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from poolwise.posterior.gaussian import Statistics

Theta = Callable[[int, int], np.ndarray]
"""(project, context) -> (arms,) what is believed of every arm."""
Key = tuple[int, int, int]
"""(project, context, arm)."""


class Change(NamedTuple):
    """What is added to the statistics of cells, one row each."""

    project: np.ndarray
    context: np.ndarray
    arm: np.ndarray
    count: np.ndarray  # type: ignore[assignment]
    total: np.ndarray
    squares: np.ndarray


class Levels:
    """Sums of every job by arm: number, sum and sum of squares; and what each was last taken to say. Jobs are indices.

    >>> levels, even = Levels(), lambda project, context: np.zeros(2)
    >>> levels.add(7, (0, 0, 0), -12.0)
    >>> levels.add(7, (0, 0, 1), -11.5)
    >>> levels.change([7], even).total
    array([-0.25,  0.25])
    """

    def __init__(self) -> None:
        self._sums: dict[int, dict[Key, np.ndarray]] = {}
        self._told: dict[int, dict[Key, np.ndarray]] = {}

    @property
    def jobs(self) -> list[int]:
        return list(self._sums)

    def add(self, job: int, key: Key, y: float) -> None:
        """One outcome."""
        sums = self._sums.setdefault(job, {}).setdefault(key, np.zeros(3))
        sums += 1.0, y, y * y

    def worth(self, job: int, key: Key, y: float, theta: Theta) -> float:
        """y without the level that the job's other arms tell; what is believed where there are none."""
        level = _level(self._sums.get(job, {}), key, theta)
        return float(theta(*key[:2])[key[2]]) if level is None else y - level

    def change(self, jobs: list[int], theta: Theta, limit: float = np.inf) -> Change:
        """What these jobs say now, less what they said last. |r_a| is at most `limit`."""
        rows: dict[Key, np.ndarray] = {}
        for job in jobs:
            now, before = _contrasts(self._sums[job], theta, limit), self._told.get(job, {})
            for key in now.keys() | before.keys():
                rows[key] = rows.get(key, 0.0) + now.get(key, np.zeros(3)) - before.get(key, np.zeros(3))
            self._told[job] = now
        keys = np.array(sorted(rows), dtype=np.int64).reshape(-1, 3)
        values = np.array([rows[key] for key in sorted(rows)]).reshape(-1, 3)
        return Change(*keys.T, *values.T)

    def forget(self, project: int, context: int, arms: set[int]) -> None:
        """Drop the outcomes of some arms in one cell, and what they were taken to say."""
        for jobs in (self._sums, self._told):
            for sums in jobs.values():
                for key in [key for key in sums if key[:2] == (project, context) and key[2] in arms]:
                    del sums[key]


def amended(stats: Statistics, change: Change) -> Statistics:
    """With what is added; a cell that says nothing any more is empty."""
    rows, parts = (change.project, change.context, change.arm), [part.copy() for part in stats]
    for part, more in zip(parts, (change.count, change.total, change.squares), strict=True):
        part[rows] += more
    return Statistics(*(np.where(parts[0] < 1e-9, 0.0, part) for part in parts))


def without(change: Change, arm: int) -> Change:
    """Less the rows of one arm."""
    return Change(*(column[change.arm != arm] for column in change))


def _level(sums: dict[Key, np.ndarray], but: Key, theta: Theta) -> float | None:
    """Of the job, from all arms but one."""
    rest = [(count, total - count * theta(*key[:2])[key[2]]) for key, (count, total, _) in sums.items() if key != but]
    return sum(total for _, total in rest) / sum(count for count, _ in rest) if rest else None


def _contrasts(sums: dict[Key, np.ndarray], theta: Theta, limit: float) -> dict[Key, np.ndarray]:
    """Number, sum and sum of squares that every arm's contrast is worth."""
    known = {cell: theta(*cell) for cell in {key[:2] for key in sums}}
    number, found = sum(part[0] for part in sums.values()), {}
    for key, (count, total, squares) in sums.items():
        level = _level(sums, key, lambda p, c: known[p, c])
        if level is not None:
            mean, weight = total / count, count * (number - count) / number
            contrast = min(max(mean - level, -limit), limit)
            spread = max(squares / count - mean**2, 0.0)
            found[key] = weight * np.array([1.0, contrast, contrast**2 + spread])
    return found

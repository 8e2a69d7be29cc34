"""The baseline apart from all other arms: its utility is 0 by definition, so what comes of it tells of itself alone.

    theta[p, c] ~ Normal(0, s^2),   y ~ Normal(theta, noise^2)

of every (project, context) by itself, failures counting what they are worth. s and the noise are estimated from the
baseline's own outcomes, each with a prior worth `_TRUST` of them: the noise from what they differ within cells, s from
the sums of cells, whose squares are expected to be n (n s^2 + noise^2). In the tree of the other arms its outcomes,
often exactly 0, would make noise and scales look like none and draw every arm towards 0. Nor is it certain to be worth
0: the cost that utilities compare with may have been measured once, or elsewhere; then s widens with what is seen.
"""

from typing import Any

import numpy as np

from poolwise.arrays import Array
from poolwise.posterior import influence
from poolwise.posterior.crossed import Cells
from poolwise.posterior.gaussian import Statistics, cells
from poolwise.posterior.utility import Utility

_SCALE, _NOISE = 0.05**2, 0.25**2
"""Variance of a baseline's utility around 0, and of one outcome, before any was seen."""
_TRUST = 4.0


class Reference:
    """Mutable shell; arm: index of the baseline; limit: see `influence`. Arrays are [project, context, 1]."""

    def __init__(self, arm: int, projects: int, contexts: int, limit: float | None) -> None:
        self.arm, self._limit = arm, limit
        self._fine, self._failed = (Statistics(*np.zeros((3, projects, contexts, 1))) for _ in range(2))
        self._total: tuple[float, ...] = ()
        self._settle()

    def learn(self, project: int, context: int, y: float, ok: bool, cut: bool) -> None:
        """One outcome of utility y. cut: it is at most y, which tells nothing unless that is below 0."""
        if cut and y >= 0:
            return
        place = (project, context, 0)
        weight = influence.taken(self._judged, self._tracks, place, y, self._limit) if ok else 1.0
        for part, more in zip(self._fine if ok else self._failed, (1.0, y, y * y), strict=True):
            part[place] += weight * more
        if ok:
            _merged(self._judged, place, y, weight)
        before = _sums(self._cells, place)
        _merged(self._cells, place, y, weight)
        self._total = tuple(a + b - c for a, b, c in zip(self._total, _sums(self._cells, place), before, strict=True))
        self._estimate()

    def learn_many(
        self,
        project: np.ndarray,
        context: np.ndarray,
        y: np.ndarray,
        ok: np.ndarray,
        cut: np.ndarray,
        worth: np.ndarray,
    ) -> None:
        """The same of many in their order, which count as `worth`."""
        tells = ok & (~cut | (y < 0))
        rows = (project, context, np.zeros(len(y), np.int64))
        fine, failed = (tuple(part[chosen] for part in (*rows, y)) for chosen in (tells, ~ok))
        weight = influence.weights(self._judged, fine[:3], fine[3], self._limit)
        shape = self._cells.count.shape
        self._fine = self._fine.plus(Statistics.of(*fine, shape=shape, weight=worth[tells] * weight))
        self._failed = self._failed.plus(Statistics.of(*failed, shape=shape, weight=worth[~ok]))
        self._settle()

    def forget(self, project: int, context: int, y: float) -> None:
        """Take a failure back."""
        for part, less in zip(self._failed, (1.0, y, y * y), strict=True):
            part[project, context] -= less
        self._settle()

    def fade(self, project: int, context: int, share: float) -> None:
        """Let a share of a cell's evidence count."""
        for part in (*self._fine, *self._failed):
            part[project, context] *= share
        self._settle()

    def keep(self, share: float) -> None:
        """Let a share of everything count."""
        for part in (*self._fine, *self._failed):
            part *= share
        self._settle()

    def make_room(self, pad: tuple[tuple[int, int], ...]) -> None:
        """For projects and contexts to come."""
        wider = (*pad[:2], (0, 0))
        self._fine, self._failed = (
            Statistics(*(np.pad(part, wider) for part in stats)) for stats in (self._fine, self._failed)
        )
        self._settle()

    def tell(self, every: Utility, share: np.ndarray | None, project: int, context: int) -> None:
        """Say of the baseline what it is, in place, where all arms are looked at: (rows, arms), the first row of the
        utility here; share (rows - 1, arms)."""
        count, mean = self._cells.count.item(project, context, 0), self._cells.mean.item(project, context, 0)
        rest, arm = self._noise / (self._noise + count * self._scale), self.arm
        every.mean[:, arm], every.scale[:, arm] = 0.0, self._scale**0.5
        every.mean[0, arm], every.scale[0, arm] = (1 - rest) * mean, (rest * self._scale) ** 0.5
        every.noise[:, arm] = self._noise**0.5
        if share is not None:
            share[:, arm] = 0.0

    def _settle(self) -> None:
        """Everything from the statistics."""
        every = self._fine.plus(self._failed)
        self._judged, self._cells = (Cells(*(part.copy() for part in cells(stats))) for stats in (self._fine, every))
        self._tracks = influence.arms(self._judged)
        self._total = tuple(float(part.sum()) for part in _sums(self._cells, ...))
        self._estimate()

    def _estimate(self) -> None:
        """Variances of a cell and of an outcome."""
        self._scale, self._noise = variances(self._total)


def variances(total: tuple[Array, ...]) -> tuple[Array, Array]:
    """Of a cell and of an outcome, from `sums` over all cells."""
    number, freedom, within, squares, seen = total
    noise = (_TRUST * _NOISE + within) / (_TRUST + freedom)
    excess = squares - noise * seen
    return (_TRUST * _SCALE + excess * (excess > 0)) / (_TRUST + number), noise


def sums(count: Array, mean: Array, deviation: Array) -> tuple[Array, ...]:
    """Of cells: outcomes, those beyond the first, squares around the mean and of the mean, and whether there is any."""
    more = (count - 1.0) * (count > 1.0)
    return count, more, deviation, count * mean * mean, count - more


def _sums(every: Cells, place: Any) -> tuple[Any, ...]:
    return sums(*(part[place] for part in every))


def _merged(every: Cells, place: tuple[int, int, int], y: float, weight: float) -> None:
    """One more outcome, in place."""
    count, mean = every.count.item(place), every.mean.item(place)
    after = mean + (y - mean) * weight / (count + weight)
    every.count[place], every.mean[place] = count + weight, after
    every.deviation[place] += (y - mean) * (y - after) * weight

"""Chance of success and utility of failing, as they are learned: what `Joint` knows beside the speed of success."""

import numpy as np

from poolwise.posterior import bernoulli, nearby
from poolwise.posterior.bernoulli import Beta
from poolwise.posterior.scales import Scales

FAILURES = 2.0
"""Pseudo-count of the stated utility of a failure in the mean over an arm's failures."""


class Chance:
    """Mutable shell over `bernoulli`, with room to grow. failed: the stated utility of a failure."""

    def __init__(self, scales: Scales, shape: tuple[int, int, int], failed: float) -> None:
        arms = shape[2]
        self._failures = np.array([np.full(arms, FAILURES), np.full(arms, FAILURES * failed)])
        self._failed = failed
        self._evidence = bernoulli.gather(scales.success, np.zeros(shape), np.zeros(shape))
        self.restart(scales)

    @property
    def cell(self) -> np.ndarray:
        """(2, projects, contexts, arms): outcomes, successes."""
        return np.asarray(self._evidence.cell)

    def outcomes(self, project: int, context: int) -> np.ndarray:
        """(arms,): how many of every arm in one cell."""
        return np.array(self._evidence.cells[0, project, context])

    def query(self, project: int, context: int) -> Beta:
        """The chance of success of every arm in one cell."""
        near = bernoulli.discount(self._near, self._scales.success.kappa_near)
        return bernoulli.query(self._scales.success, self._evidence._replace(near=near), project, context)

    def learn(self, project: int, context: int, arm: int, ok: bool) -> None:
        """One outcome."""
        before = self._evidence.arm[:, arm].copy()
        bernoulli.absorb(self._scales.success, self._evidence, project, context, arm, float(ok))
        change = self._evidence.arm[:, arm] - before
        self._near += change[:, None] * self._weights(arm)

    def failure(self, arm: int, utility: float) -> None:
        """What a failure was worth."""
        self._failures[:, arm] += 1.0, utility
        self.failed[arm] = self._failures[1, arm] / self._failures[0, arm]

    def learn_many(self, at: tuple[np.ndarray, ...], worth: np.ndarray, ok: np.ndarray, utility: np.ndarray) -> None:
        """Outcomes that count as `worth`; to be followed by `restart`."""
        for part, values in zip(self._evidence.cell, (worth, worth * ok), strict=True):
            np.add.at(part, at, values)
        lost = ~ok
        for row, values in zip(self._failures, (worth[lost], worth[lost] * utility[lost]), strict=True):
            np.add.at(row, at[2][lost], values)

    def forget(self, project: int, context: int, arm: int, utility: float) -> None:
        """Take a failure back; to be followed by `restart`."""
        self._evidence.cell[0, project, context, arm] -= 1.0
        self._failures[:, arm] -= 1.0, utility

    def fade(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,); to be followed by `restart`."""
        self._evidence.cell[:, project, context] *= keep

    def keep(self, share: float) -> None:
        """Let a share of everything count; to be followed by `restart`."""
        start = np.array([[FAILURES], [FAILURES * self._failed]])
        self._failures[:] = start + share * (self._failures - start)
        self._evidence.cell[:] *= share

    def make_room(self, pad: tuple[tuple[int, int], ...]) -> None:
        """For projects and contexts to come; to be followed by `restart`."""
        self._evidence = self._evidence._replace(cells=np.pad(self._evidence.cells, ((0, 0), *pad)))

    def restart(self, scales: Scales) -> None:
        """From the counts of all cells, under these scales from now on."""
        self._scales, fit = scales, scales.gaussian
        self.failed = self._failures[1] / self._failures[0]
        """(arms,) mean utility of a failure."""
        self._evidence = bernoulli.gather(scales.success, *self._evidence.cell)
        self._near = nearby.around(fit, self._evidence.arm, scales.success.power_near)

    def _weights(self, arm: int) -> np.ndarray:
        return nearby.weights(self._scales.gaussian, np.array([arm]), self._scales.success.power_near)[0]

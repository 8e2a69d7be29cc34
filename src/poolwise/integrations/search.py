"""One search among a finite number of configurations, as `replay.run_space` makes it, told its outcomes from outside.

The belief is the mixture of a surface that starts from nothing and one that starts from other projects' surfaces; the
next configuration is drawn from the knowledge gradient's probabilities.
"""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.replay.search.configuration_search import TransferMixture, probabilities
from poolwise.replay.search.source_tasks import Observations, source_tasks_of


class Choice(NamedTuple):
    """What was drawn."""

    arm: int
    probability: float


class Search:
    """columns: of every parameter, (arms,) or (arms, k) coordinates in [0, 1]; known: outcomes of other projects.

    >>> from poolwise.replay import NOTHING
    >>> search = Search([np.linspace(0, 1, 11)], NOTHING, 0)
    >>> for arm in (0, 5, 10): search.update(arm, -abs(arm - 6) / 2)
    >>> search.choose(np.random.default_rng(0), 10.0, barred=(0, 5, 10)).arm in (4, 6, 7, 8)
    True
    """

    def __init__(self, columns: list[np.ndarray], known: Observations, seed: int) -> None:
        rng = np.random.default_rng([seed, 7])
        self.arms = len(columns[0])
        at = arm_coordinates(columns)
        with single_blas():
            others = source_tasks_of(at, known, rng) if len(known.unit) else None
            self._belief = TransferMixture(at, others, rng.spawn(1)[0])

    def choose(
        self, rng: np.random.Generator, remaining: float, barred: Collection[int] = (), afterwards: float = 0.0
    ) -> Choice:
        """One arm, with so many trials left, and uses of the best one afterwards; barred ones only where there is no
        other."""
        allowed = np.ones(self.arms, bool)
        allowed[list(barred)] = False
        with single_blas():
            open_to = allowed if allowed.any() else None
            chances = probabilities(self._belief.predict(), max(remaining, 1.0), open_to, afterwards)
        sums = np.cumsum(chances)
        arm = min(int(np.searchsorted(sums, rng.random() * sums[-1], "right")), self.arms - 1)
        return Choice(arm, float(chances[arm] / sums[-1]))

    def update(self, arm: int, utility: float) -> None:
        """One outcome, larger is better, in logarithms where it is a cost."""
        with single_blas():
            self._belief.update(arm, utility)

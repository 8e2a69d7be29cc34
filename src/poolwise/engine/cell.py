"""What the engine keeps ready for one (project, context): the probabilities of its arms, ready to be drawn from."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from poolwise.errors import PoolwiseError
from poolwise.policy.base import View
from poolwise.space import Arm


class Cell(NamedTuple):
    """Probabilities computed from one view, and how long they hold."""

    project: int
    context: int
    arms: Sequence[Arm]
    probabilities: list[float]
    cumulative: list[float]
    reasons: list[str]
    view: int
    """Key of the logged view."""
    version: int
    """Of the belief that they rest on."""
    refresh: int
    """Look again once so many decisions were made here, since frequencies have changed by then."""

    def pick(self, number: float) -> int:
        """Position of the arm that a uniform number in [0, 1) falls on; never one of probability 0."""
        return bisect_right(self.cumulative, number)


def cumulative(probabilities: np.ndarray) -> np.ndarray:
    """Running sums that end at exactly 1, whatever the rounding. Raises PoolwiseError for no distribution."""
    sums = np.cumsum(probabilities)
    if not (probabilities.min() >= 0 and abs(sums[-1] - 1) < 1e-9):
        raise PoolwiseError(
            f"the policy returned {np.array2string(probabilities, threshold=8)}, which are no probabilities: "
            "they must be >= 0 and sum to 1; `tests/policy/test_laws.py` shows what a policy must hold"
        )
    return sums / sums[-1]


def reasons(view: View, probabilities: np.ndarray) -> list[str]:
    """Why each arm would be chosen: the favourite, an exploration, or because nothing but the baseline is open."""
    allowed = np.flatnonzero(view.allowed)
    if len(allowed) == 1:
        only = "baseline only" if allowed[0] == view.baseline else "only one available"
        return [only] * len(probabilities)
    favourite = int(allowed[np.argmax(np.asarray(view.mean)[allowed])])
    names = ["explored"] * len(probabilities)
    names[favourite] = "favourite"
    return names

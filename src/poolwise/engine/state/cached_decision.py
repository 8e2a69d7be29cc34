"""What the engine keeps ready for one (project, context): the probabilities of its arms, ready to be drawn from."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from poolwise.engine.reasons import EXPLORED, FAVOURITE, HOME, SETTLED, Reason, written
from poolwise.errors import PoolwiseError
from poolwise.policy.constraints.constraints import HELD, ConstrainedDecision, Constraints
from poolwise.policy.view import View
from poolwise.space import Arm


class CachedDecision(NamedTuple):
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
    compiled: bool = False
    """Whether JAX made the probabilities, so that NumPy makes them again to rounding, not to the bit."""
    gate: tuple[bool, bool] | None = None
    """Whether it was allowed to leave the baseline and to explore; None where nothing limits it."""

    def pick(self, number: float) -> int:
        """Position of the arm that a uniform number in [0, 1) falls on; never one of probability 0."""
        return bisect_right(self.cumulative, number)


def cumulative(probabilities: list[float]) -> list[float]:
    """Running sums that end at exactly 1, whatever the rounding. Raises PoolwiseError for no distribution."""
    sums = list(accumulate(probabilities))
    total = sums[-1]
    if not (min(probabilities) >= 0 and abs(total - 1) < 1e-9):
        raise PoolwiseError(
            f"the policy returned {np.array2string(np.array(probabilities), threshold=8)}, which are no probabilities: "
            "they must be >= 0 and sum to 1; `tests/policy/test_laws.py` shows what a policy must hold"
        )
    return [part / total for part in sums]


def reasons(view: View) -> list[str]:
    """Why each arm would be chosen: the favourite, an exploration, or because nothing but the baseline is open."""
    number, arms = np.count_nonzero(view.allowed), len(view.mean)
    if number == 1:
        return ["baseline only" if view.allowed[view.baseline] else "only one available"] * arms
    open_to = view.mean if number == arms else np.where(view.allowed, view.mean, -np.inf)
    names = [EXPLORED] * arms
    names[open_to.argmax()] = FAVOURITE
    return names


def limited_reasons(view: View, limits: Constraints, ruling: ConstrainedDecision, arms: Sequence[Arm]) -> list[str]:
    """What each arm would be, then the layers that acted: `explored; eligibility, quarantine`."""
    acted, words = ", ".join(ruling.acted), choices(view, ruling)
    return [
        written(Reason(word, acted, arm.id if limits.shadow else None)) for arm, word in zip(arms, words, strict=True)
    ]


def choices(view: View, ruling: ConstrainedDecision) -> list[str]:
    """What choosing each arm means: only choices that were free count as exploring or as the favourite's."""
    number, last = len(view.mean), ruling.acted[-1] if ruling.acted else ""
    if last in HELD or (ruling.allowed.sum() == 1 and ruling.allowed[view.baseline]):
        return ["baseline only"] * number
    if last == "pinned" or ruling.allowed.sum() == 1:
        return ["ordered" if last == "pinned" else "only one available"] * number
    words = [EXPLORED] * number
    words[view.baseline] = HOME
    words[ruling.favourite] = SETTLED if ruling.settled else FAVOURITE
    return words

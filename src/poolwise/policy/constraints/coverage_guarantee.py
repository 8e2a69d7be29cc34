"""What recent decisions say about exploring: coverage of important contexts, and discoveries.

Both are pure functions of the last decisions of a project, newest last, so that a status page and the policy read the
same numbers.
"""

import math
from typing import NamedTuple

import numpy as np

from poolwise.errors import ConfigError
from poolwise.inputs import conforming


class Guarantee(NamedTuple):
    """A context with at least `share` of the importance gets `trials` informative trials in any `window` decisions."""

    share: float = 0.1
    """Least importance of a context that the guarantee covers."""
    trials: int = 5
    """Informative trials that it gets."""
    window: int = 200
    """Decisions among which it gets them."""

    def checked(self) -> "Guarantee":
        """Itself, or a ConfigError that names what is wrong."""
        conforming(self, ConfigError, "coverage: ")
        if not 0 < self.share < 1:
            raise ConfigError(f"coverage: share is {self.share!r} but must lie between 0 and 1, both excluded")
        if not 0 < self.trials <= self.window:
            raise ConfigError(f"coverage: trials {self.trials!r} must lie between 1 and the window {self.window!r}")
        return self


class Shortfall(NamedTuple):
    """A context whose coverage is short, and why."""

    context: int
    trials: int
    decisions: int
    reason: str


def shortfalls(
    guarantee: Guarantee, context: np.ndarray, informative: np.ndarray, importance: np.ndarray
) -> list[Shortfall]:
    """Important contexts short of trials in the last window.

    Args:
        context: (n,) index of each decision's context, in order.
        informative: (n,) bool: the decision had an outcome that could teach (any arm but the baseline and a
            settled favourite).
        importance: (contexts,) share of the project's cost.
    """
    number = len(importance)
    recent, taught = context[-guarantee.window :], informative[-guarantee.window :]
    made = np.bincount(recent, minlength=number)
    trials = np.bincount(recent, weights=taught, minlength=number).astype(int)
    short = (importance >= guarantee.share) & (trials < guarantee.trials) & (len(recent) == guarantee.window)
    return [
        Shortfall(int(k), int(trials[k]), int(made[k]), _why(guarantee, int(made[k]))) for k in np.flatnonzero(short)
    ]


def _why(guarantee: Guarantee, made: int) -> str:
    if made < guarantee.trials:
        return f"it came up only {made} times in the last {guarantee.window} decisions"
    return f"only few of its {made} decisions explored; raise `coverage`, or loosen what `safe` lets through"


def exploration_factor(age_of_discovery: float, drift: float, memory: float = 100.0, quiet: float = 0.25) -> float:
    """Factor on exploration in [quiet, 1]: 1 just after a discovery or a drift, falling to `quiet` without any.

        drive = quiet + (1 - quiet) exp(-min(age_of_discovery, drift) / memory)

    Ages are decisions since an arm was newly believed better than the favourite, and since a drift was found; inf for
    never. Raises ConfigError unless 0 <= quiet <= 1 and memory > 0.
    """
    if not (0 <= quiet <= 1 and 0 < memory < math.inf):
        raise ConfigError(f"feedback: quiet {quiet!r} must lie in [0, 1] and memory {memory!r} be positive")
    return quiet + (1.0 - quiet) * math.exp(-min(age_of_discovery, drift) / memory)

"""What a replay may be told; every value has a default that is meant to be right."""

from typing import Any, NamedTuple

from poolwise.errors import ConfigError
from poolwise.inputs import conforming
from poolwise.names import shown
from poolwise.objective import Objective


def checked(given: Any) -> "Settings":
    """Raises ConfigError for what is none, and for what it may not hold."""
    if not isinstance(given, Settings):
        raise ConfigError(f"settings of a replay are `replay.Settings(...)`, got {shown(given)}")
    return given.checked()


class Settings(NamedTuple):
    """Counts in decisions."""

    delay: int = 0
    """Outcomes are learned so many decisions later."""
    repeats: bool = True
    """Learn from single repetitions where the table has them; otherwise from their means."""
    horizon: float | None = None
    """Expected number of decisions in all; None: twice as many again as have been made."""

    objective: Objective = "ratio"
    """What is optimised, see `poolwise.objective`; `total` needs a table of costs."""

    def checked(self) -> "Settings":
        """Itself, or a ConfigError that names what is wrong."""
        made = conforming(self, ConfigError)
        if not 0 <= made.delay < 2**31:
            raise ConfigError(f"delay {made.delay} must be 0 or more decisions, and below 2^31")
        if made.horizon is not None and not made.horizon >= 1:
            raise ConfigError(f"horizon {made.horizon} must be at least 1 decision, or left out when unknown")
        return made if made.horizon is None else made._replace(horizon=float(made.horizon))

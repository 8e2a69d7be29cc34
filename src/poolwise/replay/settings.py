"""What a replay may be told; every value has a default that is meant to be right."""

import math
from typing import NamedTuple

from poolwise.posterior.schedule import EVERY


class Settings(NamedTuple):
    """Utilities in log units where the table holds costs, else in the units of its reward."""

    delay: int = 0
    """Outcomes are learned so many decisions later."""
    repeats: bool = True
    """Learn from single repetitions where the table has them; otherwise from their means."""
    horizon: float | None = None
    """Expected number of decisions in all; None: as many again as have been made."""
    failure_utility: float = math.log(0.5)
    utility_limit: float = 5.0
    """The belief sees utilities clipped to +- this."""
    usual_success: tuple[float, float] = (3.0, 0.6)
    reestimate_every: tuple[tuple[int, int], ...] = EVERY
    split: bool = True

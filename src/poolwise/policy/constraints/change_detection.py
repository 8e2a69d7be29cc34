"""Watching one arm in one context: how much its outcomes vary, and whether they have changed.

    r_n = clip(y_n - mean, +- limit noise),   noise^2 = (k s^2 + sum of r^2) / (k + n - 1),   z = r / noise
    up  <- max(0, up + z - slack),   down <- max(0, down - z - slack),   changed once either exceeds `threshold`

A pure fold over the outcomes in their order, so that a log gives back the very same state. Clipping bounds what one
absurd measurement can do. Source: Page (1954); with threshold 8 and slack 1/2 a cell that never changes is called
changed once in some 10^4 outcomes (Siegmund 1985), one that moves by 3 noise standard deviations after 4.
"""

import math
from typing import NamedTuple

from poolwise.errors import ConfigError
from poolwise.inputs import conforming


class Settings(NamedTuple):
    """Constants; thresholds in noise standard deviations."""

    threshold: float = 8.0
    """Sum of deviations beyond which an arm has changed."""
    slack: float = 0.5
    """Deviation per outcome that is forgiven."""
    limit: float = 3.0
    """Most that one outcome counts."""
    noise: float = 0.2
    """Standard deviation s of one outcome in log units, before any was seen."""
    trust: float = 4.0
    """Number k of outcomes that this is worth."""
    keep: float = 0.2
    """Share of a context's evidence that outlives a change there; of the arm that showed it, nothing does."""

    def checked(self) -> "Settings":
        """Itself, or a ConfigError that names what is wrong."""
        conforming(self, ConfigError, "drift: ")
        for name, value in self._asdict().items():
            if not (math.isfinite(value) and (value > 0 or (name in ("slack", "keep") and value == 0))):
                raise ConfigError(f"drift: {name} is {value!r} but must be a positive number")
        if self.keep >= 1:
            raise ConfigError(f"drift: keep is {self.keep!r} but must be below 1, or nothing is forgotten")
        return self


class CusumState(NamedTuple):
    """What is remembered of one arm in one context."""

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0
    up: float = 0.0
    down: float = 0.0


def noise(settings: Settings, track: CusumState) -> float:
    """Standard deviation of one outcome as it looks now."""
    seen = max(track.number - 1, 0)
    return math.sqrt((settings.trust * settings.noise**2 + track.squares) / (settings.trust + seen))


def update(settings: Settings, track: CusumState, utility: float) -> tuple[CusumState, bool]:
    """State after one outcome, and whether it revealed a change; then the state starts again from this outcome."""
    if track.number == 0:
        return CusumState(1, utility), False
    deviation = noise(settings, track)
    reach = settings.limit * deviation
    residual = min(max(utility - track.mean, -reach), reach)
    up = max(0.0, track.up + residual / deviation - settings.slack)
    down = max(0.0, track.down - residual / deviation - settings.slack)
    if max(up, down) > settings.threshold:
        return CusumState(1, utility), True
    weight = 1.0 / (track.number + 1)
    squares = track.squares + residual**2 * track.number * weight
    return CusumState(track.number + 1, track.mean + residual * weight, squares, up, down), False

"""The cumulative guarantee: at every time, performance at least (1 - alpha) of the baseline's, decided in advance.

Performance is counted in units where a job is worth at least `worst`, usually 0, and the baseline's jobs mu on average,
for instance speed-ups with mu = 1. After n outcomes away from the baseline with total W (each clipped to `cap` from
above), b decisions for the baseline and q whose outcome is still open, the next decision may leave the baseline if

    max(W - radius(n), worst n) + worst (q + 1) + b mu >= (1 - alpha) (n + q + b + 1) mu.

`radius` bounds |W - sum of the true means| uniformly in n with probability 1 - delta (normal mixture; Robbins 1970,
Howard et al. 2021): radius(n) = sqrt(2 (v + rho) (log(1 / delta) + log(1 + v / rho) / 2)), v = n noise^2. Outcomes in
[worst, cap] satisfy it with noise = (cap - worst) / 2 whatever their distribution; they may arrive late, if how late
says nothing about their value. With noise = 0 the guarantee is about what was measured instead of its mean, and holds
without exception. Where mu is estimated, an
interval takes its place, half of delta each. Source: Wu et al. (2016), Kazerouni et al. (2017), Garcelon et al. (2020).
"""

import math
from typing import Any, NamedTuple

from poolwise.errors import ConfigError
from poolwise.policy.base import Array, namespace

TUNED_FOR = 50.0
"""Number of outcomes for which the bound is tuned: rho in units of the noise's variance."""

ROUNDING = 1e-9


class Settings(NamedTuple):
    """Constants of the guarantee."""

    alpha: float = 0.1
    """Share of the baseline's performance that may be lost."""
    delta: float = 0.05
    """Probability with which the guarantee may fail at any time."""
    worst: float = 0.0
    """Least performance of a decision."""
    cap: float = 2.0
    """Performance above this counts as this."""
    noise: float | None = None
    """Sub-Gaussian scale of a clipped outcome; None: (cap - worst) / 2, 0: the guarantee is about measurements."""
    baseline: float | None = 1.0
    """Mean performance of the baseline; None: estimated from its own outcomes."""

    def checked(self) -> "Settings":
        """Itself, or a ConfigError that names what is wrong."""
        for name, value in {"alpha": self.alpha, "delta": self.delta}.items():
            if not 0 < value < 1:
                raise ConfigError(f"conservative: {name} is {value!r} but must lie between 0 and 1, both excluded")
        if not (math.isfinite(self.worst) and math.isfinite(self.cap) and self.worst < self.cap):
            raise ConfigError(
                f"conservative: worst {self.worst!r} and cap {self.cap!r} must be finite, worst below cap"
            )
        if self.noise is not None and not 0 <= self.noise < math.inf:
            raise ConfigError(f"conservative: noise is {self.noise!r} but must be >= 0, or left out for the safe value")
        if self.baseline is not None and not self.worst < self.baseline <= self.cap:
            raise ConfigError(
                f"conservative: baseline {self.baseline!r} must lie between worst and cap, or be left out"
            )
        return self


class Ledger(NamedTuple):
    """What was decided and earned so far; scalars, or arrays of equal shape for many ledgers at once."""

    away: Array
    """Outcomes of decisions that left the baseline."""
    total: Array
    """Their performance, each clipped to [worst, cap]."""
    open: Array
    """Decisions that left the baseline and have no outcome yet."""
    home: Array
    """Decisions for the baseline."""
    seen: Array
    """Outcomes of the baseline."""
    earned: Array
    """Their performance, clipped alike."""


def start(xp: Any, shape: tuple[int, ...] = ()) -> Ledger:
    """Nothing decided yet; `xp` is numpy or jax.numpy."""
    return Ledger(*(xp.zeros(shape) for _ in Ledger._fields))


def decided(ledger: Ledger, left: Array) -> Ledger:
    """The ledger after a decision; `left` says whether it left the baseline."""
    left = 1.0 * left
    return ledger._replace(open=ledger.open + left, home=ledger.home + (1.0 - left))


def observed(settings: Settings, ledger: Ledger, left: Array, performance: Array) -> Ledger:
    """The ledger after the outcome of one earlier decision, in any order."""
    xp = namespace(performance)
    value, left = xp.clip(performance, settings.worst, settings.cap), 1.0 * left
    return ledger._replace(
        away=ledger.away + left,
        open=ledger.open - left,
        total=ledger.total + left * value,
        seen=ledger.seen + (1.0 - left),
        earned=ledger.earned + (1.0 - left) * value,
    )


def radius(settings: Settings, number: Array, delta: float) -> Array:
    """Time-uniform bound of |sum of `number` outcomes - sum of their means|, violated with probability <= delta."""
    xp = namespace(number)
    noise = (settings.cap - settings.worst) / 2 if settings.noise is None else settings.noise
    if noise == 0:
        return 0.0 * number
    variance, tuned = number * noise**2, TUNED_FOR * noise**2
    return xp.sqrt(2.0 * (variance + tuned) * (math.log(1.0 / delta) + 0.5 * xp.log1p(variance / tuned)))


def slack(settings: Settings, ledger: Ledger) -> Array:
    """What would be left above the guarantee if the next decision left the baseline and came out worst."""
    xp = namespace(ledger.total)
    part = settings.delta if settings.baseline is not None else settings.delta / 2
    away = xp.maximum(ledger.total - radius(settings, ledger.away, part), settings.worst * ledger.away)
    least = away + settings.worst * (ledger.open + 1.0)
    decisions = ledger.away + ledger.open + ledger.home + 1.0
    weight = ledger.home - (1.0 - settings.alpha) * decisions
    return least + weight * _baseline(xp, settings, ledger, weight)


def may_leave(settings: Settings, ledger: Ledger) -> Array:
    """bool: whether the next decision may leave the baseline."""
    return slack(settings, ledger) >= -ROUNDING


def _baseline(xp: Any, settings: Settings, ledger: Ledger, weight: Array) -> Array:
    """The baseline's mean, or the end of its interval that is worse for the guarantee."""
    if settings.baseline is not None:
        return settings.baseline
    number = xp.maximum(ledger.seen, 1.0)
    half = radius(settings, number, settings.delta / 4) / number
    mean = ledger.earned / number
    high = xp.where(ledger.seen > 0, xp.minimum(mean + half, settings.cap), settings.cap)
    low = xp.where(ledger.seen > 0, xp.maximum(mean - half, settings.worst), settings.worst)
    return xp.where(weight < 0, high, low)

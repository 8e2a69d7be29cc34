"""The cumulative guarantee: at every time, performance at least (1 - alpha) of the baseline's, decided in advance.

Performance is counted in units where a job is worth at least `worst`, usually 0, and the baseline's jobs mu on average,
for instance speed-ups with mu = 1. After n outcomes away from the baseline, b decisions for the baseline and q whose
outcome is still open, the next decision may leave the baseline if

    least(n) + worst (q + 1) + b mu >= (1 - alpha) (n + q + b + 1) mu.

`least(n)` is a lower bound of the sum of the n true means that holds at all times at once with probability 1 - delta
(`betting_bound`): means may differ and change, outcomes may have any distribution above `worst` and may arrive late, if
how late says nothing about their value. With `measured` the guarantee is about what was measured instead of its mean,
and holds without exception. Where mu is estimated, an interval takes its place, half of delta for it. Source: Wu et al.
(2016), Kazerouni et al. (2017), Garcelon et al. (2020), with the bound of Waudby-Smith and Ramdas (2024).
"""

import math
from typing import Any, NamedTuple

from poolwise.errors import ConfigError
from poolwise.inputs import conforming
from poolwise.policy.constraints import betting_bound
from poolwise.policy.constraints.betting_bound import ConfidenceSequence
from poolwise.policy.view import Array, namespace

ROUNDING = 1e-9


class Settings(NamedTuple):
    """Constants of the guarantee."""

    alpha: float = 0.1
    """Share of the baseline's performance that may be lost."""
    delta: float = 0.05
    """Probability with which the guarantee may fail at any time."""
    worst: float = 0.0
    """Least performance of a decision; what is reported below counts as this."""
    baseline: float | None = 1.0
    """Mean performance of the baseline; None: estimated from its own outcomes."""
    cap: float = 2.0
    """Where it is estimated: most that one of its outcomes counts."""
    measured: bool = False
    """The guarantee is about measurements instead of their means."""

    def checked(self) -> "Settings":
        """Itself, or a ConfigError that names what is wrong."""
        conforming(self, ConfigError, "conservative: ")
        for name, value in {"alpha": self.alpha, "delta": self.delta}.items():
            if not 0 < value < 1:
                raise ConfigError(f"conservative: {name} is {value!r} but must lie between 0 and 1, both excluded")
        if not (math.isfinite(self.worst) and math.isfinite(self.cap) and self.worst < self.cap):
            raise ConfigError(
                f"conservative: worst {self.worst!r} and cap {self.cap!r} must be finite, worst below cap"
            )
        if self.baseline is not None and not self.worst < self.baseline < math.inf:
            raise ConfigError(f"conservative: baseline {self.baseline!r} must lie above worst, or be left out")
        if self.baseline is None and self.measured:
            raise ConfigError("conservative: measured compares with a known baseline: state it, or leave measured out")
        return self


class Ledger(NamedTuple):
    """What was decided and earned so far; scalars, or arrays of equal shape for many ledgers at once."""

    away: ConfidenceSequence
    """Outcomes of decisions that left the baseline."""
    open: Array
    """Decisions that left the baseline and have no outcome yet."""
    home: Array
    """Decisions for the baseline."""
    low: ConfidenceSequence
    """Outcomes of the baseline, where its mean is estimated."""
    high: ConfidenceSequence
    """How far each of them fell short of `cap`."""


def start(xp: Any, shape: tuple[int, ...] = ()) -> Ledger:
    """Nothing decided yet; `xp` is numpy or jax.numpy."""
    nothing = betting_bound.start(xp, shape)
    return Ledger(nothing, xp.zeros(shape), xp.zeros(shape), nothing, nothing)


def decided(ledger: Ledger, left: Array) -> Ledger:
    """The ledger after a decision; `left` says whether it left the baseline."""
    left = 1.0 * left
    return ledger._replace(open=ledger.open + left, home=ledger.home + (1.0 - left))


def observed(settings: Settings, ledger: Ledger, left: Array, performance: Array) -> Ledger:
    """The ledger after the outcome of one earlier decision, in any order."""
    xp = namespace(performance)
    value, left = xp.maximum(performance, settings.worst) - settings.worst, 1.0 * left
    room, known = settings.cap - settings.worst, settings.baseline
    part, usual = (settings.delta / 2, room / 2) if known is None else (settings.delta, known - settings.worst)
    ledger = ledger._replace(away=betting_bound.update(ledger.away, value, left, usual, part), open=ledger.open - left)
    if known is not None:
        return ledger
    value, home = xp.minimum(value, room), 1.0 - left
    return ledger._replace(
        low=betting_bound.update(ledger.low, value, home, usual, settings.delta / 4),
        high=betting_bound.update(ledger.high, room - value, home, usual, settings.delta / 4),
    )


def slack(settings: Settings, ledger: Ledger) -> Array:
    """What would be left above the guarantee if the next decision left the baseline and came out worst."""
    number = ledger.away.number
    away = ledger.away.total if settings.measured else ledger.away.least
    least = away + settings.worst * (number + ledger.open + 1.0)
    weight = ledger.home - (1.0 - settings.alpha) * (number + ledger.open + ledger.home + 1.0)
    return least + weight * _baseline(settings, ledger, weight)


def may_leave(settings: Settings, ledger: Ledger) -> Array:
    """bool: whether the next decision may leave the baseline."""
    return slack(settings, ledger) >= -ROUNDING


def _baseline(settings: Settings, ledger: Ledger, weight: Array) -> Array:
    """The baseline's mean, or the end of its interval that is worse for the guarantee."""
    if settings.baseline is not None:
        return settings.baseline
    xp = namespace(ledger.low.number)
    number = xp.maximum(ledger.low.number, 1.0)
    return xp.where(weight < 0, settings.cap - ledger.high.least / number, settings.worst + ledger.low.least / number)

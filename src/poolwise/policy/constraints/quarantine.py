"""Quarantine: an arm that did harm is kept away for a while, and comes back carefully.

Harm is counted per (context, arm) of one project by a one-sided cumulative sum of shortfalls below the margin,

    S <- max(0, S + min(limit, (margin - utility) / noise) - slack),

which bounds what one absurd measurement can do. S > threshold quarantines the arm in its context for
`window growth^strikes` decisions, at most `longest` windows. Then it is on probation: `probation` harmless trials at a
low dose clear it, S > threshold / 2 sends it back for longer. An arm quarantined in `places` contexts at once is
quarantined in the whole project. The baseline never is. Source: Page, Continuous inspection schemes (1954); with
threshold 5 and slack 1/2 an arm exactly at the margin is quarantined once in about 930 trials (Siegmund 1985).
"""

import math
from typing import Any, NamedTuple

from poolwise.errors import ConfigError
from poolwise.inputs import conforming
from poolwise.policy.view import Array, namespace

OPEN, PROBATION, QUARANTINED, QUARANTINED_PROJECT = range(4)
REASONS = ("open", "probation", "quarantined here", "quarantined in the project")


class Settings(NamedTuple):
    """Constants; shortfalls in noise standard deviations, times in decisions of the project."""

    margin: float = math.log(0.95)
    """Utility below which an outcome counts as harm."""
    slack: float = 0.5
    """Shortfall per outcome that is forgiven."""
    limit: float = 3.0
    """Most that one outcome counts."""
    threshold: float = 5.0
    """Sum of shortfalls beyond which an arm is quarantined; half of it on probation."""
    window: float = 50.0
    """Length of the first quarantine."""
    growth: float = 2.0
    """Factor by which every further quarantine is longer."""
    longest: float = 2.0
    """Largest quarantine, in windows."""
    probation: float = 3.0
    """Harmless trials that clear an arm after its quarantine."""
    dose: float = 0.1
    """Factor on an arm's probability while it is on probation."""
    places: float = 2.0
    """Contexts with a quarantine at once that quarantine an arm in the whole project."""

    def checked(self) -> "Settings":
        """Itself, or a ConfigError that names what is wrong."""
        conforming(self, ConfigError, "guard: ")
        for name, value in self._asdict().items():
            if not math.isfinite(value) or (value <= 0 and name not in ("margin", "slack")):
                raise ConfigError(f"guard: {name} is {value!r} but must be a positive number")
        if self.growth < 1 or self.longest < 1 or self.dose > 1 or self.slack < 0:
            raise ConfigError("guard: growth and longest must be >= 1, dose <= 1 and slack >= 0")
        return self


class State(NamedTuple):
    """(contexts, arms) each: what the guard remembers of one project."""

    harm: Array
    """Cumulative sum S."""
    strikes: Array
    """Quarantines so far, reset by a passed probation."""
    until: Array
    """Time at which the last quarantine ends; 0 where there was none."""
    left: Array
    """Harmless trials that the arm still owes of its probation."""


def start(contexts: int, arms: int, xp: Any) -> State:
    """Nothing held against anybody; `xp` is numpy or jax.numpy."""
    return State(*(xp.zeros((contexts, arms)) for _ in State._fields))


def observe(
    settings: Settings,
    state: State,
    context: Array,
    arm: Array,
    utility: Array,
    noise: Array,
    time: Array,
    baseline: int,
) -> State:
    """State after one outcome of `arm` in `context` (indices) at `time`; the baseline's outcomes leave it as it is."""
    xp = namespace(state.harm)
    contexts, arms = state.harm.shape
    here = (xp.arange(contexts)[:, None] == context) & (xp.arange(arms) == arm) & (xp.arange(arms) != baseline)
    shortfall = xp.minimum((settings.margin - utility) / noise, settings.limit)
    harm = xp.maximum(0.0, state.harm + shortfall - settings.slack)
    left = xp.maximum(0.0, state.left - (shortfall <= 0))
    caught = harm > settings.threshold * xp.where(state.left > 0, 0.5, 1.0)
    windows = xp.minimum(settings.growth**state.strikes, settings.longest)
    strikes = xp.where(caught, state.strikes + 1.0, xp.where((state.left > 0) & (left == 0), 0.0, state.strikes))
    after = State(
        harm=xp.where(caught, 0.0, harm),
        strikes=strikes,
        until=xp.where(caught, time + settings.window * windows, state.until),
        left=xp.where(caught, settings.probation, left),
    )
    return State(*(xp.where(here, new, old) for new, old in zip(after, state, strict=True)))


def reasons(settings: Settings, state: State, time: Array, baseline: int) -> Array:
    """(contexts, arms) int: index into `REASONS` of every arm at `time`."""
    xp = namespace(state.harm)
    away = state.until > time
    everywhere = away.sum(axis=0, keepdims=True) >= settings.places
    code = xp.where(state.left > 0, PROBATION, OPEN)
    code = xp.where(everywhere, QUARANTINED_PROJECT, code)
    code = xp.where(away, QUARANTINED, code)
    return xp.where(xp.arange(state.harm.shape[1]) == baseline, OPEN, code)


def allowed(settings: Settings, state: State, time: Array, baseline: int) -> Array:
    """(contexts, arms) bool: what is not in quarantine at `time`."""
    return reasons(settings, state, time, baseline) < QUARANTINED


def dosed(settings: Settings, probabilities: Array, code: Array, baseline: int) -> Array:
    """(..., arms): probabilities with those of arms on probation cut to `dose` of them, the rest to the baseline.

    `code` is the row of `reasons` of this context. The baseline must be available.
    """
    xp = namespace(probabilities)
    kept = probabilities * xp.where(code == PROBATION, settings.dose, 1.0)
    home = xp.arange(probabilities.shape[-1]) == baseline
    return kept + home * (1.0 - kept.sum(axis=-1, keepdims=True))

"""What an operator may order, and when a shadow may take over; both by index, as policies know arms."""

import math
from statistics import NormalDist
from typing import NamedTuple

from poolwise.errors import ConfigError
from poolwise.policy.vectors import argmax_share, is_baseline
from poolwise.policy.view import Array, View, namespace


class Controls(NamedTuple):
    """Orders in force for one view. The strongest wins: stop, then pin, then freeze."""

    stop: bool = False
    """Always the baseline."""
    pin: int | None = None
    """Always this arm where it is available, else what the policy chooses."""
    ban: tuple[int, ...] = ()
    """Never these arms."""
    freeze: bool = False
    """No exploration: the favourite among what is allowed."""
    fallbacks: tuple[int, ...] = ()
    """Tried in order where nothing allowed remains; the baseline comes last by itself."""

    def checked(self, arms: int, baseline: int) -> "Controls":
        """Itself, or a ConfigError for arms that do not exist and orders that contradict each other."""
        for name, named in {"pin": (self.pin,), "ban": self.ban, "fallbacks": self.fallbacks}.items():
            for arm in named:
                if arm is not None and not 0 <= arm < arms:
                    raise ConfigError(f"operator controls: {name} names arm {arm}, but there are arms 0 to {arms - 1}")
        if self.pin is not None and self.pin in self.ban:
            raise ConfigError(f"operator controls: arm {self.pin} is both pinned and banned; lift one of the two")
        if baseline in self.ban:
            raise ConfigError("operator controls: the baseline cannot be banned; it is what everything falls back on")
        if both := sorted(set(self.fallbacks) & set(self.ban)):
            raise ConfigError(f"operator controls: arm {both[0]} is both banned and a fallback; lift one of the two")
        return self


def apply_bans(controls: Controls, view: View, available: Array) -> View:
    """The view with banned arms shut out; where nothing remains, the first available fallback, else the baseline.

    `available` is what the system could run at all, quarantined arms included. Where not even the baseline is
    available, the least uncertain available arm remains; a banned arm never does.
    """
    xp = namespace(view.mean)
    arms = xp.arange(view.mean.shape[-1])
    usable = xp.asarray(available)
    for arm in controls.ban:
        usable = usable & (arms != arm)
    allowed = view.allowed & usable
    named = [arms == arm for arm in controls.fallbacks]
    for candidate in [*named, is_baseline(view), _steadiest(xp, view, usable)]:
        allowed = allowed | (candidate & usable & ~allowed.any(axis=-1, keepdims=True))
    return view._replace(allowed=allowed)


def apply_overrides(controls: Controls, view: View, probabilities: Array) -> tuple[Array, str | None]:
    """Probabilities under the orders in force, and the reason code of the one that acted, if any did."""
    arms = namespace(view.mean).arange(view.mean.shape[-1])
    if controls.stop and bool((is_baseline(view) & view.allowed).any()):
        return 1.0 * is_baseline(view), "stopped"
    if controls.pin is not None and bool(view.allowed[controls.pin]):
        return 1.0 * (arms == controls.pin), "pinned"
    if controls.freeze:
        return argmax_share(view.mean, view.allowed), "frozen"
    return probabilities, None


def may_promote(gain: float, error: float, confidence: float = 0.95) -> bool:
    """Whether a shadow may take over: the lower one-sided bound of its estimated gain is above zero.

    `gain` and `error` are the estimate and its standard error, for instance from `poolwise.ope`; a NaN does not
    promote. Raises ConfigError unless 1/2 <= confidence < 1.
    """
    if not 0.5 <= confidence < 1:
        raise ConfigError(f"promotion: confidence is {confidence!r} but must be at least 0.5 and below 1")
    return math.isfinite(error) and gain - NormalDist().inv_cdf(confidence) * error > 0


def _steadiest(xp: Array, view: View, available: Array) -> Array:
    scale = xp.where(available, view.scale, math.inf)
    return scale == scale.min(axis=-1, keepdims=True)

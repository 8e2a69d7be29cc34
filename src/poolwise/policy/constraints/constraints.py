"""What stands between a policy and the choice: the layers of safety and of exploration, in their order.

    stop  >  conservative budget  >  quarantine, ban, fallbacks  >  pin  >  freeze  >  probation's dose
          >  exploration budget and feedback  >  coverage  >  the policy, itself inside eligibility

`Constraints` holds what is in force for one decision as numbers, so that it is logged with the view and the same
decision can be made again. The baseline is never quarantined nor banned; where it is available, something always is.
"""

import math
from typing import NamedTuple

import numpy as np

from poolwise.policy.constraints import quarantine
from poolwise.policy.constraints.control import Controls, apply_bans, apply_overrides
from poolwise.policy.vectors import normalised
from poolwise.policy.view import Array, Policy, View
from poolwise.policy.wrappers.safety import risk

PREFIX = "limits."
"""Of the names under which limits are logged beside the fields of a view."""
HELD = ("stopped", "conservative budget")
"""Layers that leave nothing but the baseline."""
SETTLED = 0.05
"""A favourite is settled where no other arm, taken alone, is better with more than this probability."""

BOUND, WIDEST = 2.0, 8.0
"""Of coverage: standard deviations of a bound; power of the standard deviation to which an arm is served."""


class Constraints(NamedTuple):
    """What is in force for one decision. Arms are indices into the view."""

    code: np.ndarray
    """(arms,) int: index into `guard.REASONS`."""
    probation_factor: float = 1.0
    """Factor on the probability of arms on probation."""
    may_leave_baseline: bool = True
    """Whether the conservative budget lets this decision leave the baseline."""
    exploration_factor: float = 1.0
    """Factor on the mass off the favourite, in [0, 1]: 0 where an exploration budget is spent."""
    coverage_share: float = 0.0
    """Share of the mass reserved for what still teaches, in [0, 1]."""
    delta: float = 1.0
    """Arms with P(utility < margin) above this are not sound: neither favourite nor covered; 1: all are sound."""
    margin: float = math.log(0.95)
    controls: Controls = Controls()
    shadow: bool = False
    """The answer is the baseline, whatever was chosen."""


class ConstrainedDecision(NamedTuple):
    """What came of a policy under its limits."""

    probabilities: np.ndarray
    """(arms,): of what is chosen; in a shadow, of what would be."""
    favourite: int
    """Sound arm with the highest mean."""
    settled: bool
    acted: tuple[str, ...]
    """Layers that changed what could be chosen or how likely."""
    allowed: np.ndarray
    """(arms,) bool: what could be chosen."""


def unconstrained(arms: int) -> Constraints:
    """Nothing in force."""
    return Constraints(np.zeros(arms, dtype=np.int64))


def constrain(policy: Policy, view: View, limits: Constraints) -> ConstrainedDecision:
    """The policy's probabilities under the limits; one view, in NumPy."""
    orders, home = limits.controls, bool(view.allowed[view.baseline])
    held = not limits.may_leave_baseline or orders.stop
    seen, acted = _narrowed(view, limits, home, held)
    sound = _sound(seen, limits)
    favourite = int(np.where(sound, seen.mean, -np.inf).argmax())
    if home and held:
        chances = 1.0 * (np.arange(len(view.mean)) == view.baseline)
        acted.append(HELD[0] if orders.stop else HELD[1])
        return ConstrainedDecision(chances, favourite, False, tuple(acted), seen.allowed)
    chances = np.asarray(policy.probabilities(policy.params, seen), dtype=np.float64)
    if limits.delta < 1 and (sound != seen.allowed).any():
        acted.append("eligibility")
    chances = _shaped(chances, seen, limits, sound, favourite, acted)
    if home and (limits.code == quarantine.PROBATION).any():
        dosed = quarantine.dosed(quarantine.Settings(dose=limits.probation_factor), chances, limits.code, view.baseline)
        chances = np.maximum(dosed, 0.0)  # Rounding may leave the baseline a hair below 0.
        acted.append("probation")
    if orders.stop or orders.freeze or orders.pin is not None:
        chances, order = apply_overrides(orders, seen._replace(mean=np.where(sound, seen.mean, -np.inf)), chances)
        acted += [order] if order else []
    return ConstrainedDecision(chances, favourite, _settled(seen, favourite), tuple(acted), seen.allowed)


def _narrowed(view: View, limits: Constraints, home: bool, held: bool) -> tuple[View, list[str]]:
    """The view without what is quarantined or banned; where nothing remains, the fallbacks."""
    acted, allowed = [], view.allowed
    if limits.code.any():
        allowed = allowed & (limits.code < quarantine.QUARANTINED)
        acted += ["quarantine"] * bool((allowed != view.allowed).any())
    if not home:  # Nothing certain is at hand: only sound arms are, or what the operator trusts.
        allowed = allowed & _sound(view, limits, strict=True) & (not held)
    if not limits.controls.ban and allowed.any():
        return view._replace(allowed=allowed), acted
    seen = apply_bans(limits.controls, view._replace(allowed=allowed), view.allowed)
    acted += ["ban"] * bool((allowed & ~seen.allowed).any())
    acted += ["fallback"] * bool((seen.allowed & ~allowed).any())
    return seen, acted


def _sound(view: View, limits: Constraints, *, strict: bool = False) -> np.ndarray:
    """(arms,) bool: allowed arms that are eligible and the baseline; all that is allowed where none is."""
    if limits.delta >= 1:
        return view.allowed
    sound = view.allowed & (risk(view, limits.margin) <= limits.delta)
    sound[view.baseline] = view.allowed[view.baseline]
    return sound if strict or sound.any() else view.allowed


def _shaped(
    chances: np.ndarray, view: View, limits: Constraints, sound: np.ndarray, favourite: int, acted: list[str]
) -> np.ndarray:
    """Coverage's share, then the budget's: what may not explore goes to the favourite."""
    if limits.coverage_share > 0 and sound.sum() > 1:
        chances = (1.0 - limits.coverage_share) * chances + limits.coverage_share * _teaching(view, sound)
        acted.append("coverage")
    if limits.exploration_factor < 1:
        chances = limits.exploration_factor * chances
        chances[favourite] += 1.0 - chances.sum()
        acted.append("exploration budget" if limits.exploration_factor == 0 else "feedback")
    return chances


def _teaching(view: View, sound: np.ndarray) -> np.ndarray:
    """(arms,): what coverage serves. The sound arms that were never tried here, all alike; then, of `contenders`,
    nearly always the one that is least known."""
    fresh = sound & (view.count < 1)
    if fresh.any():
        return normalised(1.0 * fresh)
    possible = _contenders(view, sound)
    return normalised(possible * (view.scale / view.scale[possible].max()) ** WIDEST)


def contenders(view: View, limits: Constraints) -> np.ndarray:
    """(arms,) bool: sound arms that may still be the best. An arm is set aside once its upper bound lies below
    another's lower one, two standard deviations each. Source: Even-Dar, Mannor and Mansour (2006)."""
    return _contenders(view, _sound(view, limits))


def _contenders(view: View, sound: np.ndarray) -> np.ndarray:
    low = np.where(sound, view.mean - BOUND * view.scale, -np.inf).max()
    return sound & (view.mean + BOUND * view.scale >= low)


def _settled(view: View, favourite: int) -> bool:
    """P(another arm, taken alone, is better) <= SETTLED for all: gap >= 1.645 sqrt(s_f^2 + s_a^2)."""
    gap = view.mean[favourite] - view.mean
    certain = gap >= 1.645 * np.sqrt(view.scale[favourite] ** 2 + view.scale * view.scale)
    certain[favourite] = True
    return bool((certain | ~view.allowed).all())


def to_arrays(limits: Constraints) -> dict[str, np.ndarray]:
    """As arrays to be logged beside the fields of a view; `from_arrays` gives back the same limits."""
    orders = limits.controls
    pin = -1 if orders.pin is None else orders.pin
    numbers = [
        limits.probation_factor,
        limits.may_leave_baseline,
        limits.exploration_factor,
        limits.coverage_share,
        limits.delta,
        limits.margin,
        limits.shadow,
    ]
    ranks = np.zeros((2, len(limits.code)), dtype=np.int64)
    ranks[0, list(orders.ban)] = 1
    ranks[1, list(orders.fallbacks)] = np.arange(len(orders.fallbacks)) + 1
    return {
        PREFIX + "code": limits.code,
        PREFIX + "numbers": np.array([*numbers, orders.stop, pin, orders.freeze], dtype=np.float64),
        PREFIX + "ranks": ranks,
    }


def from_arrays(arrays: dict[str, Array]) -> Constraints | None:
    """The limits that were logged; None where there were none."""
    if PREFIX + "code" not in arrays:
        return None
    dose, leave, explore, cover, delta, margin, shadow, stop, pin, freeze = arrays[PREFIX + "numbers"].tolist()
    ban, fallback = arrays[PREFIX + "ranks"]
    ranked = np.argsort(fallback, kind="stable")[(fallback == 0).sum() :]
    orders = Controls(
        bool(stop),
        None if pin < 0 else int(pin),
        tuple(np.flatnonzero(ban).tolist()),
        bool(freeze),
        tuple(ranked.tolist()),
    )
    return Constraints(arrays[PREFIX + "code"], dose, bool(leave), explore, cover, delta, margin, orders, bool(shadow))

"""Settings of safety and exploration: what each layer may do, checked before the first decision.

What is None is off. An engine without either of the two decides as fast as its policy does.
"""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from poolwise.errors import ConfigError
from poolwise.inputs import conforming
from poolwise.policy.constraints.change_detection import Settings as Drift
from poolwise.policy.constraints.conservative import Settings as Conservative
from poolwise.policy.constraints.control import Controls
from poolwise.policy.constraints.coverage_guarantee import Guarantee, exploration_factor
from poolwise.policy.constraints.quarantine import Settings as Quarantine
from poolwise.policy.construction import check_range
from poolwise.policy.view import Policy
from poolwise.policy.wrappers.budget import paid
from poolwise.space import ArmSpace


class Safety(NamedTuple):
    """What keeps users from harm. Arms by id, or by family for all of its arms."""

    delta: float | None = 0.1
    """Eligibility: P(utility < margin) of what is chosen freely is at most this."""
    margin: float = math.log(0.95)
    """Utility below which a job counts as harmed."""
    spend: float = 0.05
    """Share of the decisions that pays for arms that are not eligible (yet)."""
    quarantine: Quarantine | None = Quarantine()
    """Times in outcomes of the project."""
    conservative: Conservative | None = None
    """One account per project, in units of the baseline's speed."""
    fallbacks: tuple[str, ...] = ()
    """Tried in order where the baseline is not available and nothing sound is."""
    ban: tuple[str, ...] = ()
    """Never chosen."""
    pin: str | None = None
    """Always chosen."""
    freeze: bool = False
    """No exploration: the favourite among what is allowed."""
    stop: bool = False
    """Always the baseline."""
    shadow: bool = False
    """Decide and log, but always answer the baseline."""

    def checked(self) -> "Safety":
        """Itself, or a ConfigError that names what is wrong."""
        conforming(self, ConfigError, "[safety] ")
        if self.delta is not None:
            check_range("[safety] delta", self.delta, 0.0, 1.0)
            check_range("[safety] spend", self.spend, 0.0, 1.0)
        for layer in (self.quarantine, self.conservative):
            if layer is not None:
                layer.checked()
        return conforming(self, ConfigError)


class Exploration(NamedTuple):
    """How much may be explored, where it must be, and what raises or lowers it."""

    context_budget: float | None = None
    """Largest share of the decisions of each (project, context) that may explore."""
    overall_budget: float | None = None
    """The same of all decisions together."""
    grant: float = 10.0
    """Explorations that are free, per context and overall, before the shares count."""
    coverage: Guarantee | None = None
    memory: float | None = 50.0
    """Feedback: decisions in a context after which exploring it falls towards `quiet` without discovery or change."""
    quiet: float = 0.25
    """Least factor on exploring that feedback comes to."""
    drift: Drift | None = Drift()

    def checked(self) -> "Exploration":
        """Itself, or a ConfigError that names what is wrong."""
        conforming(self, ConfigError, "[exploration] ")
        for name, budget in (("context_budget", self.context_budget), ("overall_budget", self.overall_budget)):
            if budget is not None:
                check_range(f"[exploration] {name}", budget, 0.0, 1.0)
        check_range("[exploration] grant", self.grant, 0.0, math.inf, ends=True)
        exploration_factor(math.inf, math.inf, 100.0 if self.memory is None else self.memory, self.quiet)
        for layer in (self.coverage, self.drift):
            if layer is not None:
                layer.checked()
        return self


NO_SAFETY = Safety(delta=None, quarantine=None)
NO_EXPLORATION = Exploration(memory=None, drift=None)


def protected(policy: Policy, safety: Safety | None) -> Policy:
    """The policy inside eligibility, where that is on. Raises ConfigError where the policy brings its own already."""
    if safety is None or safety.delta is None:
        return policy
    return paid(policy, safety.spend, safety.delta, safety.margin)


def check_arms(safety: Safety, space: ArmSpace) -> None:
    """Raises ConfigError for arms that do not exist, rules that contradict each other, or nothing left to choose."""
    controls(safety, space)
    banned = set(_named(space, safety.ban, "ban"))
    open_arms = [arm.id for arm in space.arms if arm.id not in banned]
    if len(open_arms) < 2:
        raise ConfigError(
            f"[safety] leaves {', '.join(open_arms) or 'no arm'} as the only choice: name more families, ban fewer"
        )


def controls(safety: Safety, space: ArmSpace) -> Controls:
    """The rules of a configuration by index. Raises ConfigError."""
    place = {arm.id: position for position, arm in enumerate(space.arms)}
    pins = _named(space, () if safety.pin is None else (safety.pin,), "pin")
    if len(pins) > 1:
        raise ConfigError(f"[safety] pin names a family of {len(pins)} arms: name one, for instance {pins[0]!r}")
    found = Controls(
        stop=safety.stop,
        pin=place[pins[0]] if pins else None,
        ban=tuple(place[name] for name in _named(space, safety.ban, "ban")),
        freeze=safety.freeze,
        fallbacks=tuple(place[name] for name in _named(space, safety.fallbacks, "fallbacks")),
    )
    return agreeing(found, space)


def agreeing(found: Controls, space: ArmSpace) -> Controls:
    """`found`, or a ConfigError, in names, where its rules contradict each other."""
    ids = [arm.id for arm in space.arms]
    if found.pin is not None and found.pin in found.ban:
        raise ConfigError(f"arm {ids[found.pin]!r} is both pinned and banned: lift one of the two")
    if found.stop and found.pin is not None and ids[found.pin] != space.baseline:
        raise ConfigError(f"stop means the baseline, yet {ids[found.pin]!r} is pinned: lift one of the two")
    if both := [ids[arm] for arm in found.fallbacks if arm in found.ban]:
        raise ConfigError(f"arm {both[0]!r} is both banned and a fallback: lift one of the two")
    if ids.index(space.baseline) in found.ban:
        raise ConfigError(f"the baseline {space.baseline!r} cannot be banned: it is what everything falls back on")
    return found.checked(len(ids), ids.index(space.baseline))


def _named(space: ArmSpace, names: Iterable[str], rule: str) -> list[str]:
    """Ids of the arms that a rule names, one by one or by family."""
    found: list[str] = []
    for name in names:
        mine = [arm.id for arm in space.arms if name in (arm.id, arm.family)]
        if not mine:
            known = [*(arm.id for arm in space.arms), *(family.name for family in space.families)]
            close = get_close_matches(name, known, n=1)
            meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known[:8])}"
            raise ConfigError(f"[safety] {rule} names an unknown arm or family {name!r}: {meant}")
        found += mine
    return found

"""What an operator has ordered, folded from the log: per project, context, both, or everywhere."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from poolwise.errors import ConfigError
from poolwise.policy.constraints.control import Controls
from poolwise.space import ArmSpace

ACTIONS = ("pin", "unpin", "ban", "unban", "freeze", "unfreeze", "stop", "resume", "shadow", "promote")
_WITH_ARM = ("pin", "ban", "unban")
Scope = tuple[str | None, str | None]
"""(project, context); None: all of them."""


class Override(NamedTuple):
    """Orders in force in one scope, arms by id."""

    stop: bool = False
    pin: str | None = None
    ban: frozenset[str] = frozenset()
    freeze: bool = False
    shadow: bool | None = None


class Overrides(NamedTuple):
    """The rules of the configuration, and what was ordered since."""

    base: Controls
    shadow: bool
    standing: Mapping[Scope, Override] = {}


def fold(overrides: Overrides, records: Iterable[dict[str, Any]]) -> Overrides:
    """After the records of a log, in their order."""
    for record in records:
        overrides = _after(overrides, record)
    return overrides


def checked(overrides: Overrides, space: ArmSpace, record: dict[str, Any]) -> dict[str, Any]:
    """The record, its arm in full. Raises ConfigError for orders that do not exist, name nothing, or contradict."""
    action, arm = record["order"], record["arm"]
    if action not in ACTIONS:
        raise ConfigError(f"unknown order {action!r}: there are {', '.join(ACTIONS)}")
    if (action in _WITH_ARM) != (arm is not None):
        raise ConfigError(f"{action!r} {'needs an' if action in _WITH_ARM else 'takes no'} arm, got {arm!r}")
    arms = [] if arm is None else space.matching([arm])
    if action == "pin" and len(arms) > 1:
        raise ConfigError(f"{arm!r} is a family of {len(arms)} arms: pin one, for instance {arms[0]!r}")
    record = {**record, "arms": arms}
    before, after = (_standing(one, record) for one in (overrides, _after(overrides, record)))
    if before == after:
        raise ConfigError(f"{action!r} would change nothing here: `poolwise status` shows the orders in force")
    banned = {arm for one in (before, after) for arm in one.ban} | {space.arms[k].id for k in overrides.base.ban}
    if action == "pin" and arms[0] in banned:
        raise ConfigError(f"arm {arms[0]!r} is banned: unban it before you pin it")
    if action == "ban" and space.baseline in arms:
        raise ConfigError(f"the baseline {space.baseline!r} cannot be banned: it is what everything falls back on")
    if action == "ban" and before.pin in arms:
        raise ConfigError(f"arm {before.pin!r} is pinned: unpin it before you ban it")
    return record


def in_force(overrides: Overrides, space: ArmSpace, project: str, context: str) -> tuple[Controls, bool]:
    """Orders for one cell by index, and whether it is a shadow. Stops, bans and freezes add up; the narrowest pin and
    shadow hold; an arm that is banned anywhere is not pinned."""
    scopes: list[Scope] = [(None, None), (None, context), (project, None), (project, context)]
    found = [overrides.standing[scope] for scope in scopes if scope in overrides.standing]
    place = space.index
    base = overrides.base
    ban = {*base.ban, *(place[arm] for one in found for arm in one.ban if arm in place)}
    pins = [place[one.pin] for one in found if one.pin is not None and one.pin in place]
    pin = pins[-1] if pins else base.pin
    shadows = [one.shadow for one in found if one.shadow is not None]
    controls = Controls(
        stop=base.stop or any(one.stop for one in found),
        pin=None if pin in ban else pin,
        ban=tuple(sorted(ban)),
        freeze=base.freeze or any(one.freeze for one in found),
        fallbacks=tuple(arm for arm in base.fallbacks if arm not in ban),
    )
    return controls, shadows[-1] if shadows else overrides.shadow


def sentences(overrides: Overrides) -> list[str]:
    """Every order in force, in words."""
    found = []
    for (project, context), one in overrides.standing.items():
        where = " of ".join(part for part in (context, project) if part) or "everywhere"
        words = [name for name in ("stop", "freeze") if getattr(one, name)] + ["shadow"] * bool(one.shadow)
        words += [f"pin {one.pin}"] * (one.pin is not None) + [f"ban {arm}" for arm in sorted(one.ban)]
        found += [f"{word}: {where}" for word in words]
    return found


def _scope(record: dict[str, Any]) -> Scope:
    return record["project"], record["context"]


def _standing(overrides: Overrides, record: dict[str, Any]) -> Override:
    return overrides.standing.get(_scope(record), Override())


def _after(overrides: Overrides, record: dict[str, Any]) -> Overrides:
    old, arms = _standing(overrides, record), frozenset(record["arms"])
    changes: dict[str, dict[str, Any]] = {
        "pin": {"pin": next(iter(arms), None)},
        "unpin": {"pin": None},
        "ban": {"ban": old.ban | arms},
        "unban": {"ban": old.ban - arms},
        "freeze": {"freeze": True},
        "unfreeze": {"freeze": False},
        "stop": {"stop": True},
        "resume": {"stop": False},
        "shadow": {"shadow": True},
        "promote": {"shadow": False},
    }
    return overrides._replace(standing={**overrides.standing, _scope(record): old._replace(**changes[record["order"]])})

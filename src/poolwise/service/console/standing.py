"""Orders as the console shows them: those in force, those that were given, and what takes one back."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from poolwise.engine.engine import Engine
from poolwise.engine.safeguards.damaged_records import why_not
from poolwise.engine.safeguards.operator_overrides import Override, Overrides, Scope, fold

WORDS = {
    "pin": "always choose this arm",
    "unpin": "end the pin",
    "ban": "never choose this arm, or family",
    "unban": "allow it again",
    "freeze": "favourites only: no exploring",
    "unfreeze": "explore again",
    "stop": "the baseline only",
    "resume": "end the stop",
    "shadow": "decide, but answer the baseline",
    "promote": "end the shadow; refused unless the gain is proven",
}
"""Every order, and what it does."""
WITH_ARM = ("pin", "ban", "unban")


class Order(NamedTuple):
    """What can be ordered."""

    order: str
    arm: str | None
    project: str | None
    context: str | None


class Given(NamedTuple):
    """An order in the log."""

    number: int
    time: float | None
    order: Order
    undo: tuple[Order, ...]
    """What takes it back: empty where it changed nothing."""


def in_force(engine: Engine) -> list[tuple[str, Order]]:
    """Every order in force, as its word, and the order that ends it."""
    safeguards = engine.serving.policy_gate.safeguards
    return [] if safeguards is None else ended(safeguards.overrides)


def ended(overrides: Overrides) -> list[tuple[str, Order]]:
    found = []
    for (project, context), one in overrides.standing.items():
        if one.stop:
            found.append(("stop", Order("resume", None, project, context)))
        if one.freeze:
            found.append(("freeze", Order("unfreeze", None, project, context)))
        if one.shadow:
            found.append(("shadow", Order("promote", None, project, context)))
        if one.pin is not None:
            found.append((f"pin {one.pin}", Order("unpin", None, project, context)))
        found += [(f"ban {arm}", Order("unban", arm, project, context)) for arm in sorted(one.ban)]
    return found


def given(records: Sequence[dict[str, Any]], base: Overrides) -> list[Given]:
    """Every order of a log that can be read, oldest first. base: the rules of the configuration."""
    overrides, found = base._replace(standing={}), []
    for number, record in enumerate(records, start=1):
        if why_not("control", record) is not None or "order" not in record:
            continue
        scope: Scope = (record["project"], record["context"])
        after = fold(overrides, [record])
        before, now = (one.standing.get(scope, Override()) for one in (overrides, after))
        order = Order(record["order"], record.get("arm"), *scope)
        found.append(Given(number, record.get("time"), order, tuple(inverse(before, now, order))))
        overrides = after
    return found


def inverse(before: Override, after: Override, order: Order) -> list[Order]:
    """Orders that lead back from one state of a scope to the one before it."""
    found: list[tuple[str, str | None]] = []
    if before.pin != after.pin:
        found.append(("unpin", None) if before.pin is None else ("pin", before.pin))
    new, old = after.ban - before.ban, before.ban - after.ban
    if new and order.arm is not None and not before.ban & _named(order, after.ban):
        found.append(("unban", order.arm))
    else:
        found += [("unban", arm) for arm in sorted(new)]
    found += [("ban", arm) for arm in sorted(old)]
    for was, now, yes, no in (
        (before.stop, after.stop, "stop", "resume"),
        (before.freeze, after.freeze, "freeze", "unfreeze"),
        (bool(before.shadow), bool(after.shadow), "shadow", "promote"),
    ):
        if was != now:
            found.append((yes if was else no, None))
    return [Order(name, arm, order.project, order.context) for name, arm in found]


def number_of(records: Sequence[dict[str, Any]], record: dict[str, Any]) -> int:
    """The number of a record that was just given; 0 where it is not there."""
    return next((k for k in range(len(records), 0, -1) if records[k - 1] == record), 0)


def _named(order: Order, banned: frozenset[str]) -> frozenset[str]:
    """Arms that an order names, by their own id or by their family."""
    return frozenset(arm for arm in banned if order.arm in (arm, arm.partition("(")[0]))

"""Configurations that took the places of others among those that are offered, as a store's log tells it.

A family that allows more configurations than its `limit` offers some of them. Which ones follows from the space and
from the renewals of the log alone, so every process that opens a store offers the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from poolwise.errors import SpaceError
from poolwise.space.arm_space import ArmSpace
from poolwise.space.family import Arm

RENEWAL = "renewal"
"""Kind of the records."""


def record(family: str, added: Iterable[str], dropped: Iterable[str], outcomes: int) -> dict[str, Any]:
    """To be logged. added, dropped: ids of arms; outcomes: that told so."""
    return {"family": family, "added": list(added), "dropped": list(dropped), "outcomes": outcomes}


def renewed(space: ArmSpace, renewals: Iterable[Mapping[str, Any]], kept: frozenset[str] = frozenset()) -> ArmSpace:
    """The space after these renewals, oldest first. What it does not allow, or has retired, is not offered; its
    baseline stays, and what is to be kept.

    >>> from poolwise.space import Family
    >>> from poolwise.space.parameters import Choice
    >>> sizes = Family("size", {"log": Choice([0, 1, 2, 3])}, limit=2)
    >>> space = ArmSpace([Family("default"), sizes], "default")
    >>> [arm.id for arm in renewed(space, [record("size", ["size(log=3)"], ["size(log=0)"], 5)]).arms]
    ['default', 'size(log=1)', 'size(log=3)']
    """
    added, dropped = dict[str, Arm](), set[str]()
    for one in renewals:
        for id in one["dropped"]:
            added.pop(id, None)
            dropped.add(id)
        for id in one["added"]:
            dropped.discard(id)
            if id not in space.index and (arm := _read(space, one["family"], id)) is not None:
                added[id] = arm
    if not added and not dropped & space.index.keys():
        return space
    gone = frozenset(id for id in dropped if id in space.index and id not in {space.baseline, *kept})
    new = [arm for id, arm in added.items() if id not in space.retired]
    return replace(space, extra=(*space.extra, *new), retired=space.retired | gone)


def _read(space: ArmSpace, family: str, id: str) -> Arm | None:
    """None where the space has no such arm any more."""
    try:
        return space.family(family).read(id)
    except SpaceError:
        return None

"""Where calls come in: types are checked before anything is looked up, numbered or stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from poolwise.engine.settings import Settings
from poolwise.errors import InputError, RefitError, UnknownDecision
from poolwise.inputs import conforming
from poolwise.lazy import pandas as pd
from poolwise.names import checked, every, fault, identity, iterable, shown
from poolwise.policy.view import Policy
from poolwise.schema import Snapshot
from poolwise.space import ArmSpace
from poolwise.store.base import missing

Names = str | tuple[np.ndarray, list[str]]
"""One name, or for every job (n,) its place in a list of distinct ones."""
Column = str | Sequence[str]
"""One name, or one for every job, as they are given."""
Available = Iterable[str] | None
Known = Mapping[str, Any] | None
"""By name."""
COPIED = (
    "an Engine holds an open store and cannot be copied or pickled: pass the store's URL and the space instead, and "
    "call Engine.open(url, space) in the other process"
)
FORKED = (
    "this engine was opened before a fork: its connection and its ids belong to the parent process; call Engine.open "
    "in every process, after the fork"
)
LARGEST = 2**63 - 1
"""Of ids and seeds: what a store can hold."""


class DecisionRequest(NamedTuple):
    """A decision that is asked for, in plain strings."""

    project: str
    context: str
    job: str | None
    available: list[str] | None


def asked(project: Any, context: Any, job: Any, available: Any) -> DecisionRequest:
    """Raises InputError for names that are none."""
    if isinstance(available, str):
        raise InputError(f"available must be a list of arms or families, got the string {shown(available)}")
    return DecisionRequest(
        checked("project", project),
        checked("context", context),
        None if job is None else checked("job", job),
        None if available is None else every("available", available),
    )


def column(kind: str, names: Any) -> Names:
    """One name, or a name per job. Raises InputError for what is no list of names; each is checked once."""
    if isinstance(names, str):
        return checked(kind, names)
    if isinstance(names, bytes | dict | set | frozenset) or not iterable(names):
        raise InputError(f"{kind} must be a name or a list of names, got {type(names).__name__} {shown(names)}")
    found = np.array([*names, None], dtype=object)[:-1]  # Lists in a list stay what they are, and are refused.
    if not len(found):
        raise InputError(f"{kind} names no job: give one name at least")
    try:
        codes, distinct = pd.factorize(found)
    except TypeError as error:
        raise InputError(f"{kind} holds something that is no name ({error}): give a list of strings") from error
    if (codes < 0).any():
        raise InputError(f"{kind} has no name in row {int(np.argmax(codes < 0))}: give a non-empty string")
    fine = [isinstance(name, str) and fault(name) is None for name in distinct]
    if not all(fine):
        row = int(np.argmax(codes == fine.index(False)))
        checked(f"row {row}: {kind}", found[row])
    return codes, [str(name) for name in distinct]


def order(order: Any, arm: Any, project: Any, context: Any) -> tuple[str, str | None, str | None, str | None]:
    """An operator's order in plain strings. Raises InputError."""
    arm, project, context = (
        None if value is None else checked(kind, value)
        for kind, value in (("arm", arm), ("project", project), ("context", context))
    )
    return checked("order", order), arm, project, context


def decision(id: Any) -> int:
    """Raises InputError for what is no id, UnknownDecision for one that no store can hold."""
    number = identity("decision", id)
    if not 0 < number <= LARGEST:
        raise UnknownDecision(missing(number))
    return number


def proposed(snapshot: Any) -> Snapshot:
    """What a refit came to, checked. Raises RefitError."""
    if not isinstance(snapshot, Snapshot):
        raise RefitError(f"a refit proposes a Snapshot, got {type(snapshot).__name__}: the old one keeps serving")
    return conforming(snapshot, RefitError, "the proposed snapshot's ")


def opening(url: Any, space: Any, policy: Any, settings: Any, seed: Any) -> int | None:
    """The seed, after checking the types of what an engine is opened with. Raises InputError."""
    kinds = {
        "url": (url, str),
        "space": (space, ArmSpace),
        "policy": (policy, Policy),
        "settings": (settings, Settings),
    }
    for name, (value, kind) in kinds.items():
        if not isinstance(value, kind) and not (name in ("policy", "settings") and value is None):
            raise InputError(f"{name} must be of type {kind.__name__}, got {type(value).__name__} {shown(value)}")
    if seed is None:
        return None
    if not 0 <= (number := identity("seed", seed)) <= LARGEST:
        raise InputError(f"seed {shown(number)} must lie within 0 and 2**63 - 1, or be left out")
    return number

"""Records of a log that cannot be used: kept where they are, left out of everything, and named by `status`.

A record is damaged where it is no JSON table (`Store.records` has an empty one in its place), and where it does not
say what one of its kind says. A store opens without it: what it held is lost, and nothing else.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from poolwise.engine.safeguards.operator_overrides import ACTIONS
from poolwise.errors import PoolwiseError, SpaceError
from poolwise.meta.packs import Pack, from_dict
from poolwise.meta.privacy import checked_mu
from poolwise.names import escaped, shortened
from poolwise.posterior.hyperparameters import gaussian
from poolwise.schema import Snapshot
from poolwise.space.features import declared
from poolwise.space.parameters import parameter_from_dict
from poolwise.space.renewal import RENEWAL
from poolwise.store.base import WITHDRAWN, Store
from poolwise.store.sql import pruning

FAULTS = (PoolwiseError, KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)
"""What comes of reading a record that is not what it should be."""


def usable(store: Store, kind: str) -> list[dict[str, Any]]:
    """The records of a kind that can be used, in their order."""
    return [body for body in store.records(kind) if WITHDRAWN not in body and why_not(kind, body) is None]


def serving(store: Store, after: int = 0) -> list[Snapshot]:
    """Snapshots that can serve, in the order in which they did: none that rests on what was withdrawn since."""
    undone = store.undone()
    found = (one for one in store.snapshots(after) if one.status == "serving" and one.hyper.get("undone", 0) == undone)
    return [one for one in found if why_not("snapshot", one._asdict()) is None]


def pack_of(body: Mapping[str, Any]) -> Pack | None:
    """The prior pack of a record; None where there is none in it."""
    try:
        return from_dict(body["pack"], "a pack in the store")
    except FAULTS:
        return None


def damaged(store: Store) -> list[str]:
    """Kind, number and fault of every record that cannot be used."""
    return [
        f"{kind} {number}: {why}"
        for kind in CHECKS
        for number, body in enumerate(store.records(kind), start=1)
        if (why := why_not(kind, body)) is not None
    ]


def why_not(kind: str, body: Mapping[str, Any]) -> str | None:
    """What is wrong with a record, in one line; None: it can be used."""
    try:
        if WITHDRAWN in body:
            return None
        if not body:
            return "it is no JSON table"
        CHECKS[kind](body)
    except FAULTS as error:
        text = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        return shortened(escaped(" ".join(text.split())), 160)
    return None


def _has(*fields: str) -> Callable[[Mapping[str, Any]], None]:
    def check(body: Mapping[str, Any]) -> None:
        for field in fields:
            body[field]

    return check


def _space(body: Mapping[str, Any]) -> None:
    """Rules that an earlier version did not have are not asked for."""
    _has("baseline")(body)
    for family in body["families"]:
        if not isinstance(family["name"], str):
            raise TypeError("a family without name")
        for parameter in family.get("parameters", {}).values():
            try:
                parameter_from_dict(parameter)
            except SpaceError:
                continue


def _order(body: Mapping[str, Any]) -> None:
    texts = [text for text in (body["project"], body["context"]) if text is not None]
    if body["order"] not in ACTIONS or not all(isinstance(text, str) for text in (*texts, *body["arms"])):
        raise ValueError("it is no order")


def _snapshot(body: Mapping[str, Any]) -> None:
    if body["status"] == "damaged":
        raise ValueError(body["reason"])
    if body["status"] == "serving":
        found = gaussian.from_dict(body["hyper"]["gaussian"])
        parts = [np.ravel(part) for part in (*found.arm, *found.family, *found.globe, found.noise, found.spread)]
        if not np.isfinite(np.concatenate(parts).astype(float)).all():
            raise ValueError("its scales are not all numbers")


def _measurement(body: Mapping[str, Any]) -> None:
    walls = [body[name] for name in ("wall", "baseline_wall", "baseline_cost") if name in body]
    if not (isinstance(body["decision"], int) and isinstance(body["detail"], str) and all(wall > 0 for wall in walls)):
        raise ValueError("it is no measurement")


def _recommendation(body: Mapping[str, Any]) -> None:
    """Those of earlier versions were of no project."""
    if "project" in body:
        _has("spec", "decisions", "time", "source", "why")(body)
        texts = body["project"], body["spec"], body["source"], body["why"]
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("it does not say for which project")
        if not isinstance(body.get("again"), int | None):
            raise TypeError("it does not say when it is asked again")
    if not all(isinstance(value, float | int) and 0 <= value < math.inf for value in body["params"].values()):
        raise ValueError("its constants are not all numbers")


def _features(body: Mapping[str, Any]) -> None:
    if not set(body["declared"]) <= declared(body["features"]).keys():
        raise ValueError("it lacks what it declares")


def _renewal(body: Mapping[str, Any]) -> None:
    if not all(isinstance(text, str) for text in (body["family"], *body["added"], *body["dropped"])):
        raise TypeError("it does not say which arms")


CHECKS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "store": lambda body: int(body["seed"]),
    "space": _space,
    RENEWAL: _renewal,
    "features": _features,
    "prior": lambda body: from_dict(body["pack"], "it"),
    "control": _order,
    "snapshot": _snapshot,
    "export": lambda body: checked_mu(body.get("mu")),
    "measurement": _measurement,
    "problem": _has("kind"),
    "run": _has(),
    "learned": _recommendation,
    "configuration": _has("tables"),
    "resolution": lambda body: 1 / body["value"],
    "undo": _has("undo"),
    "pruned": pruning.checked,
}
"""By kind: raises one of `FAULTS` for a record that does not conform."""

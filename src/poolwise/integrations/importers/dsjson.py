"""Vowpal Wabbit's dsjson: a line of JSON per decision of a contextual bandit, with the probabilities that made it.

`a` are the actions and `p` their probabilities, `_labelIndex` (from 0) or `_label_Action` (from 1) the one that was
taken, `_label_cost` what it cost; `c` holds shared features and `_multi`, one entry per action. Utility is minus the
cost. The rows are a log: `evaluate` and `refit --from` read it, `replay` needs every arm of every job.
Source: Vowpal Wabbit's wiki, "DSJSON".
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from poolwise.errors import DataError
from poolwise.integrations.importers.reading import ALL, OTHER, Wishes
from poolwise.integrations.importers.tidy import Imported
from poolwise.names import shown
from poolwise.schema import CHANCES
from poolwise.targets import description

TITLE = "dsjson log of Vowpal Wabbit, a line of JSON per decision"
TOLERANCE = 1e-3
"""Between the logged propensity and the probabilities, which are written in single precision."""


def recognises(path: Path) -> bool:
    """Whether its first line is a decision among several actions."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            first = json.loads(file.readline(10_000_000))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and isinstance(first.get("c"), dict) and ("_multi" in first["c"] or "p" in first)


def read(path: Path, wishes: Wishes) -> Imported:
    """Project: the file's name. Lines without a label are left out and counted."""
    rows, left = [], 0
    for number, event in enumerate(_events(path)):
        if not isinstance(event.get("c"), dict) or "_label_cost" not in event or event.get("_skipLearn"):
            left += 1
            continue
        rows.append(_row(event, number, path, wishes))
    if not rows:
        raise DataError(f"{description(path)}: no line has a label (_label_cost), so there is nothing to import")
    frame = pd.DataFrame(rows)
    frame = frame.fillna({name: 0.0 for name in map(str, frame.columns) if name.startswith(CHANCES)})
    return Imported(frame, [f"{left} lines without a decision and its cost left out"] if left else [])


def _events(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file):
            if not line.strip():
                continue
            try:
                event = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{description(path)}, line {number + 1} is no JSON: {error}") from error
            if not isinstance(event, dict):
                raise DataError(f"{description(path)}, line {number + 1} is no JSON object but {shown(event)}")
            yield event


def _row(event: dict[str, Any], number: int, path: Path, wishes: Wishes) -> dict[str, Any]:
    where = f"{description(path)}, decision {number}"
    actions = event["c"].get("_multi")
    if not isinstance(actions, list) or not actions or "_slots" in event["c"]:
        raise DataError(f"{where}: `c` holds no `_multi`, or slots; import decisions of one slot among actions")
    shares = _shares(event, len(actions), where)
    taken = event["_labelIndex"] if "_labelIndex" in event else event.get("_label_Action", 0) - 1
    if not isinstance(taken, int) or not 0 <= taken < len(actions):
        raise DataError(f"{where}: the action taken is {shown(taken)}, where there are {len(actions)}")
    if abs(shares[taken] - float(event.get("_label_probability", shares[taken]))) > TOLERANCE:
        raise DataError(
            f"{where}: `_label_probability` {shown(event['_label_probability'])} is not the {shares[taken]:.6g} of `p`"
        )
    names = [_name(action, place, wishes.family, where) for place, action in enumerate(actions)]
    if len(set(names)) < len(names):
        raise DataError(f"{where}: two actions have one name; name a key of every action that tells them apart")
    return {
        "unit": str(event.get("EventId", event.get("event_id", number))),
        "decision": number,
        "project": wishes.project or path.stem,
        "context": ALL if wishes.context is None else str(_at(event["c"], wishes.context, OTHER)),
        "family": names[taken],
        "arm": names[taken],
        "status": "ok",
        "probability": shares[taken],
        "utility": 0.0 - float(event["_label_cost"]),
        **{f"{CHANCES}{name}": share for name, share in zip(names, shares, strict=True)},
    }


def _shares(event: dict[str, Any], actions: int, where: str) -> list[float]:
    """(actions,) probabilities in the order of the actions; `a` counts from 0 or from 1."""
    order, chances = event.get("a"), event.get("p")
    if not (isinstance(order, list) and isinstance(chances, list) and len(order) == len(chances) == actions):
        raise DataError(f"{where}: `a` and `p` must have a value for each of the {actions} actions")
    base = min(order, default=0)
    if sorted(order) != list(range(base, base + actions)) or base not in (0, 1) or not sum(chances) > 0:
        raise DataError(f"{where}: `a` is {shown(order)}, which numbers no {actions} actions, or `p` sums to 0")
    share = {action - base: chance / sum(chances) for action, chance in zip(order, chances, strict=True)}
    return [share[action] for action in range(actions)]


def _name(action: Any, place: int, key: str | None, where: str) -> str:
    if key is None:
        tag = action.get("_tag", action.get("id")) if isinstance(action, dict) else None
        return f"action {place + 1}" if tag is None else str(tag)
    found = _at(action, key, None)
    if found is None:
        raise DataError(f"{where}: action {place + 1} has no {key!r}; name a key that every action has")
    return str(found)


def _at(body: Any, key: str, otherwise: Any) -> Any:
    """What stands at a dotted key."""
    for part in key.split("."):
        if not isinstance(body, dict) or part not in body:
            return otherwise
        body = body[part]
    return body

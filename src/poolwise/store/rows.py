"""Outcomes as rows of a table, and the verdict on each of many."""

import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from poolwise.schema import STATUSES, Outcome, Snapshot
from poolwise.store.base import CONFLICTING, NEW, REPEATED, UNKNOWN, OutcomeColumns, rows_of, same_outcome

_SNAPSHOT = {"status": str, "outcomes": int, "hyper": dict, "diagnostics": dict, "method": str, "reason": str}
_LONG = 1024
"""Characters beyond which a record is compressed: numbers in text take half the bytes then."""


def compressed(text: str) -> str | bytes:
    """A record as it is stored where the database does not compress by itself."""
    return text if len(text) <= _LONG else zlib.compress(text.encode())


def record_text(body: Any) -> str:
    """A record as text; an empty table for what is none."""
    try:
        return str(zlib.decompress(body).decode() if isinstance(body, bytes) else body)
    except (zlib.error, ValueError):
        return "{}"


def record_of(body: Any) -> dict[str, Any]:
    """A record as it was given; an empty one for what is none, so that the others keep their numbers."""
    try:
        found = json.loads(zlib.decompress(body) if isinstance(body, bytes) else body)
    except (zlib.error, ValueError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def checksum(body: bytes) -> bytes:
    """Of a checkpoint: one that is damaged must not be taken for what was learned."""
    return hashlib.blake2b(body, digest_size=16).digest()


def snapshot_of(body: dict[str, Any], id: int) -> Snapshot:
    """The snapshot that a record holds, or one that says that it holds none."""
    found: dict[str, Any] = {name: body.get(name) for name in Snapshot._fields} | {"id": id}
    fine = all(isinstance(found[name], kind) for name, kind in _SNAPSHOT.items())
    if not fine or isinstance(found["outcomes"], bool):
        return Snapshot(id, 0.0, None, "", "damaged", "its record is no snapshot", 0, {}, {})
    return Snapshot(**found)


def outcome_row(outcome: Outcome) -> tuple:
    return (
        outcome.decision,
        STATUSES.index(outcome.status),
        outcome.utility,
        outcome.cost,
        outcome.baseline_cost,
        outcome.time,
    )


def features_body(row: Sequence[float] | np.ndarray | None) -> bytes | None:
    """What was known of a job, as it is stored."""
    return None if row is None else np.asarray(row, dtype="<f8").tobytes()


def features_of(body: bytes | None) -> tuple[float, ...] | None:
    """As it was given. Raises ValueError for what is none."""
    return None if body is None else tuple(np.frombuffer(body, dtype="<f8").tolist())


def features_among(ids: np.ndarray, found: Sequence[tuple[int, bytes]], width: int) -> np.ndarray:
    """(n, width) of decisions, NaN where there is nothing, from rows of id and body. Raises ValueError."""
    table = np.full((len(found) + 1, width), np.nan)
    for row, (_, body) in enumerate(found):
        numbers = np.frombuffer(body, dtype="<f8")[:width]
        table[row, : len(numbers)] = numbers
    place = {id: row for row, (id, _) in enumerate(found)}
    return table[[place.get(id, -1) for id in ids.tolist()]]


def outcome_of(row: tuple) -> Outcome:
    """One that was withdrawn is like no other."""
    status: Any = STATUSES[row[1]] if row[1] < len(STATUSES) else "withdrawn"
    return Outcome(row[0], status, *row[2:])


def _rows(outcomes: OutcomeColumns) -> list[tuple]:
    """As `outcome_row` of each, but NaN, which `Database.insert_many` takes for NULL, where no cost was given."""
    columns = (
        getattr(outcomes, name).tolist() for name in ("decision", "status", "utility", "cost", "baseline_cost", "time")
    )
    return list(zip(*columns, strict=True))


def judged(
    outcomes: OutcomeColumns, known: set[int], earlier: dict[int, Outcome]
) -> tuple[np.ndarray, list[tuple], list[tuple[str, str]]]:
    """Verdict on every row, the rows to append, and the problems to keep; later rows see the earlier ones."""
    verdict = np.full(len(outcomes.decision), NEW, dtype=np.int8)
    if not earlier and len(known) == len(verdict):
        return verdict, _rows(outcomes), []
    new, problems = [], []
    for i, outcome in enumerate(rows_of(outcomes)):
        before = earlier.get(outcome.decision)
        if before is not None:
            verdict[i] = REPEATED if same_outcome(before, outcome) else CONFLICTING
        elif outcome.decision not in known:
            verdict[i] = UNKNOWN
        else:
            earlier[outcome.decision] = outcome
            new.append(outcome_row(outcome))
        if verdict[i] in (CONFLICTING, UNKNOWN):
            problems.append(("problem", json.dumps({"kind": int(verdict[i]), **outcome._asdict()})))
    return verdict, new, problems

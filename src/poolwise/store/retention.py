"""Old rows leave the store: archived first, then pruned, a few at a time between the calls of those who use it.

A view is old when every decision that rests on it is; the newest of each (project, context) stays. Events are old up
to the first one that is not, and leave only as far as a checkpoint holds what was learned from them: the store then
refuses to be read from before that, so that nobody believes less than was learned without a word.
"""

import json
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from poolwise.errors import StoreError
from poolwise.store import archive, rows
from poolwise.store.database import statements
from poolwise.store.database.connection import Database

_CHUNK = 5_000
_AMONG = "IN (SELECT value FROM json_each(?))"
_OLD_VIEWS = """
    SELECT v.id FROM view v JOIN decision d ON d.view = v.id GROUP BY v.id HAVING max(d.time) < ?
    EXCEPT SELECT max(id) FROM view GROUP BY project, context ORDER BY 1
"""
_VIEWS = f"""
    SELECT v.id, p.name, c.name, o.spec, o.params, v.snapshot, v.outcomes, a.arms, v.arrays, l.line
    FROM view v JOIN name p ON p.kind = 'project' AND p.position = v.project
    JOIN name c ON c.kind = 'context' AND c.position = v.context
    JOIN policy o ON o.id = v.policy JOIN arm_list a ON a.id = v.arm_list LEFT JOIN layout l ON l.id = v.layout
    WHERE v.id {_AMONG} ORDER BY v.id
"""
_DECISIONS = f"""
    SELECT d.sequence, d.id, p.name, c.name, a.name, r.name, j.name, d.probability, d.view, d.time
    FROM decision d JOIN name p ON p.kind = 'project' AND p.position = d.project
    JOIN name c ON c.kind = 'context' AND c.position = d.context JOIN name a ON a.kind = 'arm' AND a.position = d.arm
    JOIN name r ON r.kind = 'reason' AND r.position = d.reason
    LEFT JOIN name j ON j.kind = 'job' AND j.position = d.job
    WHERE d.id {_AMONG} ORDER BY d.sequence
"""
_OUTCOMES = f"""
    SELECT sequence, decision, status, utility, cost, baseline_cost, time FROM outcome
    WHERE decision {_AMONG} ORDER BY sequence
"""
_LEARNED = "SELECT name, outcomes, decisions, checksum, body FROM checkpoint ORDER BY outcomes DESC"
_LAST_DECISION = """
    SELECT min(coalesce((SELECT min(sequence) FROM decision WHERE time >= ?), max(sequence)) - 1, ?) FROM decision
"""
_LAST_OUTCOME = """
    SELECT min(coalesce((SELECT min(o.sequence) FROM outcome o LEFT JOIN decision d ON d.id = o.decision
        WHERE o.time >= ? OR d.sequence > ?), max(sequence)) - 1, ?) FROM outcome
"""
_OLD_DECISIONS = """
    SELECT d.id FROM decision d LEFT JOIN outcome o ON o.decision = d.id
    WHERE d.sequence <= ? AND coalesce(o.sequence, 0) <= ? ORDER BY d.sequence
"""


class Pruned(NamedTuple):
    """How many rows left, and the files that have them."""

    views: int
    decisions: int
    outcomes: int
    files: tuple[str, ...]


def retain(
    path: Path, folder: Path, *, views: float | None = None, events: float | None = None, wait: float = 1.0
) -> Pruned:
    """Archive in a folder, then prune what is older than these times (seconds since the epoch; None: nothing).

    Killed in between, it archives some rows twice and loses none. Raises StoreError, in which case what was not
    archived is still there.
    """
    database = Database(path, None, wait=wait, durability="power")
    try:
        seen = (0, None) if views is None else _prune_views(database, folder, views)
        gone = (0, 0, []) if events is None else _prune_events(database, folder, events)
    finally:
        database.close()
    files = [seen[1], *gone[2]]
    return Pruned(seen[0], gone[0], gone[1], tuple(file for file in files if file))


def _prune_views(database: Database, folder: Path, before: float) -> tuple[int, str | None]:
    old = [id for (id,) in database.all(_OLD_VIEWS, before)]
    file = archive.write(folder, "views", archive.VIEWS, map(archive.view_row, _rows(database, _VIEWS, old)))
    for chunk in _chunks(old):
        database.whole(partial(_delete, tables={"view": "id"}, ids=chunk))
    return len(old), file


def _prune_events(database: Database, folder: Path, before: float) -> tuple[int, int, list[str | None]]:
    whole = (
        (*found, name) for name, *found, checksum, body in database.all(_LEARNED) if rows.checksum(body) == checksum
    )
    learned = next(whole, None)
    if learned is None:
        raise StoreError("no checkpoint holds what was learned: open an engine on this store, close it, and try again")
    outcomes, decisions, name = learned
    last_decision = database.one(_LAST_DECISION, before, decisions)[0] or 0
    last_outcome = database.one(_LAST_OUTCOME, before, last_decision, outcomes)[0] or 0
    old = [id for (id,) in database.all(_OLD_DECISIONS, last_decision, last_outcome)]
    if not old:
        return 0, 0, []
    files = [
        archive.write(folder, "decisions", archive.DECISIONS, _rows(database, _DECISIONS, old)),
        archive.write(folder, "outcomes", archive.OUTCOMES, map(archive.outcome_row, _rows(database, _OUTCOMES, old))),
    ]
    record = {"outcomes": last_outcome, "decisions": last_decision, "checkpoint": name, "files": files}
    database.write(statements.RECORD, (statements.PRUNED, json.dumps(record)))
    count = 0
    for chunk in _chunks(old):  # A decision and its outcome leave together, or a second report would be learned again.
        count += database.whole(partial(_delete, tables={"outcome": "decision", "decision": "id"}, ids=chunk))
    return len(old), count - len(old), files


def _rows(database: Database, statement: str, ids: list[int]) -> Iterator[tuple[Any, ...]]:
    for chunk in _chunks(ids):
        yield from database.all(statement, json.dumps(chunk))


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    return (ids[first : first + _CHUNK] for first in range(0, len(ids), _CHUNK))


def _delete(db: sqlite3.Connection, tables: dict[str, str], ids: list[int]) -> int:
    """Inside of a transaction, in which alone the tables are not append-only: how many rows left."""
    count = 0
    for table, column in tables.items():
        guard = f"{table}_no_delete"
        (again,) = db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (guard,)).fetchone()
        db.execute(f"DROP TRIGGER {guard}")
        count += db.execute(f"DELETE FROM {table} WHERE {column} {_AMONG}", (json.dumps(ids),)).rowcount
        db.execute(again)
    return count

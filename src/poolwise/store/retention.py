"""Old rows leave the store: archived first, then pruned, a few at a time between the calls of those who use it.

A view is old when every decision that rests on it is; the newest of each (project, context) stays. Events are old up
to the first one that is not, and leave only as far as a checkpoint holds what was learned from them: the store then
refuses to be read from before that, so that nobody believes less than was learned without a word.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from poolwise.errors import StoreError
from poolwise.store import archive, rows
from poolwise.store.databases import Opening, opened
from poolwise.store.sql import statements
from poolwise.store.sql.database import Connection, Database

_CHUNK = 5_000


class Pruned(NamedTuple):
    """How many rows left, and the files that have them."""

    views: int
    decisions: int
    outcomes: int
    files: tuple[str, ...]


def retain(
    url: str, folder: Path, *, views: float | None = None, events: float | None = None, wait: float = 1.0
) -> Pruned:
    """Archive in a folder, then prune what is older than these times (seconds since the epoch; None: nothing).

    Killed in between, it archives some rows twice and loses none. Raises StoreError, in which case what was not
    archived is still there.
    """
    database = opened(Opening(url, create=False, lock_wait=wait, durability="power"))
    try:
        seen = (0, None) if views is None else _prune_views(database, folder, views)
        gone = (0, 0, []) if events is None else _prune_events(database, folder, events)
    finally:
        database.close()
    files = [seen[1], *gone[2]]
    return Pruned(seen[0], gone[0], gone[1], tuple(file for file in files if file))


def _prune_views(database: Database, folder: Path, before: float) -> tuple[int, str | None]:
    old = [id for (id,) in database.all(database.sql.OLD_VIEWS, before)]
    named = map(archive.view_row, _rows(database, database.sql.NAMED_VIEWS, old))
    file = archive.write(folder, "views", archive.VIEWS, named)
    for chunk in _chunks(old):
        database.whole(partial(_delete, database=database, tables=("view",), ids=chunk))
    return len(old), file


def _prune_events(database: Database, folder: Path, before: float) -> tuple[int, int, list[str | None]]:
    sql, found = database.sql, database.all(database.sql.LEARNED)
    whole = ((*cursors, name) for name, *cursors, checksum, body in found if rows.checksum(body) == checksum)
    learned = next(whole, None)
    if learned is None:
        raise StoreError("no checkpoint holds what was learned: open an engine on this store, close it, and try again")
    outcomes, decisions, name = learned
    last_decision = _last(database.one(sql.FIRST_DECISION, before), database.one(sql.LAST_DECISION), decisions)
    young = database.one(sql.FIRST_OUTCOME, before, last_decision)
    last_outcome = _last(young, database.one(sql.LAST_OUTCOME), outcomes)
    old = [id for (id,) in database.all(sql.OLD_DECISIONS, last_decision, last_outcome)]
    if not old:
        return 0, 0, []
    answers = map(archive.outcome_row, _rows(database, sql.ARCHIVED_OUTCOMES, old))
    known = [name for (name,) in database.all(sql.NAMES, "feature")]
    made = (archive.decision_row(row, known) for row in _rows(database, sql.NAMED_DECISIONS, old))
    files = [
        archive.write(folder, "decisions", archive.DECISIONS, made),
        archive.write(folder, "outcomes", archive.OUTCOMES, answers),
    ]
    record = {"outcomes": last_outcome, "decisions": last_decision, "checkpoint": name, "files": files}
    database.write(sql.RECORD, (statements.PRUNED, json.dumps(record)))
    count = 0
    for chunk in _chunks(old):  # A decision and its outcome leave together, or a second report would be learned again.
        count += database.whole(partial(_delete, database=database, tables=("outcome", "decision"), ids=chunk))
    return len(old), count - len(old), files


def _last(first_young: tuple, last: tuple, learned: int) -> int:
    """The last event that may leave. As ever, the last of all stays: the next one takes the number after it."""
    return min((first_young[0] or last[0]) - 1, learned) if last[0] else 0


def _rows(database: Database, statement: str, ids: list[int]) -> Iterator[tuple[Any, ...]]:
    for chunk in _chunks(ids):
        yield from database.all(statement, json.dumps(chunk))


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    return (ids[first : first + _CHUNK] for first in range(0, len(ids), _CHUNK))


def _delete(db: Connection, database: Database, tables: tuple[str, ...], ids: list[int]) -> int:
    """Inside of a transaction: how many rows left."""
    count = 0
    for table in tables:
        with database.unguarded(db, table, "delete"):
            count += db.execute(getattr(database.sql, f"DELETE_{table.upper()}"), (json.dumps(ids),)).rowcount
    return count

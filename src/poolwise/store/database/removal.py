"""Taking events back, in one transaction: of what is withdrawn nothing is read again, of what is forgotten nothing is
left but its ids, without which a late report would be taken for something new.

    withdrawn outcome     its status is raised by `sql.WITHDRAWN`
    forgotten decision    every column but sequence and id is -1 or 0; its outcome likewise, and withdrawn
    forgotten name        `GONE` and its number, which nobody can be called; whoever still writes it is refused
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from poolwise.errors import InputError, StoreError, StorePruned
from poolwise.store import rows
from poolwise.store.base import GONE, STALE, WITHDRAWN, Removal, Removed, unknown_project
from poolwise.store.database import statements
from poolwise.store.database.connection import Database

_OF = "decision IN (SELECT id FROM decision WHERE {})"


def taken_back(database: Database, removal: Removal, time: float, pruned: bool) -> Removed:
    """See `Store.undo`."""
    if pruned:
        raise StorePruned(
            "events were archived by `poolwise retention`, and what they taught cannot be told from the rest: "
            "restore a backup from before, and take them back there"
        )
    try:
        database.all("PRAGMA secure_delete = ON")
        found = database.whole(lambda db: _undo(db, removal, time))
    except LookupError as error:
        raise InputError(unknown_project(removal)) from error
    if removal.forget:  # What the log still holds of it is copied into the file, and cut off.
        with suppress(StoreError):
            database.all("PRAGMA wal_checkpoint(TRUNCATE)")
    return found


def _undo(db: sqlite3.Connection, removal: Removal, time: float) -> Removed:
    """Inside of a transaction. Raises LookupError for a project that is not there."""
    project = None if removal.project is None else _code(db, removal.project)
    if removal.forget:
        assert project is not None
        found = _forgotten(db, project, removal.project or "", time)
    else:
        found = Removed(0, 0 if removal.records else _withdrawn(db, removal, project), 0)
    if removal.means_nothing(found):
        return found
    for kind, number in removal.records:
        _replace(db, kind, number, time)
    _forget_names(db, "context", removal.contexts)
    db.execute("DELETE FROM checkpoint")
    db.execute(statements.RECORD, ("undo", json.dumps({**removal.record, "time": time, **found._asdict()})))
    return found


def _code(db: sqlite3.Connection, project: str) -> int:
    row = db.execute("SELECT position FROM name WHERE kind = 'project' AND name = ?", (project,)).fetchone()
    if row is None:
        raise LookupError(project)
    return int(row[0])


def _withdrawn(db: sqlite3.Connection, removal: Removal, project: int | None) -> int:
    conditions: list[tuple[str, Any]] = [("status < ?", statements.WITHDRAWN)]
    if removal.decisions is not None:
        conditions += [("decision >= ?", removal.decisions[0]), ("decision <= ?", removal.decisions[1])]
    if removal.since is not None:
        conditions.append(("time >= ?", removal.since))
    if removal.until is not None:
        conditions.append(("time < ?", removal.until))
    if project is not None:
        conditions.append((_OF.format("project = ?"), project))
    where, values = zip(*conditions, strict=True)
    with _unguarded(db, "outcome", "update"):
        statement = f"UPDATE outcome SET status = status + {statements.WITHDRAWN} WHERE {' AND '.join(where)}"
        return db.execute(statement, values).rowcount


def _forgotten(db: sqlite3.Connection, project: int, name: str, time: float) -> Removed:
    own = [id for (id,) in db.execute("SELECT id FROM decision WHERE project = ?", (project,))]
    _forget_records(db, name, set(own), time)
    names = {kind: _only_of(db, kind, project) for kind in ("context", "job")}
    with _unguarded(db, "outcome", "update"):
        outcomes = db.execute(
            f"UPDATE outcome SET status = ?, utility = 0, cost = NULL, baseline_cost = NULL, time = 0 WHERE "
            f"{_OF.format('project = ?')}",
            (statements.WITHDRAWN, project),
        ).rowcount
    with _unguarded(db, "decision", "update"):
        decisions = db.execute(
            "UPDATE decision SET project = -1, context = -1, arm = -1, probability = 0, view = 0, time = 0,"
            " reason = -1, job = -1 WHERE project = ?",
            (project,),
        ).rowcount
    with _unguarded(db, "view", "delete"):
        views = db.execute("DELETE FROM view WHERE project = ?", (project,)).rowcount
    for kind, found in {**names, "project": [name]}.items():
        _forget_names(db, kind, found)
    return Removed(decisions, outcomes, views)


def _only_of(db: sqlite3.Connection, kind: str, project: int) -> list[str]:
    """Names that no decision of another project bears."""
    statement = (
        f"SELECT n.name FROM name n WHERE n.kind = ? AND n.position IN (SELECT {kind} FROM decision WHERE project = ?"
        f" EXCEPT SELECT {kind} FROM decision WHERE project <> ?)"
    )
    return [name for (name,) in db.execute(statement, (kind, project, project))]


def _forget_names(db: sqlite3.Connection, kind: str, names: Iterable[str]) -> None:
    for name in names:
        row = db.execute("SELECT position FROM name WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        if row is None:
            continue
        with _unguarded(db, "name", "update"):
            db.execute("UPDATE name SET name = ? WHERE kind = ? AND position = ?", (f"{GONE}{row[0]}", kind, *row))
        if kind == "job":  # Of projects' own jobs there may be any number, and a name does no harm.
            continue
        db.execute(
            f"CREATE TRIGGER gone_{kind}_{row[0]} BEFORE INSERT ON decision WHEN new.{kind} = {row[0]}"
            f" BEGIN SELECT RAISE(ABORT, '{STALE}'); END"
        )


def _forget_records(db: sqlite3.Connection, name: str, decisions: set[int], time: float) -> None:
    for kind in ("control", "measurement", "problem"):
        found = db.execute("SELECT body FROM record WHERE kind = ? ORDER BY id", (kind,)).fetchall()
        for number, (text,) in enumerate(found, start=1):
            body = rows.record_of(text)
            if body.get("project") == name or body.get("decision") in decisions:
                _replace(db, kind, number, time)


def _replace(db: sqlite3.Connection, kind: str, number: int, time: float) -> None:
    """What a record said is gone; it keeps its number."""
    place = "SELECT id FROM record WHERE kind = ? ORDER BY id LIMIT 1 OFFSET ?"
    (id,) = db.execute(place, (kind, number - 1)).fetchone()
    with _unguarded(db, "record", "update"):
        db.execute("UPDATE record SET body = ? WHERE id = ?", (json.dumps({WITHDRAWN: time}), id))


@contextmanager
def _unguarded(db: sqlite3.Connection, table: str, verb: str) -> Iterator[None]:
    """Inside of a transaction, in which alone the table is not append-only."""
    guard = f"{table}_no_{verb}"
    (again,) = db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (guard,)).fetchone()
    db.execute(f"DROP TRIGGER {guard}")
    yield
    db.execute(again)

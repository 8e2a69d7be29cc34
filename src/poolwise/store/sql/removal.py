"""Taking events back, in one transaction: of what is withdrawn nothing is read again, of what is forgotten nothing is
left but its ids, without which a late report would be taken for something new.

    withdrawn outcome     its status is raised by `WITHDRAWN`
    forgotten decision    every column but sequence and id is -1 or 0; its outcome likewise, and withdrawn
    forgotten name        `GONE` and its number, which nobody can be called; whoever still writes it is refused
"""

import json
import math
from collections.abc import Iterable
from typing import NamedTuple

from poolwise.errors import InputError, StorePruned
from poolwise.store import rows
from poolwise.store.base import GONE, WITHDRAWN, Removal, Removed, unknown_project
from poolwise.store.sql.database import Connection, Database

_ALL = 2**63 - 1


def taken_back(database: Database, removal: Removal, time: float, pruned: bool) -> Removed:
    """See `Store.undo`."""
    if pruned:
        raise StorePruned(
            "events were archived by `poolwise retention`, and what they taught cannot be told from the rest: "
            "restore a backup from before, and take them back there"
        )
    try:
        with database.erasing(removal.forget):
            return database.whole(lambda db: _undo(_Open(database, db), removal, time))
    except LookupError as error:
        raise InputError(unknown_project(removal)) from error


class _Open(NamedTuple):
    """Inside of a transaction."""

    database: Database
    db: Connection


def _undo(open_: _Open, removal: Removal, time: float) -> Removed:
    """Raises LookupError for a project that is not there."""
    sql, db = open_.database.sql, open_.db
    project = None if removal.project is None else _code(open_, removal.project)
    if removal.forget:
        assert project is not None
        found = _forgotten(open_, project, removal.project or "", time)
    else:
        found = Removed(0, 0 if removal.records else _withdrawn(open_, removal, project), 0)
    if removal.means_nothing(found):
        return found
    for kind, number in removal.records:
        _replace(open_, kind, number, time)
    _forget_names(open_, "context", removal.contexts)
    db.execute(sql.DELETE_CHECKPOINTS)
    db.execute(sql.RECORD, ("undo", json.dumps({**removal.record, "time": time, **found._asdict()})))
    return found


def _code(open_: _Open, project: str) -> int:
    row = open_.db.execute(open_.database.sql.CODE, ("project", project)).fetchone()
    if row is None:
        raise LookupError(project)
    return int(row[0])


def _withdrawn(open_: _Open, removal: Removal, project: int | None) -> int:
    low, high = (-_ALL, _ALL) if removal.decisions is None else removal.decisions
    since = -math.inf if removal.since is None else removal.since
    until = math.inf if removal.until is None else removal.until
    sql, values = open_.database.sql, (low, high, since, until)
    with open_.database.unguarded(open_.db, "outcome", "update"):
        if project is None:
            return int(open_.db.execute(sql.WITHDRAW, values).rowcount)
        return int(open_.db.execute(sql.WITHDRAW_OF, (*values, project)).rowcount)


def _forgotten(open_: _Open, project: int, name: str, time: float) -> Removed:
    database, db = open_
    sql = database.sql
    own = {id for (id,) in db.execute(sql.PROJECT_DECISIONS, (project,)).fetchall()}
    _forget_records(open_, name, own, time)
    names = {
        kind: [one for (one,) in db.execute(statement, (kind, project, project)).fetchall()]
        for kind, statement in (("context", sql.ONLY_CONTEXT), ("job", sql.ONLY_JOB))
    }
    with database.unguarded(db, "outcome", "update"):
        outcomes = db.execute(sql.FORGET_OUTCOMES, (project,)).rowcount
    with database.unguarded(db, "decision", "update"):
        decisions = db.execute(sql.FORGET_DECISIONS, (project,)).rowcount
    with database.unguarded(db, "view", "delete"):
        views = db.execute(sql.FORGET_VIEWS, (project,)).rowcount
    for kind, found in {**names, "project": [name]}.items():
        _forget_names(open_, kind, found)
    return Removed(decisions, outcomes, views)


def _forget_names(open_: _Open, kind: str, names: Iterable[str]) -> None:
    database, db = open_
    for name in names:
        row = db.execute(database.sql.CODE, (kind, name)).fetchone()
        if row is None:
            continue
        with database.unguarded(db, "name", "update"):
            db.execute(database.sql.RENAME, (f"{GONE}{row[0]}", kind, *row))
        if kind != "job":  # Of projects' own jobs there may be any number, and a name does no harm.
            database.refuse(db, kind, int(row[0]))


def _forget_records(open_: _Open, name: str, decisions: set[int], time: float) -> None:
    for kind in ("control", "learned", "measurement", "problem"):
        found = open_.db.execute(open_.database.sql.RECORDS, (kind, _ALL, 0)).fetchall()
        for number, (_, text) in enumerate(found, start=1):
            body = rows.record_of(text)
            if body.get("project") == name or body.get("decision") in decisions:
                _replace(open_, kind, number, time)


def _replace(open_: _Open, kind: str, number: int, time: float) -> None:
    """What a record said is gone; it keeps its number."""
    database, db = open_
    (id,) = db.execute(database.sql.RECORD_AT, (kind, number - 1)).fetchone()
    with database.unguarded(db, "record", "update"):
        db.execute(database.sql.REPLACE_RECORD, (json.dumps({WITHDRAWN: time}), id))

"""The SQLite store: append-only tables, one short transaction per call, durable when the call returns."""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sqlalchemy import Table, insert
from sqlalchemy.dialects import sqlite

from poolwise.errors import ConflictingOutcome, UnknownDecision
from poolwise.schema import STATUSES, Decision, LoggedView, Outcome, Snapshot, family_of
from poolwise.store import tables
from poolwise.store.base import (
    CONFLICTING,
    NEW,
    REPEATED,
    UNKNOWN,
    DecisionColumns,
    OutcomeColumns,
    conflict,
    missing,
    rows_of,
    same_outcome,
)
from poolwise.store.codec import pack, unpack
from poolwise.store.connect import connect, plain_errors

_BLOCK = 4096
"""Decision and view ids are taken from the file so many at a time; those of a process that dies are skipped."""


def _insert(table: Table, *, skip: Sequence[str] = ()) -> str:
    """The statement with one positional mark per column, compiled once: executing it is the driver's work alone."""
    names = [column.name for column in table.columns if column.name not in skip]
    return str(insert(table).values(dict.fromkeys(names)).compile(dialect=sqlite.dialect(), column_keys=names))


_DECISION, _VIEW = _insert(tables.decision), _insert(tables.view)
_NAME, _RECORD = _insert(tables.name), _insert(tables.record, skip=["id"])
_POLICY, _ARMS = _insert(tables.policy, skip=["id"]), _insert(tables.arm_list, skip=["id"])
_OUTCOME = _insert(tables.outcome, skip=["sequence"])
_KNOWN_OUTCOME = (
    _OUTCOME.partition(" VALUES")[0] + " SELECT ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM decision WHERE id = ?)"
    " ON CONFLICT DO NOTHING"
)
_OUTCOMES = (
    "SELECT d.id, d.project, d.context, d.arm, d.job, o.status, o.utility, o.cost, o.baseline_cost, o.time"
    " FROM outcome o JOIN decision d ON d.id = o.decision ORDER BY o.sequence LIMIT -1 OFFSET ?"
)


class SqliteStore:
    """See `Store`. Safe to share between threads; other processes may write the same file."""

    def __init__(self, path: str | None, *, seed: int | None = None, wait: float = 10.0) -> None:
        self._path, self._lock = path, threading.RLock()
        self._engine = connect(path, wait=wait)
        driver = self._engine.raw_connection().driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self._db = driver
        self._codes: dict[str, dict[str, int]] = {}
        self._arm_lists: dict[tuple[str, ...], int] = {}
        self._pending: dict[int, LoggedView] = {}
        self._free = {"decision": (0, 0), "view": (0, 0)}
        self.seed = self._seed(seed)

    def reserve(self, count: int) -> int:
        return self._take("decision", count)

    def intern(self, kind: str, names: Sequence[str]) -> np.ndarray:
        known = self._codes.setdefault(kind, {})
        if any(name not in known for name in names):
            self._refresh_names(kind)
            if new := [name for name in dict.fromkeys(names) if name not in known]:
                with self._transaction():
                    self._refresh_names(kind)
                    new = [name for name in new if name not in known]
                    self._db.executemany(_NAME, [(kind, len(known) + i, name) for i, name in enumerate(new)])
                self._refresh_names(kind)
        return np.array([known[name] for name in names], dtype=np.int64)

    def names(self, kind: str) -> list[str]:
        self._refresh_names(kind)
        return list(self._codes.get(kind, {}))

    def add_policy(self, spec: str, params: dict[str, Any]) -> int:
        row = (spec, json.dumps(params, sort_keys=True))
        return self._interned("SELECT id FROM policy WHERE spec = ? AND params = ?", _POLICY, row)

    def policy(self, key: int) -> tuple[str, dict[str, Any]]:
        spec, params = self._one("SELECT spec, params FROM policy WHERE id = ?", key)
        return spec, json.loads(params)

    def append_view(self, view: LoggedView) -> int:
        """Durable together with the first decision that rests on it."""
        key = self._take("view", 1)
        self._pending[key] = view
        return key

    def view(self, id: int) -> LoggedView:
        if id in self._pending:
            return self._pending[id]._replace(id=id)
        sql = "SELECT v.*, a.arms FROM view v JOIN arm_list a ON a.id = v.arm_list WHERE v.id = ?"
        _, project, context, policy, snapshot, outcomes, _, arrays, arms = self._one(sql, id)
        project, context = self.names("project")[project], self.names("context")[context]
        ids = tuple(json.loads(arms))
        return LoggedView(id, project, context, policy, snapshot, outcomes, ids, unpack(arrays))

    def append_decision(self, decision: Decision) -> None:
        project, context, arm, reason = (
            self._code(kind, name)
            for kind, name in (
                ("project", decision.project),
                ("context", decision.context),
                ("arm", decision.arm),
                ("reason", decision.reason),
            )
        )
        job = -1 if decision.job is None else self._code("job", decision.job)
        row = (decision.id, project, context, arm, decision.probability, decision.view, decision.time, reason, job)
        if not self._pending:
            with self._lock, plain_errors(self._path):
                self._db.execute(_DECISION, row)
            return
        views = self._view_rows()
        with self._transaction():
            self._db.executemany(_VIEW, views)
            self._db.execute(_DECISION, row)
        self._pending.clear()

    def append_decisions(self, columns: DecisionColumns) -> None:
        rows = zip(*(column.tolist() for column in columns), strict=True)
        views = self._view_rows()
        with self._transaction():
            self._db.executemany(_VIEW, views)
            self._db.executemany(_DECISION, rows)
        self._pending.clear()

    def decision(self, id: int) -> Decision:
        row = self._row("SELECT * FROM decision WHERE id = ?", id)
        if row is None:
            raise UnknownDecision(missing(id))
        _, project, context, arm, chance, view, time, reason, job = row
        arm = self.names("arm")[arm]
        project, context, reason = (
            self.names(kind)[code] for kind, code in (("project", project), ("context", context), ("reason", reason))
        )
        task = self.names("job")[job] if job >= 0 else None
        return Decision(id, project, context, family_of(arm), {}, arm, chance, reason, time, task, view)

    def decisions(self, after: int = 0) -> DecisionColumns:
        sql = "SELECT * FROM decision ORDER BY id LIMIT -1 OFFSET ?"
        return DecisionColumns(*self._columns(sql, "iiiifefii".replace("e", "i"), after))

    def open_decisions(self, before: float) -> np.ndarray:
        sql = (
            "SELECT d.id FROM decision d LEFT JOIN outcome o ON o.decision = d.id"
            " WHERE o.decision IS NULL AND d.time < ? ORDER BY d.id"
        )
        return self._columns(sql, "i", before)[0]

    def append_outcome(self, outcome: Outcome) -> bool:
        row = _outcome_row(outcome)
        with self._lock, plain_errors(self._path):
            if self._db.execute(_KNOWN_OUTCOME, (*row, outcome.decision)).rowcount == 1:
                return True
        earlier = self.outcome(outcome.decision)
        if earlier is None:
            self._problem(UNKNOWN, outcome)
            raise UnknownDecision(missing(outcome.decision))
        if same_outcome(earlier, outcome):
            self._count("repeated", 1)
            return False
        self._problem(CONFLICTING, outcome)
        raise ConflictingOutcome(conflict(earlier, outcome))

    def append_outcomes(self, outcomes: OutcomeColumns) -> np.ndarray:
        ids = json.dumps(outcomes.decision.tolist())
        listed = "(SELECT value FROM json_each(?))"
        with self._transaction():
            known = {id for (id,) in self._db.execute(f"SELECT id FROM decision WHERE id IN {listed}", (ids,))}
            sql = f"SELECT decision, status, utility, cost, baseline_cost, time FROM outcome WHERE decision IN {listed}"
            earlier = {row[0]: _outcome_of(row) for row in self._db.execute(sql, (ids,))}
            verdict, new, problems = _judged(outcomes, known, earlier)
            self._db.executemany(_OUTCOME, new)
            self._db.executemany(_RECORD, problems)
            self._add_to("repeated", int((verdict == REPEATED).sum()))
        return verdict

    def outcome(self, decision: int) -> Outcome | None:
        sql = "SELECT decision, status, utility, cost, baseline_cost, time FROM outcome WHERE decision = ?"
        row = self._row(sql, decision)
        return None if row is None else _outcome_of(row)

    def outcomes(self, after: int = 0) -> OutcomeColumns:
        return OutcomeColumns(*self._columns(_OUTCOMES, "iiiiisffff", after))

    def append_record(self, kind: str, body: dict[str, Any]) -> int:
        with self._lock, plain_errors(self._path):
            self._db.execute(_RECORD, (kind, json.dumps(body)))
            return self._one("SELECT count(*) FROM record WHERE kind = ?", kind)[0]

    def records(self, kind: str) -> list[dict[str, Any]]:
        with self._lock, plain_errors(self._path):
            rows = self._db.execute("SELECT body FROM record WHERE kind = ? ORDER BY id", (kind,)).fetchall()
        return [json.loads(body) for (body,) in rows]

    def append_snapshot(self, snapshot: Snapshot) -> int:
        return self.append_record("snapshot", snapshot._asdict())

    def snapshots(self) -> list[Snapshot]:
        return [Snapshot(**body)._replace(id=i) for i, body in enumerate(self.records("snapshot"), start=1)]

    def counts(self) -> dict[str, int]:
        made, answered = (self._one(f"SELECT count(*) FROM {table}")[0] for table in ("decision", "outcome"))
        kinds = [problem["kind"] for problem in self.records("problem")]
        repeated = self._row("SELECT value FROM counter WHERE name = 'repeated'")
        return {
            "decisions": made,
            "outcomes": answered,
            "open": made - answered,
            "repeated": repeated[0] if repeated else 0,
            "conflicting": kinds.count(CONFLICTING),
            "unknown": kinds.count(UNKNOWN),
        }

    def close(self) -> None:
        with self._lock:
            self._db.close()
            self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, plain_errors(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def _row(self, sql: str, *values: Any) -> tuple | None:
        with self._lock, plain_errors(self._path):
            return self._db.execute(sql, values).fetchone()

    def _one(self, sql: str, *values: Any) -> tuple:
        row = self._row(sql, *values)
        if row is None:
            raise UnknownDecision(f"nothing is stored under {values}: the store has been exchanged for another one")
        return row

    def _columns(self, sql: str, kinds: str, *values: Any) -> list[np.ndarray]:
        with self._lock, plain_errors(self._path):
            rows = self._db.execute(sql, values).fetchall()
        types = {"i": np.int64, "f": np.float64, "s": np.int8}
        columns: Iterable[Any] = zip(*rows, strict=True) if rows else ([] for _ in kinds)
        return [np.array(column, dtype=types[kind]) for column, kind in zip(columns, kinds, strict=True)]

    def _code(self, kind: str, name: str) -> int:
        code = self._codes.get(kind, {}).get(name)
        return int(self.intern(kind, [name])[0]) if code is None else code

    def _refresh_names(self, kind: str) -> None:
        known = self._codes.setdefault(kind, {})
        sql = "SELECT name FROM name WHERE kind = ? AND position >= ? ORDER BY position"
        with self._lock, plain_errors(self._path):
            for (name,) in self._db.execute(sql, (kind, len(known))).fetchall():
                known[name] = len(known)

    def _interned(self, select: str, statement: str, row: tuple) -> int:
        with self._transaction():
            found = self._db.execute(select, row).fetchone()
            return found[0] if found else int(self._db.execute(statement, row).lastrowid or 0)

    def _take(self, kind: str, count: int) -> int:
        first, end = self._free[kind]
        if end - first < count:
            first = self._add_to(kind, size := max(count, _BLOCK)) - size + 1
            end = first + size
        self._free[kind] = (first + count, end)
        return first

    def _add_to(self, name: str, amount: int) -> int:
        sql = (
            "INSERT INTO counter (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
        )
        with self._lock, plain_errors(self._path):
            return self._db.execute(sql, (name, amount)).fetchall()[0][0]

    def _count(self, name: str, amount: int) -> None:
        self._add_to(name, amount)

    def _view_rows(self) -> list[tuple]:
        return [
            (
                key,
                self._code("project", view.project),
                self._code("context", view.context),
                view.policy,
                view.snapshot,
                view.outcomes,
                self._arm_list(view.arms),
                pack(view.arrays),
            )
            for key, view in self._pending.items()
        ]

    def _arm_list(self, arms: tuple[str, ...]) -> int:
        if arms not in self._arm_lists:
            row = (json.dumps(arms),)
            self._arm_lists[arms] = self._interned("SELECT id FROM arm_list WHERE arms = ?", _ARMS, row)
        return self._arm_lists[arms]

    def _seed(self, seed: int | None) -> int:
        if not self.records("store"):
            self.append_record("store", {"seed": secrets.randbits(62) if seed is None else seed})
        return self.records("store")[0]["seed"]

    def _problem(self, kind: int, outcome: Outcome) -> None:
        self.append_record("problem", {"kind": kind, **outcome._asdict()})


def _outcome_row(outcome: Outcome) -> tuple:
    return (
        outcome.decision,
        STATUSES.index(outcome.status),
        outcome.utility,
        outcome.cost,
        outcome.baseline_cost,
        outcome.time,
    )


def _outcome_of(row: tuple) -> Outcome:
    return Outcome(row[0], STATUSES[row[1]], *row[2:])


def _judged(
    outcomes: OutcomeColumns, known: set[int], earlier: dict[int, Outcome]
) -> tuple[np.ndarray, list[tuple], list[tuple[str, str]]]:
    """Verdict on every row, the rows to append, and the problems to keep; later rows see the earlier ones."""
    verdict = np.full(len(outcomes.decision), NEW, dtype=np.int8)
    new, problems = [], []
    for i, outcome in enumerate(rows_of(outcomes)):
        before = earlier.get(outcome.decision)
        if before is not None:
            verdict[i] = REPEATED if same_outcome(before, outcome) else CONFLICTING
        elif outcome.decision not in known:
            verdict[i] = UNKNOWN
        else:
            earlier[outcome.decision] = outcome
            new.append(_outcome_row(outcome))
        if verdict[i] in (CONFLICTING, UNKNOWN):
            problems.append(("problem", json.dumps({"kind": int(verdict[i]), **outcome._asdict()})))
    return verdict, new, problems

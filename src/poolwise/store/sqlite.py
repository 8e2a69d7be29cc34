"""The SQLite store: append-only tables, one short transaction per call, durable when the call returns."""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np

from poolwise.errors import ConflictingOutcome, UnknownDecision
from poolwise.schema import Decision, LoggedView, Outcome, Snapshot, family_of
from poolwise.store import rows, sql
from poolwise.store.base import (
    CONFLICTING,
    REPEATED,
    UNKNOWN,
    DecisionColumns,
    OutcomeColumns,
    conflict,
    missing,
    same_outcome,
)
from poolwise.store.codec import pack, unpack
from poolwise.store.connect import PlainErrors, Transaction, connect

_BLOCK = 4096
"""Decision and view ids are taken from the file so many at a time; those of a process that dies are skipped."""


class SqliteStore:
    """See `Store`. Safe to share between threads; other processes may write the same file."""

    def __init__(self, path: str | None, *, seed: int | None = None, wait: float = 10.0) -> None:
        self._lock, self._errors = threading.RLock(), PlainErrors(path)
        self._engine = connect(path, wait=wait)
        driver = self._engine.raw_connection().driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self._db, self._whole = driver, Transaction(driver)
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
                with self._lock, self._errors, self._whole:
                    self._refresh_names(kind)
                    new = [name for name in new if name not in known]
                    self._db.executemany(sql.NAME, [(kind, len(known) + i, name) for i, name in enumerate(new)])
                self._refresh_names(kind)
        return np.array([known[name] for name in names], dtype=np.int64)

    def names(self, kind: str) -> list[str]:
        self._refresh_names(kind)
        return list(self._codes.get(kind, {}))

    def add_policy(self, spec: str, params: dict[str, Any]) -> int:
        row = (spec, json.dumps(params, sort_keys=True))
        return self._interned("SELECT id FROM policy WHERE spec = ? AND params = ?", sql.POLICY, row)

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
        statement = "SELECT v.*, a.arms FROM view v JOIN arm_list a ON a.id = v.arm_list WHERE v.id = ?"
        _, project, context, policy, snapshot, outcomes, _, arrays, arms = self._one(statement, id)
        project, context = self.names("project")[project], self.names("context")[context]
        ids = tuple(json.loads(arms))
        return LoggedView(id, project, context, policy, snapshot, outcomes, ids, unpack(arrays))

    def append_decision(self, decision: Decision) -> None:
        row = (
            decision.id,
            self._code("project", decision.project),
            self._code("context", decision.context),
            self._code("arm", decision.arm),
            decision.probability,
            decision.view,
            decision.time,
            self._code("reason", decision.reason),
            -1 if decision.job is None else self._code("job", decision.job),
        )
        if not self._pending:
            with self._lock, self._errors:
                self._db.execute(sql.DECISION, row)
            return
        views = self._view_rows()
        with self._lock, self._errors, self._whole:
            self._db.executemany(sql.VIEW, views)
            self._db.execute(sql.DECISION, row)
        self._pending.clear()

    def append_decisions(self, columns: DecisionColumns) -> None:
        made = list(zip(*(column.tolist() for column in columns), strict=True))
        views = self._view_rows()
        with self._lock, self._errors, self._whole:
            self._db.executemany(sql.VIEW, views)
            sql.insert_many(self._db, sql.DECISION, made)
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
        statement = "SELECT * FROM decision ORDER BY id LIMIT -1 OFFSET ?"
        return DecisionColumns(*self._columns(statement, "iiiififii", after))

    def open_decisions(self, before: float) -> np.ndarray:
        statement = (
            "SELECT d.id FROM decision d LEFT JOIN outcome o ON o.decision = d.id"
            " WHERE o.decision IS NULL AND d.time < ? ORDER BY d.id"
        )
        return self._columns(statement, "i", before)[0]

    def append_outcome(self, outcome: Outcome) -> bool:
        row = rows.outcome_row(outcome)
        with self._lock, self._errors:
            if self._db.execute(sql.KNOWN_OUTCOME, (*row, outcome.decision)).rowcount == 1:
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
        among, values = sql.among(outcomes.decision)
        wanted = set(outcomes.decision.tolist())
        with self._lock, self._errors, self._whole:
            found = self._db.execute(f"SELECT id FROM decision WHERE id {among}", values)
            known = wanted.intersection(chain.from_iterable(found))
            found = self._db.execute(f"{sql.OUTCOME_ROWS} WHERE decision {among}", values)
            earlier = {row[0]: rows.outcome_of(row) for row in found if row[0] in wanted}
            verdict, new, problems = rows.judged(outcomes, known, earlier)
            sql.insert_many(self._db, sql.OUTCOME, new)
            self._db.executemany(sql.RECORD, problems)
            self._add_to("repeated", int((verdict == REPEATED).sum()))
        return verdict

    def chosen(self, outcomes: OutcomeColumns) -> OutcomeColumns:
        among, values = sql.among(outcomes.decision)
        statement = f"SELECT id, project, context, arm, job FROM decision WHERE id {among} ORDER BY id"
        ids, *made = self._columns(statement, "iiiii", *values)
        row = np.searchsorted(ids, outcomes.decision)
        project, context, arm, job = (column[row] for column in made)
        return outcomes._replace(project=project, context=context, arm=arm, job=job)

    def answered(self) -> int:
        return self._one("SELECT coalesce(max(sequence), 0) FROM outcome")[0]

    def outcome(self, decision: int) -> Outcome | None:
        row = self._row(f"{sql.OUTCOME_ROWS} WHERE decision = ?", decision)
        return None if row is None else rows.outcome_of(row)

    def outcomes(self, after: int = 0, limit: int | None = None) -> OutcomeColumns:
        return OutcomeColumns(*self._columns(sql.OUTCOMES, "iiiiisffff", after, -1 if limit is None else limit))

    def append_record(self, kind: str, body: dict[str, Any]) -> int:
        with self._lock, self._errors:
            self._db.execute(sql.RECORD, (kind, json.dumps(body)))
            return self._one("SELECT count(*) FROM record WHERE kind = ?", kind)[0]

    def records(self, kind: str) -> list[dict[str, Any]]:
        with self._lock, self._errors:
            found = self._db.execute("SELECT body FROM record WHERE kind = ? ORDER BY id", (kind,)).fetchall()
        return [json.loads(body) for (body,) in found]

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

    def _row(self, statement: str, *values: Any) -> tuple | None:
        with self._lock, self._errors:
            return self._db.execute(statement, values).fetchone()

    def _one(self, statement: str, *values: Any) -> tuple:
        row = self._row(statement, *values)
        if row is None:
            raise UnknownDecision(f"nothing is stored under {values}: the store has been exchanged for another one")
        return row

    def _columns(self, statement: str, kinds: str, *values: Any) -> list[np.ndarray]:
        with self._lock, self._errors:
            found = self._db.execute(statement, values).fetchall()
        types = {"i": np.int64, "f": np.float64, "s": np.int8}
        columns: Iterable[Any] = zip(*found, strict=True) if found else ([] for _ in kinds)
        return [np.array(column, dtype=types[kind]) for column, kind in zip(columns, kinds, strict=True)]

    def _code(self, kind: str, name: str) -> int:
        code = self._codes.get(kind, {}).get(name)
        return int(self.intern(kind, [name])[0]) if code is None else code

    def _refresh_names(self, kind: str) -> None:
        known = self._codes.setdefault(kind, {})
        statement = "SELECT name FROM name WHERE kind = ? AND position >= ? ORDER BY position"
        with self._lock, self._errors:
            for (name,) in self._db.execute(statement, (kind, len(known))).fetchall():
                known[name] = len(known)

    def _interned(self, select: str, statement: str, row: tuple) -> int:
        with self._lock, self._errors, self._whole:
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
        statement = (
            "INSERT INTO counter (name, value) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
        )
        with self._lock, self._errors:
            return self._db.execute(statement, (name, amount)).fetchall()[0][0]

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
            self._arm_lists[arms] = self._interned("SELECT id FROM arm_list WHERE arms = ?", sql.ARMS, row)
        return self._arm_lists[arms]

    def _seed(self, seed: int | None) -> int:
        if not self.records("store"):
            self.append_record("store", {"seed": secrets.randbits(62) if seed is None else seed})
        return self.records("store")[0]["seed"]

    def _problem(self, kind: int, outcome: Outcome) -> None:
        self.append_record("problem", {"kind": kind, **outcome._asdict()})

"""The SQLite store: append-only tables, one short transaction per call, durable when the call returns."""

import json
import secrets
from collections.abc import Sequence
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
from poolwise.store.database import Database
from poolwise.store.names import Names

_BLOCK = 4096
"""Decision and view ids are taken from the file so many at a time; those of a process that dies are skipped."""


class SqliteStore:
    """See `Store`. Safe to share between threads; other processes may write the same file."""

    def __init__(self, path: str | None, *, seed: int | None = None, wait: float = 10.0) -> None:
        self._file = Database(path, wait)
        self._names = Names(self._file)
        self._arm_lists: dict[tuple[str, ...], int] = {}
        self._pending: dict[int, LoggedView] = {}
        self._free = {"decision": (0, 0), "view": (0, 0)}
        self.seed = self._seed(seed)

    def reserve(self, count: int) -> int:
        return self._take("decision", count)

    def intern(self, kind: str, names: Sequence[str]) -> np.ndarray:
        return self._names.intern(kind, names)

    def names(self, kind: str) -> list[str]:
        return self._names.all(kind)

    def add_policy(self, spec: str, params: dict[str, Any]) -> int:
        row = (spec, json.dumps(params, sort_keys=True))
        return self._file.key("SELECT id FROM policy WHERE spec = ? AND params = ?", sql.POLICY, row)

    def policy(self, key: int) -> tuple[str, dict[str, Any]]:
        spec, params = self._file.one("SELECT spec, params FROM policy WHERE id = ?", key)
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
        _, project, context, policy, snapshot, outcomes, _, arrays, arms = self._file.one(statement, id)
        project, context = self.names("project")[project], self.names("context")[context]
        ids = tuple(json.loads(arms))
        return LoggedView(id, project, context, policy, snapshot, outcomes, ids, unpack(arrays))

    def append_decision(self, decision: Decision) -> None:
        row = (
            decision.id,
            self._names.code("project", decision.project),
            self._names.code("context", decision.context),
            self._names.code("arm", decision.arm),
            decision.probability,
            decision.view,
            decision.time,
            self._names.code("reason", decision.reason),
            -1 if decision.job is None else self._names.code("job", decision.job),
        )
        if not self._pending:
            self._file.write(sql.DECISION, row)
            return
        views = self._view_rows()
        with self._file.whole() as db:
            db.executemany(sql.VIEW, views)
            db.execute(sql.DECISION, row)
        self._pending.clear()

    def append_decisions(self, columns: DecisionColumns) -> None:
        made = list(zip(*(column.tolist() for column in columns), strict=True))
        views = self._view_rows()
        with self._file.whole() as db:
            db.executemany(sql.VIEW, views)
            sql.insert_many(db, sql.DECISION, made)
        self._pending.clear()

    def decision(self, id: int) -> Decision:
        row = self._file.row("SELECT * FROM decision WHERE id = ?", id)
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
        return DecisionColumns(*self._file.columns(statement, "iiiififii", after))

    def open_decisions(self, before: float) -> np.ndarray:
        statement = (
            "SELECT d.id FROM decision d LEFT JOIN outcome o ON o.decision = d.id"
            " WHERE o.decision IS NULL AND d.time < ? ORDER BY d.id"
        )
        return self._file.columns(statement, "i", before)[0]

    def append_outcome(self, outcome: Outcome) -> bool:
        row = rows.outcome_row(outcome)
        if self._file.write(sql.KNOWN_OUTCOME, (*row, outcome.decision)) == 1:
            return True
        earlier = self.outcome(outcome.decision)
        if earlier is None:
            self._problem(UNKNOWN, outcome)
            raise UnknownDecision(missing(outcome.decision))
        if same_outcome(earlier, outcome):
            self._file.count("repeated", 1)
            return False
        self._problem(CONFLICTING, outcome)
        raise ConflictingOutcome(conflict(earlier, outcome))

    def append_outcomes(self, outcomes: OutcomeColumns) -> np.ndarray:
        among, values = sql.among(outcomes.decision)
        wanted = set(outcomes.decision.tolist())
        with self._file.whole() as db:
            found = db.execute(f"SELECT id FROM decision WHERE id {among}", values)
            known = wanted.intersection(chain.from_iterable(found))
            found = db.execute(f"{sql.OUTCOME_ROWS} WHERE decision {among}", values)
            earlier = {row[0]: rows.outcome_of(row) for row in found if row[0] in wanted}
            verdict, new, problems = rows.judged(outcomes, known, earlier)
            sql.insert_many(db, sql.OUTCOME, new)
            db.executemany(sql.RECORD, problems)
            self._file.count("repeated", int((verdict == REPEATED).sum()))
        return verdict

    def chosen(self, outcomes: OutcomeColumns) -> OutcomeColumns:
        among, values = sql.among(outcomes.decision)
        statement = f"SELECT id, project, context, arm, job FROM decision WHERE id {among} ORDER BY id"
        ids, *made = self._file.columns(statement, "iiiii", *values)
        row = np.searchsorted(ids, outcomes.decision)
        project, context, arm, job = (column[row] for column in made)
        return outcomes._replace(project=project, context=context, arm=arm, job=job)

    def answered(self) -> int:
        return self._file.one("SELECT coalesce(max(sequence), 0) FROM outcome")[0]

    def outcome(self, decision: int) -> Outcome | None:
        row = self._file.row(f"{sql.OUTCOME_ROWS} WHERE decision = ?", decision)
        return None if row is None else rows.outcome_of(row)

    def outcomes(self, after: int = 0, limit: int | None = None) -> OutcomeColumns:
        return OutcomeColumns(*self._file.columns(sql.OUTCOMES, "iiiiisffff", after, -1 if limit is None else limit))

    def append_record(self, kind: str, body: dict[str, Any]) -> int:
        self._file.write(sql.RECORD, (kind, json.dumps(body)))
        return self._file.one("SELECT count(*) FROM record WHERE kind = ?", kind)[0]

    def records(self, kind: str) -> list[dict[str, Any]]:
        found = self._file.all("SELECT body FROM record WHERE kind = ? ORDER BY id", kind)
        return [json.loads(body) for (body,) in found]

    def append_snapshot(self, snapshot: Snapshot) -> int:
        return self.append_record("snapshot", snapshot._asdict())

    def snapshots(self) -> list[Snapshot]:
        return [Snapshot(**body)._replace(id=i) for i, body in enumerate(self.records("snapshot"), start=1)]

    def counts(self) -> dict[str, int]:
        made, answered = (self._file.one(f"SELECT count(*) FROM {table}")[0] for table in ("decision", "outcome"))
        kinds = [problem["kind"] for problem in self.records("problem")]
        repeated = self._file.row("SELECT value FROM counter WHERE name = 'repeated'")
        return {
            "decisions": made,
            "outcomes": answered,
            "open": made - answered,
            "repeated": repeated[0] if repeated else 0,
            "conflicting": kinds.count(CONFLICTING),
            "unknown": kinds.count(UNKNOWN),
        }

    def close(self) -> None:
        self._file.close()

    def _take(self, kind: str, count: int) -> int:
        first, end = self._free[kind]
        if end - first < count:
            first = self._file.count(kind, size := max(count, _BLOCK)) - size + 1
            end = first + size
        self._free[kind] = (first + count, end)
        return first

    def _view_rows(self) -> list[tuple]:
        return [
            (
                key,
                self._names.code("project", view.project),
                self._names.code("context", view.context),
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
            self._arm_lists[arms] = self._file.key("SELECT id FROM arm_list WHERE arms = ?", sql.ARMS, row)
        return self._arm_lists[arms]

    def _seed(self, seed: int | None) -> int:
        if not self.records("store"):
            self.append_record("store", {"seed": secrets.randbits(62) if seed is None else seed})
        return self.records("store")[0]["seed"]

    def _problem(self, kind: int, outcome: Outcome) -> None:
        self.append_record("problem", {"kind": kind, **outcome._asdict()})

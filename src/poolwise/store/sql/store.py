"""A store of append-only tables: one short transaction per call, durable when the call returns."""

import json
import secrets
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any, NoReturn

import numpy as np

from poolwise.errors import ConflictingOutcome, StoreError, StoreStale, UnknownDecision
from poolwise.schema import STATUSES, Decision, LoggedView, Outcome, Snapshot, family_of
from poolwise.store import rows
from poolwise.store.base import (
    CONFLICTING,
    REPEATED,
    UNKNOWN,
    Checkpoint,
    DecisionColumns,
    OutcomeColumns,
    Removal,
    Removed,
    conflict,
    missing,
    same_outcome,
)
from poolwise.store.sql import pruning
from poolwise.store.sql.database import Connection, Database
from poolwise.store.sql.ids import Ids
from poolwise.store.sql.leases import Leases
from poolwise.store.sql.names import Names
from poolwise.store.sql.removal import taken_back
from poolwise.store.sql.statements import WITHDRAWN, among, places
from poolwise.store.sql.views import Views

_ALL = 2**63 - 1
_CLOSED = "closed"
"""Kind of the record of decisions that nobody was told of."""


class SqlStore:
    """See `Store`. Safe to share between threads."""

    def __init__(self, database: Database, *, look: bool = False) -> None:
        self._file, self._sql, self.read_only = database, database.sql, look
        self._names = Names(database)
        self._views = Views(database, self._names)
        self._ids = Ids(database, "decision")
        leases = Leases(database)
        self.lease, self.release = leases.take, leases.release
        self.seed = self._seed()

    def _seed(self) -> int:
        """Of the store; where its record is damaged, one that is drawn now, and kept beside it."""
        recorded = [body["seed"] for body in self.records("store") if isinstance(body.get("seed"), int)]
        if not recorded and not self.read_only:
            self.append_record("store", {"seed": secrets.randbits(62)})
            return self._seed()
        return recorded[0] if recorded else 0

    def reserve(self, count: int) -> int:
        return self._ids.take(count)

    def intern(self, kind: str, names: Sequence[str]) -> np.ndarray:
        return self._names.intern(kind, names)

    def names(self, kind: str) -> list[str]:
        return self._names.all(kind)

    def add_policy(self, spec: str, params: dict[str, Any]) -> int:
        row = (spec, json.dumps(params, sort_keys=True))
        return self._file.key(self._sql.POLICY_KEY, self._sql.POLICY, row)

    def policy(self, key: int) -> tuple[str, dict[str, Any]]:
        spec, params = self._file.one(self._sql.POLICY_OF, key)
        with self._file.reading:
            return spec, json.loads(params)

    def append_view(self, view: LoggedView) -> int:
        """Durable together with the first decision that is stored after it, or with so many other views."""
        if self._views.full:
            self._append([])
        return self._views.add(view)

    def view(self, id: int) -> LoggedView:
        return self._views.get(id)

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
            rows.features_body(decision.features),
        )
        self._append([row])

    def append_decisions(self, columns: DecisionColumns, features: np.ndarray | None = None) -> None:
        known = [None] * len(columns.id) if features is None else map(rows.features_body, features)
        self._append(list(zip(*(column.tolist() for column in columns), known, strict=True)))

    def features(self, decisions: np.ndarray) -> np.ndarray:
        which, values = among(decisions)
        found = self._file.all(getattr(self._sql, f"FEATURES_{which}"), *values)
        with self._file.reading:
            return rows.features_among(decisions, found, len(self.names("feature")))

    def _append(self, made: list[tuple]) -> None:
        """Decisions and the views that they rest on."""
        try:
            self._append_all(made)
        except StoreStale:
            self._names.clear()
            raise

    def _append_all(self, made: list[tuple]) -> None:
        views = self._views.rows() if self._views.pending else []

        def stored(db: Connection) -> None:
            self._file.insert_views(db, views)
            self._file.insert_many(db, "decision", made)

        if len(made) > 1 or len(views) > 1 or not made:
            self._file.whole(stored)
        elif views:
            self._file.write_viewed(views[0], made[0])
        else:
            self._file.write(self._sql.DECISION, made[0])
        if views:
            self._views.written(views)

    def decision(self, id: int) -> Decision:
        row = self._file.row(self._sql.DECISION_OF, id)
        if row is None:
            raise UnknownDecision(missing(id))
        _, project, context, arm, chance, view, time, reason, job, known = row
        project, context, arm, reason = (
            self._names.text(kind, code)
            for kind, code in (("project", project), ("context", context), ("arm", arm), ("reason", reason))
        )
        task = self._names.text("job", job) if job >= 0 else None
        with self._file.reading:
            features = rows.features_of(known)
        return Decision(id, project, context, family_of(arm), {}, arm, chance, reason, time, task, view, features)

    def decisions(self, after: int | None = None, limit: int | None = None) -> DecisionColumns:
        found = places(pruning.first(self._file, "decision", after), limit)
        return DecisionColumns(*self._file.columns(self._sql.DECISIONS, "iiiififii", *found))

    def made(self) -> int:
        return self._file.one(self._sql.LAST_DECISION)[0]

    def chosen_arms(self) -> np.ndarray:
        if self.pruned()[1]:
            return np.arange(len(self.names("arm")))
        return self._file.columns(self._sql.CHOSEN_ARMS, "i")[0]

    def open_decisions(self, before: float) -> np.ndarray:
        return self._file.columns(self._sql.OPEN_DECISIONS, "i", before)[0]

    def append_outcome(self, outcome: Outcome) -> bool:
        row = rows.outcome_row(outcome)
        if self._file.write(self._sql.KNOWN_OUTCOME, (*row, outcome.decision)) == 1:
            return True
        earlier = self._reported(outcome.decision)
        if earlier is None:
            self._problem(UNKNOWN, outcome)
            raise UnknownDecision(missing(outcome.decision))
        if same_outcome(earlier, outcome):
            self._file.count("repeated", 1)
            return False
        self._problem(CONFLICTING, outcome)
        raise ConflictingOutcome(conflict(earlier, outcome))

    def append_outcomes(self, outcomes: OutcomeColumns) -> np.ndarray:
        which, values = among(outcomes.decision)
        wanted = set(outcomes.decision.tolist())

        def stored(db: Connection) -> np.ndarray:
            found = db.execute(getattr(self._sql, f"KNOWN_{which}"), values)
            known = wanted.intersection(chain.from_iterable(found))
            found = db.execute(getattr(self._sql, f"REPORTED_{which}"), values)
            earlier = {row[0]: rows.outcome_of(row) for row in found if row[0] in wanted}
            verdict, new, problems = rows.judged(outcomes, known, earlier)
            self._file.insert_many(db, "outcome", new)
            db.executemany(self._sql.RECORD, problems)
            if repeated := int((verdict == REPEATED).sum()):
                self._file.counted(db, "repeated", repeated)
            return verdict

        return self._file.whole(stored)

    def close_decisions(self, ids: Sequence[int]) -> None:
        """Nobody waits for outcomes of these decisions, as far as they are stored: as if withdrawn."""

        def stored(db: Connection) -> None:
            among = (json.dumps(list(ids)),)
            made = {row[0] for row in db.execute(self._sql.KNOWN_AMONG, among).fetchall()}
            made -= {row[0] for row in db.execute(self._sql.REPORTED_AMONG, among).fetchall()}
            self._file.insert_many(db, "outcome", [(id, WITHDRAWN, 0.0, None, None, 0.0) for id in sorted(made)])
            if made:
                db.execute(self._sql.RECORD, (_CLOSED, json.dumps({"decisions": sorted(made)})))

        self._file.whole(stored)

    def chosen(self, outcomes: OutcomeColumns) -> OutcomeColumns:
        which, values = among(outcomes.decision)
        ids, *made = self._file.columns(getattr(self._sql, f"CHOSEN_{which}"), "iiiii", *values)
        row = np.searchsorted(ids, outcomes.decision)
        project, context, arm, job = (column[row] for column in made)
        return outcomes._replace(project=project, context=context, arm=arm, job=job)

    def answered(self) -> int:
        return self._file.one(self._sql.LAST_OUTCOME)[0]

    def outcome(self, decision: int) -> Outcome | None:
        found = self._reported(decision)
        return None if found is None or found.status not in STATUSES else found

    def _reported(self, decision: int) -> Outcome | None:
        """One that was withdrawn included."""
        row = self._file.row(self._sql.REPORTED, decision)
        with self._file.reading:
            return None if row is None else rows.outcome_of(row)

    def outcomes(self, after: int | None = None, limit: int | None = None) -> OutcomeColumns:
        found = places(pruning.first(self._file, "outcome", after), limit)
        return OutcomeColumns(*self._file.columns(self._sql.OUTCOMES, "iiiiisffff", *found))

    def pruned(self) -> tuple[int, int]:
        return pruning.cursors(self._file)

    def append_record(self, kind: str, body: dict[str, Any]) -> int:
        self._file.write(self._sql.RECORD, (kind, self._file.long_text(json.dumps(body))))
        return self._file.one(self._sql.RECORD_COUNT, kind)[0]

    def records(self, kind: str, after: int = 0) -> list[dict[str, Any]]:
        found = self._file.all(self._sql.RECORDS, kind, _ALL, after)
        with self._file.reading:
            if any(one >= other for (one, _), (other, _) in pairwise(found)):
                raise ValueError("its records are not in their order")
        return [rows.record_of(body) for _, body in found]

    def append_snapshot(self, snapshot: Snapshot) -> int:
        return self.append_record("snapshot", snapshot._asdict())

    def snapshots(self, after: int = 0) -> list[Snapshot]:
        return [rows.snapshot_of(body, i) for i, body in enumerate(self.records("snapshot", after), start=after + 1)]

    def counts(self) -> dict[str, int]:
        undone = self.undone() > 0 or self._file.one(self._sql.RECORD_COUNT, _CLOSED)[0] > 0
        open_ = self._sql.OPEN if undone else self._sql.UNANSWERED
        taken = self._file.one(self._sql.TAKEN) if undone else ()
        kinds = [problem.get("kind") for problem in self.records("problem")]
        repeated = self._file.row(self._sql.COUNTER, "repeated")
        return {
            "decisions": self.made() - sum(taken[:1]),
            "outcomes": self.answered() - sum(taken[1:]),
            "open": self._file.one(open_)[0],
            "repeated": repeated[0] if repeated else 0,
            "conflicting": kinds.count(CONFLICTING),
            "unknown": kinds.count(UNKNOWN),
            **dict(zip(("forgotten", "withdrawn"), taken, strict=False)),
        }

    def undo(self, removal: Removal, time: float) -> Removed:
        self._append([])
        found = taken_back(self._file, removal, time, any(self.pruned()))
        self._names.clear()
        return found

    def undone(self) -> int:
        return self._file.one(self._sql.RECORD_COUNT, "undo")[0]

    def save_checkpoint(self, name: str, checkpoint: Checkpoint) -> None:
        row = (name, checkpoint.outcomes, checkpoint.decisions, rows.checksum(checkpoint.body), checkpoint.body)
        self._file.write(self._sql.CHECKPOINT, row)

    def checkpoint(self, name: str) -> Checkpoint | None:
        if (row := self._file.row(self._sql.CHECKPOINT_OF, name)) is None:
            return None
        *parts, checksum = row
        found = Checkpoint(*parts)
        return found if rows.checksum(found.body) == checksum else None

    def close(self) -> None:
        self._file.close()

    def __reduce__(self) -> NoReturn:
        raise StoreError("an open store cannot be pickled: send its URL, and open it where it is used")

    def _problem(self, kind: int, outcome: Outcome) -> None:
        self.append_record("problem", {"kind": kind, **outcome._asdict()})

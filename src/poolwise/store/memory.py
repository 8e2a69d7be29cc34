"""A store that lives as long as its process: plain lists, for tests, simulation and replay."""

import secrets
from collections.abc import Iterator
from typing import Any

import numpy as np

from poolwise.errors import ConflictingOutcome, InputError, UnknownDecision
from poolwise.schema import STATUSES, Decision, LoggedView, Outcome, Snapshot
from poolwise.store import rows
from poolwise.store.base import (
    CONFLICTING,
    NEW,
    REPEATED,
    UNKNOWN,
    WITHDRAWN,
    Checkpoint,
    DecisionColumns,
    OutcomeColumns,
    Removal,
    Removed,
    conflict,
    missing,
    rows_of,
    same_outcome,
    unknown_project,
)
from poolwise.store.memory_names import MemoryNames


class MemoryStore:
    """See `Store`. Nothing survives the process."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed, self.read_only = secrets.randbits(62) if seed is None else seed, False
        self._next = 1
        self._names = MemoryNames()
        self.intern, self.names = self._names.intern, self._names.all
        self._policies: list[tuple[str, dict[str, Any]]] = []
        self._views: list[LoggedView | None] = []
        self._made: list[Decision | DecisionColumns] = []
        self._count = 0
        self._single: dict[int, Decision] = {}
        self._features: dict[int, np.ndarray] = {}  # of jobs that were decided together
        self._outcomes: dict[int, Outcome] = {}
        self._records: dict[str, list[dict[str, Any]]] = {}
        self._snapshots: list[Snapshot] = []
        self._checkpoints: dict[str, Checkpoint] = {}
        self._withdrawn: set[int] = set()
        """Decisions whose outcomes were taken back."""
        self._problems = {REPEATED: 0, CONFLICTING: 0, UNKNOWN: 0}

    def reserve(self, count: int) -> int:
        first = self._next
        self._next += count
        return first

    def add_policy(self, spec: str, params: dict[str, Any]) -> int:
        if (spec, params) not in self._policies:
            self._policies.append((spec, params))
        return self._policies.index((spec, params)) + 1

    def policy(self, key: int) -> tuple[str, dict[str, Any]]:
        return self._policies[key - 1]

    def append_view(self, view: LoggedView) -> int:
        self._views.append(view)
        return len(self._views)

    def view(self, id: int) -> LoggedView:
        if (found := self._views[id - 1]) is None:
            raise UnknownDecision(f"view {id} is not in this store: its project was forgotten")
        return found._replace(id=id)

    def append_decision(self, decision: Decision) -> None:
        self._made.append(decision)
        self._count += 1
        self._single[decision.id] = decision

    def append_decisions(self, columns: DecisionColumns, features: np.ndarray | None = None) -> None:
        self._made.append(columns)
        self._count += len(columns.id)
        if features is not None:
            self._features.update(zip(columns.id.tolist(), features.copy(), strict=True))

    def features(self, decisions: np.ndarray) -> np.ndarray:
        found = np.full((len(decisions), len(self.names("feature"))), np.nan)
        for row, id in enumerate(decisions.tolist()):
            known: Any = self._single[id].features if id in self._single else self._features.get(id)
            if known is not None:
                found[row, : len(known)] = known[: found.shape[1]]
        return found

    def decision(self, id: int) -> Decision:
        if id in self._single:
            return self._single[id]
        for block in self._blocks():
            row = int(np.searchsorted(block.id, id))
            if row < len(block.id) and block.id[row] == id and block.project[row] >= 0:
                return self._names.row(block, row, self._features.get(id))
        raise UnknownDecision(missing(id))

    def decisions(self, after: int | None = None, limit: int | None = None) -> DecisionColumns:
        end = None if limit is None else (after or 0) + limit
        parts, singles = [self._names.columns([])], []
        for part in self._made:
            if isinstance(part, Decision):
                singles.append(part)
            else:
                parts += [self._names.columns(singles), part]
                singles = []
        parts.append(self._names.columns(singles))
        found = DecisionColumns(*(np.concatenate(columns)[after:end] for columns in zip(*parts, strict=True)))
        return DecisionColumns(*(column[found.project >= 0] for column in found))

    def made(self) -> int:
        return self._count

    def chosen_arms(self) -> np.ndarray:
        return np.unique(self.decisions().arm)

    def open_decisions(self, before: float) -> np.ndarray:
        made = self.decisions()
        answered = np.fromiter(self._outcomes, np.int64, len(self._outcomes))
        return np.sort(made.id[(made.time < before) & ~np.isin(made.id, answered)])

    def append_outcome(self, outcome: Outcome) -> bool:
        earlier = self._outcomes.get(outcome.decision)
        if outcome.decision in self._withdrawn and earlier is not None:
            earlier = rows.outcome_of((outcome.decision, len(STATUSES), *earlier[2:]))
        if earlier is not None:
            if same_outcome(earlier, outcome):
                self._problems[REPEATED] += 1
                return False
            self._problem(CONFLICTING, outcome)
            raise ConflictingOutcome(conflict(earlier, outcome))
        try:
            self.decision(outcome.decision)
        except UnknownDecision:
            self._problem(UNKNOWN, outcome)
            raise
        self._outcomes[outcome.decision] = outcome
        return True

    def append_outcomes(self, outcomes: OutcomeColumns) -> np.ndarray:
        verdict = np.zeros(len(outcomes.decision), dtype=np.int8)
        for i, outcome in enumerate(rows_of(outcomes)):
            try:
                verdict[i] = NEW if self.append_outcome(outcome) else REPEATED
            except ConflictingOutcome:
                verdict[i] = CONFLICTING
            except UnknownDecision:
                verdict[i] = UNKNOWN
        return verdict

    def chosen(self, outcomes: OutcomeColumns) -> OutcomeColumns:
        made = self._names.columns([self.decision(id) for id in outcomes.decision.tolist()])
        return outcomes._replace(project=made.project, context=made.context, arm=made.arm, job=made.job)

    def answered(self) -> int:
        return len(self._outcomes)

    def outcome(self, decision: int) -> Outcome | None:
        return None if decision in self._withdrawn else self._outcomes.get(decision)

    def outcomes(self, after: int | None = None, limit: int | None = None) -> OutcomeColumns:
        found = list(self._outcomes.values())[after : None if limit is None else (after or 0) + limit]
        found = [row for row in found if row.decision not in self._withdrawn]
        made = self._names.columns([self.decision(row.decision) for row in found])
        own = zip(*((STATUSES.index(r.status), r.utility, r.cost, r.baseline_cost, r.time) for r in found), strict=True)
        status, utility, cost, baseline, time = list(own) or [()] * 5
        return OutcomeColumns(
            made.id,
            made.project,
            made.context,
            made.arm,
            made.job,
            np.array(status, dtype=np.int8),
            *(np.array(column, dtype=np.float64) for column in (utility, cost, baseline, time)),
        )

    def append_record(self, kind: str, body: dict[str, Any]) -> int:
        self._records.setdefault(kind, []).append(body)
        return len(self._records[kind])

    def records(self, kind: str, after: int = 0) -> list[dict[str, Any]]:
        return self._records.get(kind, [])[after:]

    def append_snapshot(self, snapshot: Snapshot) -> int:
        self._snapshots.append(snapshot._replace(id=len(self._snapshots) + 1))
        return len(self._snapshots)

    def snapshots(self, after: int = 0) -> list[Snapshot]:
        return self._snapshots[after:]

    def pruned(self) -> tuple[int, int]:
        return 0, 0

    def undo(self, removal: Removal, time: float) -> Removed:
        if removal.project is not None and self._names.code("project", removal.project) is None:
            raise InputError(unknown_project(removal))
        found = self._forgotten(removal.project or "", time) if removal.forget else self._taken(removal)
        if removal.means_nothing(found):
            return found
        for kind, number in removal.records:
            self._records[kind][number - 1] = {WITHDRAWN: time}
        self._names.forget("context", removal.contexts)
        self._checkpoints.clear()
        self.append_record("undo", {**removal.record, "time": time, **found._asdict()})
        return found

    def undone(self) -> int:
        return len(self._records.get("undo", ()))

    def lease(self, name: str, seconds: float) -> bool:
        return True

    def release(self, name: str) -> None:
        pass

    def save_checkpoint(self, name: str, checkpoint: Checkpoint) -> None:
        self._checkpoints[name] = checkpoint

    def checkpoint(self, name: str) -> Checkpoint | None:
        return self._checkpoints.get(name)

    def counts(self) -> dict[str, int]:
        left, taken = self.decisions().id, len(self._withdrawn)
        answered = np.isin(left, np.fromiter(self._outcomes, np.int64, len(self._outcomes)))
        return {
            "decisions": len(left),
            "outcomes": len(self._outcomes) - taken,
            "open": int((~answered).sum()),
            "repeated": self._problems[REPEATED],
            "conflicting": self._problems[CONFLICTING],
            "unknown": self._problems[UNKNOWN],
            **({"forgotten": self.made() - len(left), "withdrawn": taken} if self.undone() else {}),
        }

    def close(self) -> None:
        """Nothing to let go of."""

    def _taken(self, removal: Removal) -> Removed:
        if removal.records:
            return Removed(0, 0, 0)
        low, high = removal.decisions or (-np.inf, np.inf)
        since, until = (
            -np.inf if removal.since is None else removal.since,
            np.inf if removal.until is None else removal.until,
        )
        found = {
            row.decision
            for row in self._outcomes.values()
            if row.decision not in self._withdrawn
            and low <= row.decision <= high
            and since <= row.time < until
            and (removal.project is None or self.decision(row.decision).project == removal.project)
        }
        self._withdrawn |= found
        return Removed(0, len(found), 0)

    def _forgotten(self, project: str, time: float) -> Removed:
        made, code = self.decisions(), self._names.code("project", project)
        own = set(made.id[made.project == code].tolist())
        for kind in ("context", "job"):
            column, names = getattr(made, kind), self.names(kind)
            only = np.setdiff1d(column[made.project == code], column[made.project != code])
            self._names.forget(kind, [names[k] for k in only[only >= 0].tolist()])
        self._names.forget("project", [project])
        self._made = [self._blank(part, own) for part in self._made]
        self._single = {id: decision for id, decision in self._single.items() if id not in own}
        self._features = {id: known for id, known in self._features.items() if id not in own}
        views = [k for k, view in enumerate(self._views) if view is not None and view.project == project]
        for k in views:
            self._views[k] = None
        answered = own & self._outcomes.keys()
        self._outcomes |= {id: Outcome(id, "ok", 0.0, None, None, 0.0) for id in answered}
        self._withdrawn |= answered
        for kind in ("control", "learned", "measurement", "problem"):
            for k, body in enumerate(self._records.get(kind, ())):
                if body.get("project") == project or body.get("decision") in own:
                    self._records[kind][k] = {WITHDRAWN: time}
        return Removed(len(own), len(answered), len(views))

    def _blank(self, part: Decision | DecisionColumns, own: set[int]) -> Decision | DecisionColumns:
        if isinstance(part, Decision):
            if part.id not in own:
                return part
            none = np.array([-1])
            return DecisionColumns(np.array([part.id]), none, none, none, np.zeros(1), none, np.zeros(1), none, none)
        gone = np.isin(part.id, list(own))
        return DecisionColumns(part.id, *(np.where(gone, -1, column) for column in part[1:]))

    def _blocks(self) -> Iterator[DecisionColumns]:
        return (part for part in self._made if isinstance(part, DecisionColumns))

    def _problem(self, kind: int, outcome: Outcome) -> None:
        self._problems[kind] += 1
        self.append_record("problem", {"kind": kind, **outcome._asdict()})

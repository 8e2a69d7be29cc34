"""One protocol for every store: an append-only log of decisions, outcomes and what is needed to read them.

A store knows names, numbers and bytes; it never knows what arrays mean. Everything passed to one call is durable
(survives `kill -9` of the writer, or loss of power where that was asked for) and visible to readers when the call
returns, or none of it is. Every call is done or raises StoreError within a time that is known, `lock_wait`, and leaves
the store ready for the next one; StoreLocked and StoreFull say that the same call may succeed later.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from poolwise.names import shown
from poolwise.schema import STATUSES, Decision, LoggedView, Outcome, Snapshot


class DecisionColumns(NamedTuple):
    """Many decisions as columns of equal length n; names as indices into `Store.names(kind)`."""

    id: np.ndarray
    project: np.ndarray
    context: np.ndarray
    arm: np.ndarray
    probability: np.ndarray
    view: np.ndarray
    time: np.ndarray
    reason: np.ndarray
    job: np.ndarray
    """-1 where none."""


class OutcomeColumns(NamedTuple):
    """Many outcomes as columns of equal length n, joined with what their decisions chose, in the store's order."""

    decision: np.ndarray
    project: np.ndarray
    context: np.ndarray
    arm: np.ndarray
    job: np.ndarray
    status: np.ndarray
    """Index into `schema.STATUSES`."""
    utility: np.ndarray
    cost: np.ndarray
    """NaN where none was given."""
    baseline_cost: np.ndarray
    time: np.ndarray


class Checkpoint(NamedTuple):
    """What was folded from events up to two cursors, so that a reader need not begin with the first event."""

    outcomes: int
    """How many outcomes are in it: go on with `Store.outcomes(after=...)`."""
    decisions: int
    """How many decisions are in it: go on with `Store.decisions(after=...)`."""
    body: bytes


class Removal(NamedTuple):
    """What is to be taken back: outcomes for which all conditions hold, records, or with `forget` a whole project."""

    record: dict[str, Any]
    """What the log keeps of it; no name of what is forgotten."""
    forget: bool = False
    """Nothing is left of the project but the ids of its decisions."""
    project: str | None = None
    decisions: tuple[int, int] | None = None
    """Ids, both included."""
    since: float | None = None
    until: float | None = None
    """Outcomes that were reported before."""
    records: tuple[tuple[str, int], ...] = ()
    """(kind, number) of what no longer holds; then no outcomes are meant."""
    contexts: tuple[str, ...] = ()
    """Names of contexts that nobody needs any more."""

    def means_nothing(self, found: "Removed") -> bool:
        """Whether there was nothing to take back; then nothing is noted, and no belief is folded again."""
        return not (self.forget or self.records or found.outcomes)


class Removed(NamedTuple):
    """How many rows were taken back."""

    decisions: int
    outcomes: int
    views: int


WITHDRAWN = "withdrawn"
"""Key of a record that was taken back."""
GONE = "\x7f"
"""Begins a name that was forgotten: no name can."""
STALE = "names were forgotten meanwhile"
NEW, REPEATED, CONFLICTING, UNKNOWN = range(4)
"""Verdicts on an outcome."""


def same_outcome(earlier: Outcome, later: Outcome) -> bool:
    """Whether two outcomes of one decision report the same; when they were reported does not matter."""
    return earlier[:5] == later[:5]


def conflict(earlier: Outcome, later: Outcome) -> str:
    """The message of a ConflictingOutcome."""
    return (
        f"decision {later.decision} has the outcome {earlier.status} {earlier.utility:.4g} already; "
        f"{later.status} {later.utility:.4g} was not learned: report each decision once"
    )


def missing(decision: int) -> str:
    """The message of an UnknownDecision."""
    if decision < 0:
        return f"decision {shown(decision)} was made without the store, unlogged: its outcome cannot be reported"
    return f"decision {shown(decision)} is not in this store: pass the `id` that `decide` returned"


def unknown_project(removal: Removal) -> str:
    """The message of an InputError."""
    return f"no project {shown(removal.project)} in this store: it was forgotten already, or never there"


def rows_of(outcomes: OutcomeColumns) -> Iterator[Outcome]:
    """Columns as single outcomes."""
    columns = (
        outcomes.decision,
        outcomes.status,
        outcomes.utility,
        outcomes.cost,
        outcomes.baseline_cost,
        outcomes.time,
    )
    for id, status, utility, cost, baseline, time in zip(*(column.tolist() for column in columns), strict=True):
        yield Outcome(id, STATUSES[status], utility, _known(cost), _known(baseline), time)


def _known(cost: float) -> float | None:
    return None if cost != cost else cost


class Store(Protocol):
    """Append-only log. Names (`project`, `context`, `arm`, `job`, `reason`) are interned: same name, same index."""

    seed: int
    """Drawn (or given) when the store was created; every decision's random number derives from it and its id."""
    read_only: bool
    """Whether the store was opened to look: events cannot be added, and what is noted besides stays in memory."""

    def reserve(self, count: int) -> int:
        """First of `count` decision ids that nobody else will ever get, even after a crash."""
        ...

    def intern(self, kind: str, names: Sequence[str]) -> np.ndarray:
        """Indices of names, new ones appended durably."""
        ...

    def names(self, kind: str) -> list[str]:
        """All names of a kind in the order of their indices."""
        ...

    def add_policy(self, spec: str, params: dict[str, Any]) -> int: ...

    def policy(self, key: int) -> tuple[str, dict[str, Any]]: ...

    def append_view(self, view: LoggedView) -> int:
        """Key of the stored view (`view.id` is ignored)."""
        ...

    def append_decision(self, decision: Decision) -> None: ...

    def append_decisions(self, columns: DecisionColumns, features: np.ndarray | None = None) -> None:
        """features: (n, columns) what was known of every job, see `schema.Decision`; None: nothing."""
        ...

    def features(self, decisions: np.ndarray) -> np.ndarray:
        """(n, columns) what was known of the jobs of these decisions; NaN: nothing, or it was archived."""
        ...

    def append_outcome(self, outcome: Outcome) -> bool:
        """True when it was new, False when the very same outcome was there already.

        Raises UnknownDecision or ConflictingOutcome, which are counted (`counts`) and kept (`problems`)."""
        ...

    def append_outcomes(self, outcomes: OutcomeColumns) -> np.ndarray:
        """(n,) int8: 0 new, 1 repeated, 2 conflicting, 3 unknown decision; the new ones are appended, all are counted.

        Only `decision`, `status`, `utility`, `cost`, `baseline_cost` and `time` are read."""
        ...

    def chosen(self, outcomes: OutcomeColumns) -> OutcomeColumns:
        """Outcomes just appended, joined with what their decisions chose, in the same order."""
        ...

    def answered(self) -> int:
        """Number of outcomes that ever came: the cursor after the last one."""
        ...

    def made(self) -> int:
        """Number of decisions that ever came: the cursor after the last one."""
        ...

    def chosen_arms(self) -> np.ndarray:
        """Codes of all arms that were ever chosen, ascending; of a pruned store, which cannot tell, of all arms."""
        ...

    def decision(self, id: int) -> Decision: ...

    def outcome(self, decision: int) -> Outcome | None: ...

    def view(self, id: int) -> LoggedView: ...

    def outcomes(self, after: int | None = None, limit: int | None = None) -> OutcomeColumns:
        """All outcomes from the `after`-th on, or those of the next `limit` places, in the order in which they came;
        none that were withdrawn, whose places stay empty.

        None: from the first that is there. Raises StorePruned where some after `after` were archived."""
        ...

    def decisions(self, after: int | None = None, limit: int | None = None) -> DecisionColumns:
        """All decisions from the `after`-th on, or those of the next `limit` places, in the order in which they came,
        which is not that of their ids; none of projects that were forgotten. None, and what is raised: as of
        `outcomes`."""
        ...

    def open_decisions(self, before: float) -> np.ndarray:
        """Ids of decisions made before a time that have no outcome."""
        ...

    def append_record(self, kind: str, body: dict[str, Any]) -> int:
        """A JSON record of another kind (`space`, `snapshot`, `control`, `problem`); returns its number."""
        ...

    def records(self, kind: str, after: int = 0) -> list[dict[str, Any]]:
        """Of a kind, in the order of their numbers, from the one after `after` on; of a damaged one, an empty table."""
        ...

    def append_snapshot(self, snapshot: Snapshot) -> int: ...

    def snapshots(self, after: int = 0) -> list[Snapshot]:
        """In the order of their ids, from the one after `after` on."""
        ...

    def pruned(self) -> tuple[int, int]:
        """How many of the first outcomes and decisions `poolwise retention` has archived: cursors of what is left."""
        ...

    def undo(self, removal: Removal, time: float) -> Removed:
        """Take events back for good, as one; checkpoints go with them, for they hold what was learned from them.

        Raises StorePruned where some of the events are only in a checkpoint, InputError for an unknown project."""
        ...

    def undone(self) -> int:
        """How often anything was taken back: what was read before the last time is out of date."""
        ...

    def save_checkpoint(self, name: str, checkpoint: Checkpoint) -> None:
        """Replace what is kept under a name. Nothing is lost with it that events do not hold."""
        ...

    def checkpoint(self, name: str) -> Checkpoint | None:
        """The last one that was saved whole; None where there is none, or its checksum is not its body's."""
        ...

    def lease(self, name: str, seconds: float) -> bool:
        """Whether this process may do for so long what one process of many is to do; for all who ask by that name."""
        ...

    def release(self, name: str) -> None:
        """Give a lease back that this process holds."""
        ...

    def counts(self) -> dict[str, int]:
        """decisions, outcomes, open, repeated, conflicting, unknown."""
        ...

    def close(self) -> None:
        """Every other call then raises StoreClosed."""
        ...

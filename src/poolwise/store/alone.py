"""What the one writer of a store knows without asking: how many events there are, since nobody else adds any.

Between a decision and the next one an engine asks three times whether anything has changed, each time a message to the
server.

A server may be lost in the middle of a commit and not come back in time. Whoever asked for that decision got another
one, made without the store; should it turn out to be stored all the same, nobody is to wait for its outcome.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numpy as np

from poolwise.errors import StoreLocked, StoreUnreachable
from poolwise.schema import Decision, Outcome
from poolwise.store.base import NEW, DecisionColumns, OutcomeColumns, Removal, Removed, Store
from poolwise.store.sql.store import SqlStore

T = TypeVar("T")


def alone(store: SqlStore) -> Store:
    """The same store, for a process that is the only one to write it."""
    return cast(Store, _Alone(store))


class _Alone:
    """Counts what it stores; after a call that failed it asks again, for nobody knows how far that came."""

    def __init__(self, store: SqlStore) -> None:
        self._store, self._lock = store, threading.RLock()
        self._counts: dict[str, int] = {}
        self._unanswered: list[int] = []
        """Decisions of which nobody knows whether they are stored, and nobody was told."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def made(self) -> int:
        return self._counted("made", self._store.made)

    def answered(self) -> int:
        return self._counted("answered", self._store.answered)

    def undone(self) -> int:
        return self._counted("undone", self._store.undone)

    def append_decision(self, decision: Decision) -> None:
        with self._told([decision.id]):
            self._grown("made", lambda: self._store.append_decision(decision), lambda _: 1)

    def append_decisions(self, columns: DecisionColumns, features: np.ndarray | None = None) -> None:
        with self._told(columns.id.tolist()):
            append = self._store.append_decisions
            self._grown("made", lambda: append(columns, features), lambda _: len(columns.id))

    def append_outcome(self, outcome: Outcome) -> bool:
        return self._grown("answered", lambda: self._store.append_outcome(outcome), int)

    def append_outcomes(self, outcomes: OutcomeColumns) -> np.ndarray:
        append = self._store.append_outcomes
        return self._grown("answered", lambda: append(outcomes), lambda verdict: int((verdict == NEW).sum()))

    def undo(self, removal: Removal, time: float) -> Removed:
        with self._lock:
            self._counts.clear()
            return self._store.undo(removal, time)

    def _counted(self, what: str, ask: Callable[[], int]) -> int:
        with self._lock:
            if what not in self._counts:
                self._counts[what] = ask()
            return self._counts[what]

    @contextmanager
    def _told(self, ids: list[int]) -> Iterator[None]:
        """Nobody is told of these decisions where the server did not say whether they were stored."""
        try:
            yield
        except (StoreUnreachable, StoreLocked):  # All others say that it was not.
            self._unanswered += ids
            raise

    def _grown(self, what: str, store: Callable[[], T], by: Callable[[Any], int]) -> T:
        with self._lock:
            if self._unanswered:
                self._counts.pop("answered", None)
                self._store.close_decisions(self._unanswered)
                self._unanswered = []
            before = self._counts.pop(what, None)
            answer = store()
            if before is not None:
                self._counts[what] = before + by(answer)
            return answer

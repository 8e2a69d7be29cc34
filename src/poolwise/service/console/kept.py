"""What pages show of a whole workspace, kept and read again beside: no request reads all events, or waits for long.

A look costs time of the engine, during which decisions wait: it is taken when a page asks, project by project, and at
most a twentieth of the time is spent on it.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from poolwise.engine.engine import Engine
from poolwise.errors import PoolwiseError, StoreClosed, StoreError
from poolwise.schema import Snapshot
from poolwise.service.console import history
from poolwise.service.console.history import History
from poolwise.service.looking import by_project

T = TypeVar("T")
FRESH, SHARE, PATIENCE = 2.0, 20.0, 0.05
"""Seconds for which a look is taken for true, at least; how many times as long as it took; seconds for which a page
waits for one."""


class Look(NamedTuple):
    """A workspace at a time."""

    at: float
    """Seconds since 1970."""
    status: dict[str, Any]
    overview: dict[str, Any]
    history: History
    projects: list[str]
    """Names by the code in the store."""


class Kept(Generic[T]):
    """A value that is made anew in a thread when it is asked for and old."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._value: T | None = None
        self.fault = ""
        """Why it could not be made anew the last time."""
        self._until = 0.0
        self._work: threading.Thread | None = None

    def get(self, patience: float | None = None) -> T | None:
        """The last one, after waiting so many seconds for a newer one where that is due; None: the first is not there
        yet."""
        with self._lock:
            if self._work is None and time.monotonic() >= self._until:
                self._work = threading.Thread(target=self._renew, name="poolwise-console", daemon=True)
                self._work.start()
            work = self._work
        if work is not None:
            work.join(PATIENCE if patience is None else patience)
        return self._value

    def outdated(self) -> None:
        """Make it anew when it is asked for next."""
        self._until = 0.0

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            self._value, self.fault = self._make(), ""
        except StoreClosed:
            pass  # The server ends.
        except PoolwiseError as error:
            self.fault = str(error)
            logging.getLogger("poolwise").warning("the console could not look: %s", error)
        finally:
            ended = time.monotonic()
            with self._lock:
                self._until, self._work = ended + max(FRESH, SHARE * (ended - began)), None


class Observed:
    """What is kept of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._history: History | None = None
        self._last: Look | None = None
        self._snapshots: tuple[int, list[Snapshot]] = (0, [])
        self.look: Kept[Look] = Kept(self._look)
        self.projects: Kept[list[dict[str, Any]]] = Kept(self._projects)
        """Rows of `Engine.projects`."""

    def snapshots(self) -> list[Snapshot]:
        """Every snapshot, oldest first, without the scales; those that were read before are not read again."""
        store = self.engine.store
        undone, known = self._snapshots
        if undone != (now := store.undone()):
            known = []
        new = [one._replace(hyper={}) for one in store.snapshots(len(known))]
        self._snapshots = now, [*known, *new]
        return self._snapshots[1]

    def _look(self) -> Look:
        """What is there now; where the store cannot be read, what was there last, and that."""
        status = self.engine.status()
        try:
            self._last = self._whole(status)
        except StoreError as error:
            if self._last is None or isinstance(error, StoreClosed):
                raise
            return self._last._replace(status={**self._last.status, "store_fault": str(error), **status})
        return self._last

    def _whole(self, status: dict[str, Any]) -> Look:
        past = self._history = up_to_date(self._history, self.engine)
        return Look(time.time(), status, by_project(self.engine), past, self.engine.store.names("project"))

    def _projects(self) -> list[dict[str, Any]]:
        past = self._history = up_to_date(self._history, self.engine)
        known, total = (past.projects[:, history.COLUMNS.index(name)] for name in ("known", "gain"))
        names = self.engine.store.names("project")
        gain = {names[k]: float(total[k] / known[k]) for k in range(len(known)) if known[k]}
        return records(self.engine.across.projects(gain))


def records(table: Any) -> list[dict[str, Any]]:
    """Rows of a data frame."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def up_to_date(past: History | None, engine: Engine) -> History:
    """With all events that are there now."""
    store = engine.store
    if past is None or past.undone != store.undone():
        past = history.begun(store)
    while history.ahead(past, store):
        past = history.read_on(past, store)
    return past

"""A SQLite file that threads share: every call is done or raises StoreError within its time, and the next one works.

Whatever an exception leaves behind, one that a signal handler raises between any two steps included, is undone before
anything else happens: `_call` rolls back what is open, and the lock is one that Python itself releases.
"""

import ctypes
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from poolwise.errors import StoreForked, UnknownDecision
from poolwise.store.database.faults import Reading, closed, damaged, gone, translated
from poolwise.store.database.retry import retried
from poolwise.store.database.step_limit import Steps
from poolwise.store.file.connect import Durability, connect

T = TypeVar("T")
_COUNT = (
    "INSERT INTO counter (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
)
_FEW_ROWS, _ROW_BYTES = 5_000, 8
"""Rows that are read without a look at the file's size, and what one takes of it at least."""
_TYPES = {"i": np.int64, "f": np.float64, "s": np.int8}
_OPEN: "weakref.WeakSet[Database]" = weakref.WeakSet()


class Database:
    """Raises StoreError and its kinds, whatever the driver raises."""

    def __init__(
        self, path: Path | None, seed: int | None, *, wait: float, durability: Durability, look: bool = False
    ) -> None:
        self._path, self._wait, self._lock = str(path) if path else None, wait, threading.RLock()
        db = connect(path, seed=seed, wait=wait, durability=durability, look=look)
        self._process, self.reading, self._steps = os.getpid(), Reading(self._path), Steps(db, self._path)
        self._db: sqlite3.Connection | None = db
        self._release = weakref.finalize(self, _close, db, self._process)  # A store that is dropped is closed, too.
        self._files: list[tuple[str, tuple[int, int] | None]] = []
        _OPEN.add(self)
        if path is not None:
            self.one("SELECT count(*) FROM record")  # From its first read on, the log is there to be watched.
            self._watch([str(path)] if look else [str(path), f"{path}-wal"])

    def whole(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """All that `work` writes is on file when this returns, or none of it; `work` must use nothing but what it is
        given, for a call to this object would undo it."""
        return self._call(lambda db: self._transaction(db, work), check=True)

    def write(self, statement: str, values: tuple) -> int:
        """How many rows changed."""
        return self._call(lambda db: retried(lambda: db.execute(statement, values).rowcount, self._wait), check=True)

    def all(self, statement: str, *values: Any) -> list[tuple]:
        """Every row."""
        return self._call(lambda db: retried(lambda: self._fetched(db.execute(statement, values)), self._wait))

    def row(self, statement: str, *values: Any) -> tuple | None:
        """The first, if there is any."""
        return self._call(lambda db: retried(lambda: db.execute(statement, values).fetchone(), self._wait))

    def one(self, statement: str, *values: Any) -> tuple:
        """The first; UnknownDecision where there is none."""
        row = self.row(statement, *values)
        if row is None:
            raise UnknownDecision(f"nothing is stored under {values}: the store has been exchanged for another one")
        return row

    def columns(self, statement: str, kinds: str, *values: Any) -> list[np.ndarray]:
        """Every row, column by column; kinds: a letter for each, i 64 bits, f float, s 8 bits."""
        found = self.all(statement, *values)
        columns: Iterable[Any] = zip(*found, strict=True) if found else ([] for _ in kinds)
        with self.reading:
            return [np.array(column, dtype=_TYPES[kind]) for column, kind in zip(columns, kinds, strict=True)]

    def key(self, select: str, insert: str, row: tuple) -> int:
        """The id of a row that is stored once."""

        def stored(db: sqlite3.Connection) -> int:
            found = db.execute(select, row).fetchone()
            return found[0] if found else int(db.execute(insert, row).lastrowid or 0)

        found = self.row(select, *row)
        return found[0] if found else self.whole(stored)

    def count(self, name: str, amount: int) -> int:
        """Add to a counter; what it comes to."""
        return self.whole(lambda db: counted(db, name, amount))

    def check_process(self) -> None:
        """Raises StoreForked in a child of the process that opened the store."""
        if os.getpid() != self._process:
            raise StoreForked(
                f"the store {self._path or 'in memory'} was opened before a fork: open it in the child, or start "
                "workers by spawn, for a connection and reserved ids belong to one process"
            )

    def close(self) -> None:
        """Nothing works afterwards. In a child of the process that opened it, the connection is the parent's."""
        if os.getpid() != self._process:
            return
        with self._lock:
            self._db = None
            self._release()

    def _call(self, work: Callable[[sqlite3.Connection], T], *, check: bool = False) -> T:
        self.check_process()
        with self._lock:  # Python's own: nothing can come between taking it and the promise to release it.
            if self._db is None:
                raise closed(self._path)
            self._steps.fired = 0
            try:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                answer = work(self._db)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                raise translated(error, self._path) from error
            if check:
                self._check_files()
            return answer

    def _fetched(self, cursor: sqlite3.Cursor) -> list[tuple]:
        """All rows. Raises StoreDamaged where they are more than the file has room for."""
        found: list[tuple] = cursor.fetchmany(_FEW_ROWS)
        if self._path is None or len(found) < _FEW_ROWS:
            return found + cursor.fetchall()
        most = self._steps.bytes() // _ROW_BYTES
        found += cursor.fetchmany(max(most - _FEW_ROWS, 0) + 1)
        if len(found) > max(most, _FEW_ROWS):
            raise damaged(self._path, "a page leads back to itself")
        return found

    def _transaction(self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            retried(lambda: db.execute("BEGIN IMMEDIATE"), self._wait)
            answer = work(db)
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
        return answer

    def _watch(self, paths: Iterable[str]) -> None:
        self._files = [(path, _identity(path)) for path in paths]

    def _check_files(self) -> None:
        """What is written to a file without a name is lost: the names must still lead to what was opened."""
        for path, identity in self._files:
            if _identity(path) != identity:
                raise gone(path)


def counted(db: sqlite3.Connection, name: str, amount: int) -> int:
    """As `Database.count`, inside of a transaction."""
    return int(db.execute(_COUNT, (name, amount)).fetchall()[0][0])


def _close(db: sqlite3.Connection, process: int) -> None:
    if os.getpid() == process:
        db.close()


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _abandon() -> None:
    """In a child: never close what the parent has open, not even at exit, for that would undo what it is writing."""
    for database in list(_OPEN):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(database._db))


os.register_at_fork(after_in_child=_abandon)

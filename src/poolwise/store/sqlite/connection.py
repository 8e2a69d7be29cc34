"""A SQLite file that threads share: every call is done or raises StoreError within its time, and the next one works.

Whatever an exception leaves behind, one that a signal handler raises between any two steps included, is undone before
anything else happens: `_call` rolls back what is open, and the lock is one that Python itself releases.
"""

import ctypes
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from poolwise.errors import StoreError, StoreForked
from poolwise.store.base import STALE
from poolwise.store.rows import compressed
from poolwise.store.sql.database import Database, Reading, damaged
from poolwise.store.sql.statements import columns, named, statements, unloading
from poolwise.store.sqlite import together
from poolwise.store.sqlite.connect import Durability, connect
from poolwise.store.sqlite.faults import closed, gone, translated
from poolwise.store.sqlite.retry import retried
from poolwise.store.sqlite.step_limit import Steps

T = TypeVar("T")
_FEW_ROWS, _ROW_BYTES = 5_000, 8
"""Rows that are read without a look at the file's size, and what one takes of it at least."""
_TOGETHER = 100
"""Rows of one statement: each costs more than the row. Less than 1,000 marks suit any build of SQLite."""
_OPEN: "weakref.WeakSet[SqliteDatabase]" = weakref.WeakSet()


class SqliteDatabase(Database):
    """See `Database`. Raises StoreError and its kinds, whatever the driver raises."""

    def __init__(
        self, path: Path | None, seed: int | None, *, wait: float, durability: Durability, look: bool = False
    ) -> None:
        self.sql = statements("sqlite")
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
        return self._call(lambda db: self._transaction(db, work), check=True)

    def write(self, statement: str, values: tuple) -> int:
        return self._call(lambda db: retried(lambda: db.execute(statement, values).rowcount, self._wait), check=True)

    def write_viewed(self, view: tuple, decision: tuple) -> None:
        self.write(together.VIEWED_DECISION, view + decision)

    def all(self, statement: str, *values: Any) -> list[tuple]:
        return self._call(lambda db: retried(lambda: self._fetched(db.execute(statement, values)), self._wait))

    def row(self, statement: str, *values: Any) -> tuple | None:
        return self._call(lambda db: retried(lambda: db.execute(statement, values).fetchone(), self._wait))

    def long_text(self, text: str) -> str | bytes:
        return compressed(text)

    def insert_many(self, db: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        statement = self.sql.DECISION if table == "decision" else self.sql.OUTCOME
        whole = len(rows) // _TOGETHER * _TOGETHER
        for first in range(0, whole, _TOGETHER):
            db.execute(_repeated(statement), list(chain.from_iterable(rows[first : first + _TOGETHER])))
        db.executemany(statement, rows[whole:])

    def snapshot(self, read: Callable[[sqlite3.Connection], T]) -> T:
        def within(db: sqlite3.Connection) -> T:
            db.execute("BEGIN")
            try:
                return read(db)
            finally:
                db.execute("ROLLBACK")

        return self._call(within)

    def unload(self, db: sqlite3.Connection, table: str) -> Iterator[tuple]:
        return db.execute(unloading(table))

    def load(self, db: sqlite3.Connection, table: str, rows: Iterable[tuple]) -> None:
        db.executemany(f"INSERT INTO {table} ({named(table)}) VALUES ({', '.join('?' * len(columns(table)))})", rows)

    @contextmanager
    def unguarded(self, db: sqlite3.Connection, table: str, verb: str) -> Iterator[None]:
        guard = f"{table}_no_{verb}"
        (again,) = db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (guard,)).fetchone()
        db.execute(f"DROP TRIGGER {guard}")
        yield
        db.execute(again)

    def refuse(self, db: sqlite3.Connection, kind: str, code: int) -> None:
        db.execute(
            f"CREATE TRIGGER gone_{kind}_{code} BEFORE INSERT ON decision WHEN new.{kind} = {code}"
            f" BEGIN SELECT RAISE(ABORT, '{STALE}'); END"
        )

    @contextmanager
    def erasing(self, wholly: bool) -> Iterator[None]:
        self.all("PRAGMA secure_delete = ON")
        yield
        if wholly:  # What the log still holds of it is copied into the file, and cut off.
            with suppress(StoreError):
                self.all("PRAGMA wal_checkpoint(TRUNCATE)")

    def check_process(self) -> None:
        if os.getpid() != self._process:
            raise StoreForked(
                f"the store {self._path or 'in memory'} was opened before a fork: open it in the child, or start "
                "workers by spawn, for a connection and reserved ids belong to one process"
            )

    def close(self) -> None:
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


@lru_cache
def _repeated(statement: str) -> str:
    """An insert with marks for so many rows."""
    head, _, marks = statement.partition(" VALUES ")
    return f"{head} VALUES {', '.join([marks] * _TOGETHER)}"


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

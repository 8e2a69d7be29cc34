"""A workspace of a PostgreSQL database that threads share: every transaction is the writer's, and stored once.

Where the connection is lost in the middle of one, it is made again, and the writer's mark says whether it was
committed. If so its answer stands, else it is carried out once more. Whatever else an exception leaves behind ends with
the session.
"""

import json
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg

from poolwise.errors import StoreError, StoreForked
from poolwise.store.databases import Opening
from poolwise.store.postgresql import writer
from poolwise.store.postgresql.faults import closed, translated
from poolwise.store.postgresql.place import Place, place_of
from poolwise.store.postgresql.session import Session
from poolwise.store.sql.database import Database, Reading
from poolwise.store.sql.statements import named, statements, unloading

T = TypeVar("T")
_FEW = 16
"""Rows that are inserted one by one; more are copied."""
_CURSOR, _AT_ONCE = "poolwise", 5_000
_SERIAL = ("record", "policy", "arm_list", "layout")
_ERASED = ("VACUUM FULL name, record, checkpoint", "VACUUM decision, outcome, view")
"""What held names is written anew; the others hold numbers."""


class Transaction:
    """The connection inside of a transaction, with answers as their own types."""

    def __init__(self, db: psycopg.Connection) -> None:
        self._db = db

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> psycopg.Cursor:
        return self._db.execute(statement, values, binary=True)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        if found := list(rows):
            with self._db.cursor() as cursor:
                cursor.executemany(statement, found)

    def stream(self, statement: str) -> Iterator[tuple]:
        """Rows as they are asked for, from a cursor of the server's."""
        with self._db.cursor(_CURSOR, binary=True) as cursor:
            cursor.itersize = _AT_ONCE
            yield from cursor.execute(statement)

    def copy(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Rows in the format of COPY."""
        with self._db.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


class PostgresDatabase(Database):
    """See `Database`. Raises StoreError and its kinds, whatever the driver raises."""

    def __init__(self, place: Place, seed: int | None, *, wait: float, create: bool, look: bool) -> None:
        self.sql, self._name, self._lock = statements("postgresql"), place.name, threading.RLock()
        self._process, self.reading, self._closed = os.getpid(), Reading(place.name), False
        self._session = Session(place, seed, wait=wait, create=create, look=look)
        self._release = weakref.finalize(self, _close, self._session, self._process)

    def whole(self, work: Callable[[Any], T]) -> T:
        def run(db: psycopg.Connection, mark: int) -> T:
            db.execute("BEGIN")
            answers.append(work(Transaction(db)))
            db.execute(f"SELECT fence({self._session.epoch}, {mark}, 0); COMMIT")
            return answers[-1]

        answers: list[T] = []
        return self._stored(run, lambda: answers[-1])

    def write(self, statement: str, values: tuple) -> int:
        return self._write(writer.fenced(statement), values)

    def _write(self, text: str, values: tuple) -> int:
        def run(db: psycopg.Connection, mark: int) -> int:
            with self._session.briefly(db):
                row = db.execute(text, (*values, self._session.epoch, mark), binary=True).fetchone()
            return int(row[0]) if row else 0

        return self._stored(run, lambda: self._session.changed)

    def write_viewed(self, view: tuple, decision: tuple) -> None:
        self._write(writer.fenced(self.sql.DECISION, self.sql.VIEW), view + decision)

    def all(self, statement: str, *values: Any) -> list[tuple]:
        return self._read(lambda db: db.execute(statement, values, binary=True).fetchall())

    def row(self, statement: str, *values: Any) -> tuple | None:
        def read(db: psycopg.Connection) -> tuple | None:
            with self._session.briefly(db):
                return db.execute(statement, values, binary=True).fetchone()

        return self._read(read)

    def long_text(self, text: str) -> str:
        return text

    def insert_many(self, db: Transaction, table: str, rows: Sequence[tuple]) -> None:
        known = ([None if value != value else value for value in row] for row in rows)
        if len(rows) <= _FEW:
            db.executemany(self.sql.DECISION if table == "decision" else self.sql.OUTCOME, known)
            return
        last = self.sql.LAST_DECISION if table == "decision" else self.sql.LAST_OUTCOME
        first = db.execute(last).fetchone()[0] + 1  # type: ignore[index]
        db.copy(f"COPY {table} ({named(table)}) FROM STDIN", ([first + i, *row] for i, row in enumerate(known)))

    def insert_views(self, db: Transaction, rows: Sequence[tuple]) -> None:
        if len(rows) <= _FEW:
            db.executemany(self.sql.VIEW, rows)
            return
        there = set(db.execute(self.sql.VIEWS_AMONG, (json.dumps([row[0] for row in rows]),)).fetchall())
        db.copy(f"COPY view ({named('view')}) FROM STDIN", (row for row in rows if (row[0],) not in there))

    def snapshot(self, read: Callable[[Transaction], T]) -> T:
        def within(db: psycopg.Connection) -> T:
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                return read(Transaction(db))
            finally:
                self._undo(db)

        return self._read(within)

    def unload(self, db: Transaction, table: str) -> Iterator[tuple]:
        return db.stream(unloading(table))

    def load(self, db: Transaction, table: str, rows: Iterable[tuple]) -> None:
        db.copy(f"COPY {table} ({named(table)}) FROM STDIN", rows)
        if table in _SERIAL:
            db.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")

    @contextmanager
    def unguarded(self, db: Transaction, table: str, verb: str) -> Iterator[None]:
        db.execute("SELECT set_config('poolwise.unguarded', %s, true)", (f"{table} {verb}",))
        yield
        db.execute("SELECT set_config('poolwise.unguarded', '', true)")

    def refuse(self, db: Transaction, kind: str, code: int) -> None:
        """Nobody else writes."""

    @contextmanager
    def erasing(self, wholly: bool) -> Iterator[None]:
        yield
        for statement in _ERASED if wholly else ():
            with suppress(StoreError):
                self._read(lambda db, statement=statement: db.execute(statement))  # type: ignore[misc]

    def check_process(self) -> None:
        if os.getpid() != self._process:
            raise StoreForked(
                f"the store {self._name} was opened before a fork: open it in the child, or start workers by spawn, "
                "for a connection and reserved ids belong to one process"
            )

    def close(self) -> None:
        if os.getpid() == self._process:
            with self._lock:
                self._closed = True
                self._release()

    def _read(self, work: Callable[[psycopg.Connection], T]) -> T:
        with self._turn():
            db = self._session.connection()
            try:
                return work(db)
            except psycopg.Error as error:
                _pass_on(error)
                if not self._session.lost:
                    raise translated(error, self._name) from error
            try:
                return work(self._session.connection())
            except psycopg.Error as error:
                raise translated(error, self._name) from error

    def _stored(self, run: Callable[[psycopg.Connection, int], T], found: Callable[[], T]) -> T:
        """Carry a transaction out once. found: its answer where it was committed and the connection lost then."""
        with self._turn():
            for last in (False, True):
                db = self._session.connection()
                mark = self._session.mark + 1
                try:
                    answer = run(db, mark)
                except psycopg.Error as error:
                    _pass_on(error)
                    if not self._session.lost:
                        self._undo(db)
                    elif self._session.committed(mark):
                        return found()
                    elif not last:
                        continue
                    raise translated(error, self._name) from error
                except Exception:
                    self._undo(db)
                    raise
                self._session.mark = mark
                return answer
        raise AssertionError("unreachable")

    def _undo(self, db: psycopg.Connection) -> None:
        with suppress(psycopg.Error):
            db.rollback()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self.check_process()
        with self._lock:
            if self._closed:
                raise closed(self._name)
            try:
                yield
            except Exception:
                raise
            except BaseException:  # A signal's handler raised between any two steps: the session cannot be trusted.
                self._session.drop()
                raise


def _pass_on(error: BaseException) -> None:
    """Raise what a signal's handler has raised inside of the driver, where that failed to tidy up after it."""
    before = error.__context__
    while before is not None:
        if not isinstance(before, Exception):
            raise before
        before = before.__context__


def opened(opening: Opening) -> PostgresDatabase:
    """The workspace that an address names."""
    _, seed, create, look, wait, _ = opening
    return PostgresDatabase(place_of(opening.url), seed, wait=wait, create=create, look=look)


def _close(session: Session, process: int) -> None:
    if os.getpid() == process:
        session.close()

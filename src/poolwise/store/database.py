"""A SQLite file that threads share: one statement at a time, errors in plain words, several statements whole or not."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from poolwise.errors import UnknownDecision
from poolwise.store.connect import PlainErrors, Transaction, connect

_COUNT = (
    "INSERT INTO counter (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value RETURNING value"
)
_TYPES = {"i": np.int64, "f": np.float64, "s": np.int8}


class Database:
    """Raises StoreError and its kinds, whatever the driver raises."""

    def __init__(self, path: str | None, wait: float) -> None:
        self._lock, self._errors = threading.RLock(), PlainErrors(path)
        self._engine = connect(path, wait=wait)
        driver = self._engine.raw_connection().driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self._db, self._transaction = driver, Transaction(driver)

    @contextmanager
    def whole(self) -> Iterator[sqlite3.Connection]:
        """All that is written inside is on file when it ends, or none of it; not to be nested."""
        with self._lock, self._errors, self._transaction:
            yield self._db

    def write(self, statement: str, values: tuple) -> int:
        """How many rows changed."""
        with self._lock, self._errors:
            return self._db.execute(statement, values).rowcount

    def row(self, statement: str, *values: Any) -> tuple | None:
        """The first, if there is any."""
        with self._lock, self._errors:
            return self._db.execute(statement, values).fetchone()

    def one(self, statement: str, *values: Any) -> tuple:
        """The first; UnknownDecision where there is none."""
        row = self.row(statement, *values)
        if row is None:
            raise UnknownDecision(f"nothing is stored under {values}: the store has been exchanged for another one")
        return row

    def all(self, statement: str, *values: Any) -> list[tuple]:
        """Every row."""
        with self._lock, self._errors:
            return self._db.execute(statement, values).fetchall()

    def columns(self, statement: str, kinds: str, *values: Any) -> list[np.ndarray]:
        """Every row, column by column; kinds: a letter for each, i 64 bits, f float, s 8 bits."""
        found = self.all(statement, *values)
        columns: Iterable[Any] = zip(*found, strict=True) if found else ([] for _ in kinds)
        return [np.array(column, dtype=_TYPES[kind]) for column, kind in zip(columns, kinds, strict=True)]

    def key(self, select: str, insert: str, row: tuple) -> int:
        """The id of a row that is stored once."""
        with self.whole() as db:
            found = db.execute(select, row).fetchone()
            return found[0] if found else int(db.execute(insert, row).lastrowid or 0)

    def count(self, name: str, amount: int) -> int:
        """Add to a counter; what it comes to."""
        return self.all(_COUNT, name, amount)[0][0]

    def close(self) -> None:
        """Nothing works afterwards."""
        with self._lock:
            self._db.close()
            self._engine.dispose()

"""What the parts of a store need of a database, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import numpy as np

from poolwise.errors import PoolwiseError, StoreDamaged, UnknownDecision
from poolwise.store.sql.statements import Statements

T = TypeVar("T")
_TYPES = {"i": np.int64, "f": np.float64, "s": np.int8}


class Connection(Protocol):
    """Inside of a transaction."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Any:
        """A cursor: `fetchone`, `fetchall`, `rowcount`, and the rows one by one."""
        ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Any: ...


class Database(ABC):
    """Shared by threads: every call is done or raises StoreError within its time, and the next one works."""

    sql: Statements
    reading: "Reading"

    @abstractmethod
    def whole(self, work: Callable[[Any], T]) -> T:
        """All that `work` writes is stored when this returns, or none of it; `work` must use nothing but the connection
        that it is given, for a call to this object would undo it, and may be called again where nothing was stored."""

    @abstractmethod
    def write(self, statement: str, values: tuple) -> int:
        """How many rows changed."""

    @abstractmethod
    def write_viewed(self, view: tuple, decision: tuple) -> None:
        """Store a decision and the view that it rests on."""

    @abstractmethod
    def all(self, statement: str, *values: Any) -> list[tuple]:
        """Every row."""

    @abstractmethod
    def row(self, statement: str, *values: Any) -> tuple | None:
        """The first, if there is any."""

    @abstractmethod
    def long_text(self, text: str) -> Any:
        """The body of a record as it is stored."""

    @abstractmethod
    def insert_many(self, db: Any, table: str, rows: Sequence[tuple]) -> None:
        """Events in their order: rows of `decision` or `outcome` without their sequence, NaN for NULL, inside of a
        transaction."""

    def insert_views(self, db: Any, rows: Sequence[tuple]) -> None:
        """Views, of which some may be there already; inside of a transaction."""
        db.executemany(self.sql.VIEW, rows)

    @abstractmethod
    def snapshot(self, read: Callable[[Any], T]) -> T:
        """What `read` finds is one state of the store, whatever is written meanwhile."""

    @abstractmethod
    def unload(self, db: Any, table: str) -> Iterator[tuple]:
        """All rows of a table in the order of its key, a few at a time; inside of a transaction or a snapshot."""

    @abstractmethod
    def load(self, db: Any, table: str, rows: Iterable[tuple]) -> None:
        """Rows of a table as `unload` gives them."""

    @abstractmethod
    def unguarded(self, db: Any, table: str, verb: str) -> AbstractContextManager[None]:
        """Inside of a transaction, in which alone a table is not append-only; verb: `update` or `delete`."""

    @abstractmethod
    def refuse(self, db: Any, kind: str, code: int) -> None:
        """Whoever still writes decisions with this name's number is refused: StoreStale."""

    @abstractmethod
    def erasing(self, wholly: bool) -> AbstractContextManager[None]:
        """What is deleted in here is overwritten; wholly: no log of the database holds it either."""

    @abstractmethod
    def check_process(self) -> None:
        """Raises StoreForked in a child of the process that opened the store."""

    @abstractmethod
    def close(self) -> None:
        """Nothing works afterwards. In a child of the process that opened it, the connection is the parent's."""

    def one(self, statement: str, *values: Any) -> tuple:
        """The first row; UnknownDecision where there is none."""
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

        def stored(db: Connection) -> int:
            found = db.execute(select, row).fetchone()
            return int((found or db.execute(insert, row).fetchall()[0])[0])

        found = self.row(select, *row)
        return found[0] if found else self.whole(stored)

    def count(self, name: str, amount: int) -> int:
        """Add to a counter; what it comes to."""
        return self.whole(lambda db: self.counted(db, name, amount))

    def counted(self, db: Connection, name: str, amount: int) -> int:
        """As `count`, inside of a transaction."""
        return int(db.execute(self.sql.COUNT, (name, amount)).fetchall()[0][0])


class Reading:
    """What is no text, number or JSON where one was stored is damage: StoreDamaged."""

    def __init__(self, store: str | None) -> None:
        self._store = store

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError | TypeError | LookupError | OverflowError) and not isinstance(
            error, PoolwiseError
        ):
            text = " ".join(str(error).split())[:200]
            raise damaged(self._store, text) from error


def damaged(store: str | None, text: str) -> StoreDamaged:
    """Of a store that does not hold what was written to it."""
    return StoreDamaged(f"{store} is damaged ({text}): restore it from a backup")

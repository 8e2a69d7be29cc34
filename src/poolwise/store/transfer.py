"""A whole store moved to another database, as one: all rows of it, as they were in one moment, or nothing."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from poolwise.errors import InputError, StoreDamaged, StoreError
from poolwise.store.addresses import without_password
from poolwise.store.databases import Opening, opened
from poolwise.store.rows import record_text
from poolwise.store.sql.database import Connection, Database
from poolwise.store.sql.statements import columns, keys
from poolwise.store.sqlite import place
from poolwise.store.sqlite.create import draft_of, publish, sweep

_DRAFT = "copy"
_OWN = {"record": ("home",), "counter": ("opened",)}
"""Rows that say something of the file, not of the store."""


class Table(NamedTuple):
    """What was moved, and found at the other end."""

    rows: int
    checksum: str


def transfer(source: str, target: str, wait: float = 1.0) -> dict[str, Table]:
    """Move the store at one address to another one, where none may be; by table, what was moved. Others may use the
    source meanwhile: what they add is not moved.

    Raises InputError where there is no source, StoreError where there is a target, and StoreDamaged where what is read
    back there is not what was moved; then nothing is there.
    """
    if "memory" in (source.partition(":")[0], target.partition(":")[0]):
        raise InputError("a store in memory ends with its process: move one from a file or a server to another")
    origin = opened(Opening(source, look=True, lock_wait=wait))
    try:
        path = place.path_of(target)
        return _to_server(origin, target, wait) if path is None else _to_file(origin, path, wait)
    finally:
        origin.close()


def _to_server(origin: Database, target: str, wait: float) -> dict[str, Table]:
    database = opened(Opening(target, lock_wait=wait))
    try:
        return _moved(origin, database, without_password(target))
    finally:
        database.close()


def _to_file(origin: Database, path: Path, wait: float) -> dict[str, Table]:
    if place.exists(path):
        raise StoreError(f"{path} exists: give another name, or move it away first")
    place.check_new(path)
    sweep(path, wait, _DRAFT)
    draft = draft_of(path, _DRAFT)
    try:
        database = opened(Opening(f"sqlite:///{draft}", lock_wait=wait))
        try:
            found = _moved(origin, database, str(path))
        finally:
            database.close()
        publish(draft, path)
    except OSError as error:
        raise StoreError(f"{path} could not be written ({error.strerror}): give another place") from error
    finally:
        for end in ("", "-wal", "-shm"):
            draft.with_name(draft.name + end).unlink(missing_ok=True)
    return found


def _moved(origin: Database, target: Database, name: str) -> dict[str, Table]:
    def read(there: Connection) -> dict[str, Table]:
        return target.whole(lambda here: _filled(origin, there, target, here, name))

    return origin.snapshot(read)


def _filled(origin: Database, there: Connection, target: Database, here: Connection, name: str) -> dict[str, Table]:
    """Inside of a transaction on either side."""
    _check_empty(target, here, name)
    with target.unguarded(here, "record", "delete"):
        here.execute("DELETE FROM record")
    here.execute("DELETE FROM counter")
    found = {}
    for table in keys():
        moving = _Digest(_rows(origin, there, table))
        target.load(here, table, (_stored(target, table, row) for row in moving))
        arrived = _Digest(_rows(target, here, table))
        for _ in arrived:
            pass
        if arrived.summary() != moving.summary():
            raise StoreDamaged(f"table {table} did not arrive in {name} as it was: nothing was moved")
        found[table] = moving.summary()
    return found


def _check_empty(target: Database, db: Connection, name: str) -> None:
    for table in keys():
        rows = [row for row in _rows(target, db, table) if table != "record" or row[1] != "store"]
        if table != "counter" and rows:
            raise StoreError(f"{name} holds a store already, in which something was kept: name another workspace")


def _rows(database: Database, db: Connection, table: str) -> Iterator[tuple]:
    """As they are compared: bodies of records as text."""
    kind, body = columns(table).index("kind") if table == "record" else 0, len(columns(table)) - 1
    for row in database.unload(db, table):
        if row[kind] in _OWN.get(table, ()):
            continue
        yield (*row[:body], record_text(row[body])) if table == "record" else row


def _stored(target: Database, table: str, row: tuple) -> tuple[Any, ...]:
    return (*row[:-1], target.long_text(row[-1])) if table == "record" else row


class _Digest:
    """Counts rows and their bytes on their way."""

    def __init__(self, rows: Iterable[tuple]) -> None:
        self._rows, self._count, self._digest = rows, 0, hashlib.blake2b(digest_size=16)

    def __iter__(self) -> Iterator[tuple]:
        for row in self._rows:
            self._count += 1
            self._digest.update(repr(row).encode())
            yield row

    def summary(self) -> Table:
        """Of those that have gone by."""
        return Table(self._count, self._digest.hexdigest())

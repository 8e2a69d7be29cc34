"""Opening a SQLite file: made where there is none, refused where it is not ours, brought to this version."""

import re
import sqlite3
from pathlib import Path
from typing import Any, Literal

from poolwise.errors import StoreDamaged, StoreError, StoreNewer, StoreReadOnly
from poolwise.lazy import Lazy
from poolwise.store.sql.statements import HEAD
from poolwise.store.sqlite import home, place, together
from poolwise.store.sqlite.create import create, sweep
from poolwise.store.sqlite.faults import translated
from poolwise.store.sqlite.retry import retried

image: Any = Lazy("poolwise.store.sqlite.image")
"""Alembic and SQLAlchemy make and upgrade files; one that is up to date is opened without them."""
Durability = Literal["process", "power"]
_SYNCHRONOUS = {"process": "NORMAL", "power": "FULL"}
_LOG_PAGES = 2048
"""Pages of 4 KiB in the write-ahead log before they are copied into the file, for which the call that wrote the last of
them waits: small commits write the same few pages over and over, so a longer log saves copying, and makes longer
pauses, 10 ms of the processor for 8192."""


def connect(
    path: Path | None, *, seed: int | None = None, wait: float, durability: Durability = "process", look: bool = False
) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time; None: in memory. look: only to read, wherever that is.

    Raises StoreError and its kinds; a file that is refused is left as it was.
    """
    if path is None:
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        image.build(db, seed)
        db.executescript(together.TOGETHER)
        return db
    try:
        return _looking(path, wait) if look else _writable(path, seed, wait, durability)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise translated(error, str(path)) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be reached ({error.strerror}): check the path, or give another one") from error


def _writable(
    path: Path, seed: int | None, wait: float, durability: Durability, look: bool = False
) -> sqlite3.Connection:
    if not place.exists(path):
        create(path, seed, wait)
    place.inspect(path)
    place.check_writable(path)
    sweep(path, wait)
    db = _opened(path, "rw")
    try:
        retried(lambda: _prepare(db, path, durability), wait)
        retried(lambda: _migrate(db, path), wait)
        retried(lambda: db.executescript(together.TOGETHER), wait)
        if not look:
            home.settle(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _looking(path: Path, wait: float) -> sqlite3.Connection:
    try:
        db = _writable(path, None, wait, "process", look=True)
    except StoreReadOnly:
        return _read_only(path, wait)
    db.execute("PRAGMA query_only=ON")
    return db


def _read_only(path: Path, wait: float) -> sqlite3.Connection:
    """Where nothing can be written beside the file, it is read as what cannot change, unless its log holds more."""
    place.inspect(path)
    waiting = place.size(f"{path}-wal")
    try:
        place.check_writable(path)
        alone = False
    except StoreReadOnly:
        alone = not Path(f"{path}-shm").exists()
        if alone and waiting:
            raise StoreReadOnly(
                f"{path}-wal holds events that {path.name} lacks, and may not be read where it is: copy both elsewhere"
            ) from None
    db = _opened(path, "ro&immutable=1" if alone else "ro")
    try:
        if (found := retried(lambda: _version(db), wait)) != HEAD:
            _refuse_newer(path, found)
            raise StoreReadOnly(f"{path} is of an older version and may not be written: copy it, and open the copy")
    except BaseException:
        db.close()
        raise
    return db


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        place.address(path, mode), uri=True, timeout=0, isolation_level=None, check_same_thread=False
    )


def _prepare(db: sqlite3.Connection, path: Path, durability: Durability) -> None:
    (journal,) = db.execute("PRAGMA journal_mode=WAL").fetchone()
    if journal != "wal":
        raise StoreError(f"the disk of {path} cannot share a write-ahead log: put the store on a local disk")
    for pragma in (f"synchronous={_SYNCHRONOUS[durability]}", "temp_store=MEMORY", f"wal_autocheckpoint={_LOG_PAGES}"):
        db.execute(f"PRAGMA {pragma}")


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the schema to this version; a newer one is refused."""
    found = _version(db)
    if found != HEAD:
        _refuse_newer(path, found)
        image.upgrade(db)


def _version(db: sqlite3.Connection) -> str:
    rows = db.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(rows[0][0]) if len(rows) == 1 else ""


def _refuse_newer(path: Path, found: str) -> None:
    if not re.fullmatch(r"\d{4}", found):
        raise StoreDamaged(f"{path} has lost its version ({found!r}): restore it from a backup")
    if found > HEAD:
        raise StoreNewer(
            f"{path} was written by a newer Poolwise (schema {found}, this one knows {HEAD}): upgrade Poolwise"
        )

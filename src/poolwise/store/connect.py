"""Opening a SQLite file safely: what is wrong with it is said before anything is written to it."""

import os
import secrets
import sqlite3
import struct
import threading
from contextlib import suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from poolwise.errors import StoreDamaged, StoreError, StoreLocked, StoreNewer, StoreReadOnly
from poolwise.store.tables import HEAD

_WAIT_SECONDS = 10.0
_LOG_PAGES = 8192
"""Pages of 4 KiB in the write-ahead log before they are copied into the file, which waits for the disk: small commits
write the same few pages over and over, so a longer log saves most of that copying."""
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=OFF",
    "temp_store=MEMORY",
    f"wal_autocheckpoint={_LOG_PAGES}",
)
_ALEMBIC = threading.Lock()
"""Alembic keeps its context in global variables."""
_HEADER = b"SQLite format 3\x00"


def connect(path: str | None, *, wait: float = _WAIT_SECONDS) -> Engine:
    """An engine with one connection: write-ahead log, durable against a killed process; None: in memory.

    Raises StoreError and its kinds; the file is left as it was.
    """
    if path is not None:
        inspect_file(Path(path))
        if not Path(path).exists():
            create(Path(path), wait)
    engine = _engine(path, wait)
    with PlainErrors(path):
        migrate(engine, path)
    return engine


def create(path: Path, wait: float) -> None:
    """A new store gets its name once it is whole, so that a process killed meanwhile leaves no damaged one there."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    engine = _engine(str(draft), wait)
    try:
        with PlainErrors(str(path)):
            migrate(engine, str(path))
        engine.dispose()
        with suppress(FileExistsError):  # Another process was first: that store serves.
            os.link(draft, path)
    except OSError as error:
        raise StoreError(f"{path} could not be created ({error.strerror}): put the store on a local disk") from error
    finally:
        engine.dispose()
        draft.unlink(missing_ok=True)


def _engine(path: str | None, wait: float) -> Engine:
    url = "sqlite://" if path is None else f"sqlite:///{path}"
    engine = create_engine(
        url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": wait, "isolation_level": None}
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def migrate(engine: Engine, path: str | None) -> None:
    """Bring the schema to this version in one transaction; a newer one is refused."""
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        known = driver.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        found = driver.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
        if found and found[0] == HEAD:
            return
        if found and found[0] > HEAD:
            raise StoreNewer(
                f"{path} was written by a newer Poolwise (schema {found[0]}, this one knows {HEAD}): upgrade Poolwise"
            )
        tables = driver.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]
        if tables and not found:
            raise StoreDamaged(f"{path} is a SQLite file but no Poolwise store: give another path")
        driver.execute("BEGIN IMMEDIATE")
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        try:
            with _ALEMBIC:
                command.upgrade(config, HEAD)
            connection.commit()
            if driver.in_transaction:
                driver.execute("COMMIT")
        except BaseException:
            if driver.in_transaction:
                driver.execute("ROLLBACK")
            raise


def inspect_file(path: Path) -> None:
    """Refuse what cannot be a store that we may write, before SQLite touches it."""
    if not path.parent.is_dir():
        raise StoreError(f"folder {path.parent} does not exist: create it, or give another path for the store")
    if path.is_dir():
        raise StoreError(f"{path} is a folder: give the path of a file, for instance {path / 'poolwise.db'}")
    if not path.exists():
        if not os.access(path.parent, os.W_OK):
            raise StoreReadOnly(f"folder {path.parent} may not be written: give another path for the store")
        return
    if not os.access(path, os.W_OK):
        raise StoreReadOnly(f"{path} may not be written: change its permissions, or copy it elsewhere")
    _inspect_header(path)


def _inspect_header(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(_HEADER):
        raise StoreDamaged(f"{path} is no SQLite file ({path.stat().st_size} bytes): restore it from a backup")
    page, pages = struct.unpack(">H", header[16:18])[0], struct.unpack(">I", header[28:32])[0]
    expected = (65536 if page == 1 else page) * pages
    if path.stat().st_size < expected and not Path(f"{path}-wal").exists():
        raise StoreDamaged(f"{path} is truncated ({path.stat().st_size} of {expected} bytes): restore it from a backup")


class PlainErrors:
    """Driver errors as errors of our tree, in one line."""

    def __init__(self, path: str | None) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error | DBAPIError):
            raise translated(error, self._path) from error


class Transaction:
    """All that is written inside is on file when it ends, or none of it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def translated(error: Exception, path: str | None) -> StoreError:
    """What a driver's error means for the owner of the store."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause)
    if "locked" in text or "busy" in text:
        return StoreLocked(f"{path} is locked by another process: wait for it, or stop it, and try again")
    if "readonly" in text or "read-only" in text:
        return StoreReadOnly(f"{path} may not be written ({text}): change its permissions, or copy it elsewhere")
    if "not a database" in text or "malformed" in text or "disk image" in text:
        return StoreDamaged(f"{path} is damaged ({text}): restore it from a backup")
    if "full" in text:
        return StoreError(f"{path} could not grow ({text}): free some disk space and try again")
    return StoreError(f"{path} cannot be used ({text}): check the path, or give another one")

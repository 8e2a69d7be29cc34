"""What a driver's error means for the owner of a store."""

import os
import sqlite3

from poolwise.errors import (
    StoreClosed,
    StoreError,
    StoreFull,
    StoreGone,
    StoreLocked,
    StoreReadOnly,
    StoreStale,
)
from poolwise.store.base import STALE
from poolwise.store.sql.database import damaged

BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
"""Primary codes of what passes by itself: another connection is writing, or recovers the log."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_INTERRUPT}
"""Nobody interrupts but `step_limit.Steps`."""


def primary(error: BaseException) -> int:
    """SQLite's code without what it adds for detail; -1 where the error is not SQLite's."""
    return getattr(error, "sqlite_errorcode", -1) & 0xFF


def translated(error: Exception, path: str | None) -> StoreError:
    """The same as an error of our tree, in one line: what, why, what to do."""
    code, text = primary(error), str(error)
    if code in BUSY:
        return StoreLocked(f"{path} is locked by another process: try again, raise lock_wait, or stop that process")
    if code == sqlite3.SQLITE_READONLY or (code == sqlite3.SQLITE_IOERR and _unwritable(path)):
        return StoreReadOnly(f"{path} may not be written ({text}): change its permissions, or copy it elsewhere")
    if code in _DAMAGED or "decode" in text:
        return damaged(path, text)
    if code == sqlite3.SQLITE_FULL or _full(path):
        return StoreFull(f"{path} could not grow, the disk is full: free some space and try again")
    if STALE in text:
        return StoreStale(f"{path}: {text}: call refresh, and try again")
    if "closed database" in text:
        return closed(path)
    if path is not None and not os.path.exists(path):
        return gone(path)
    return StoreError(f"{path} cannot be used ({text}): check the path and the disk, or give another one")


def _unwritable(path: str | None) -> bool:
    """Whether a file that is there became read-only, or the disk that it lies on."""
    files = [path, f"{path}-wal"] if path else []
    return any(os.path.exists(file) and not os.access(file, os.W_OK) for file in files)


def gone(path: str) -> StoreGone:
    """Of a file that is no longer what was opened."""
    return StoreGone(f"{path} was removed or exchanged while it was open: put it back, or open the store anew")


def closed(path: str | None) -> StoreClosed:
    """Of a store that was closed."""
    return StoreClosed(f"the store {path or 'in memory'} is closed: open it again")


def _full(path: str | None) -> bool:
    """Some failures to grow, of the shared index for one, say no more than that input or output failed."""
    try:
        return path is not None and os.statvfs(os.path.dirname(path)).f_bavail == 0
    except OSError:
        return False

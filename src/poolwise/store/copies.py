"""A whole copy of a store while others write to it, under its name only once it is complete and found sound."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from poolwise.errors import StoreDamaged, StoreError
from poolwise.store import place
from poolwise.store.create import draft_of, publish, sweep
from poolwise.store.faults import translated

_PAGES = -1
"""All at once: what is read is one state of the store, whatever is written meanwhile."""


def copy(source: Path, target: Path, wait: float = 1.0) -> int:
    """Copy a store to where nothing is; the bytes of the copy. Both may be in use by others.

    Raises StoreError and its kinds where one is no store, the other exists, or the copy is not sound; then nothing is
    at `target`.
    """
    place.inspect(source)
    if place.exists(target):
        raise StoreError(f"{target} exists: give another name, or move it away first")
    place.check_new(target)
    sweep(target, wait)
    draft = draft_of(target)
    try:
        _copied(source, draft)
        _check(draft, target)
        publish(draft, target)
    except OSError as error:
        raise StoreError(f"{target} could not be written ({error.strerror}): give another place") from error
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def _copied(source: Path, draft: Path) -> None:
    """Page by page, the events included that are only in the log yet."""
    try:
        with closing(sqlite3.connect(_readable(source), uri=True)) as db, closing(sqlite3.connect(draft)) as copy:
            copy.execute("PRAGMA synchronous=OFF")
            db.backup(copy, pages=_PAGES)
    except sqlite3.Error as error:
        raise translated(error, str(draft if draft.exists() else source)) from error


def _readable(source: Path) -> str:
    """Beside a file that nothing may be written to, SQLite has no place for its index."""
    fixed = not os.access(source.parent, os.W_OK) and not place.size(f"{source}-wal")
    return place.address(source, "ro&immutable=1" if fixed else "ro")


def _check(draft: Path, target: Path) -> None:
    """SQLite's check of every page and index."""
    with closing(sqlite3.connect(place.address(draft, "ro&immutable=1"), uri=True)) as db:
        try:
            found = db.execute("PRAGMA integrity_check(1)").fetchall()
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(f"the copy for {target} is not sound ({error}): the store is damaged") from error
    if found != [("ok",)]:
        raise StoreDamaged(f"the copy for {target} is not sound ({found[0][0]}): the store is damaged")

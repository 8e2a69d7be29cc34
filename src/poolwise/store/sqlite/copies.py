"""A whole copy of a store while others write to it, under its name only once it is complete and found sound."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from poolwise.errors import StoreDamaged, StoreError
from poolwise.store.sqlite import place
from poolwise.store.sqlite.create import draft_of, publish, sweep
from poolwise.store.sqlite.faults import translated
from poolwise.store.sqlite.home import move

_DRAFT = "copy"
"""Ends the name of a copy that is not whole yet; the next copy to the same place removes what a killed one left."""
_PAGES = -1
"""All at once: what is read is one state of the store, whatever is written meanwhile."""


def copy(source: Path, target: Path, wait: float = 1.0) -> None:
    """Copy a store to where nothing is. Others may use it meanwhile.

    Raises StoreError and its kinds where one is no store, the other exists, or the copy is not sound; then nothing is
    at `target`.
    """
    place.inspect(source)
    if place.exists(target):
        raise StoreError(f"{target} exists: give another name, or move it away first")
    place.check_new(target)
    sweep(target, wait, _DRAFT)
    draft = draft_of(target, _DRAFT)
    try:
        _copied(source, draft, target)
        _check(draft, target)
        publish(draft, target)
    except OSError as error:
        raise StoreError(f"{target} could not be written ({error.strerror}): give another place") from error
    finally:
        draft.unlink(missing_ok=True)


def _copied(source: Path, draft: Path, target: Path) -> None:
    """Page by page, the events included that are only in the log yet."""
    try:
        with closing(sqlite3.connect(_readable(source), uri=True)) as db, closing(sqlite3.connect(draft)) as copy:
            copy.execute("PRAGMA journal_mode=OFF")
            copy.execute("PRAGMA synchronous=OFF")
            db.backup(copy, pages=_PAGES)
            move(copy, target)
            copy.commit()
    except sqlite3.Error as error:
        raise translated(error, str(draft if draft.exists() else source)) from error


def _readable(source: Path) -> str:
    """As any reader where that is possible: one that may not write leaves its log and index behind."""
    if os.access(source.parent, os.W_OK) and os.access(source, os.W_OK):
        return place.address(source, "rw")
    return place.address(source, "ro" if place.size(f"{source}-wal") else "ro&immutable=1")


def _check(draft: Path, target: Path) -> None:
    """SQLite's check of every page and index."""
    with closing(sqlite3.connect(place.address(draft, "ro&immutable=1"), uri=True)) as db:
        try:
            found = db.execute("PRAGMA integrity_check(1)").fetchall()
        except sqlite3.DatabaseError as error:
            raise StoreDamaged(f"the copy for {target} is not sound ({error}): the store is damaged") from error
    if found != [("ok",)]:
        raise StoreDamaged(f"the copy for {target} is not sound ({found[0][0]}): the store is damaged")

"""Plain copies of a store in use: what a file manager or a backup script makes, without the log that lies beside it.

A store says where it lives and how often it was opened, and that is in the file itself before anything else is written.
A file that lives elsewhere, and is byte for byte the one that its original still has in use, was copied since that was
opened last: what it lacks is exactly what the original's log holds, and is taken from there. Any other copy is left as
it is; `poolwise backup` makes whole ones.
"""

import json
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from poolwise.store.sqlite import place

RECORD = "home"
_HOME = "SELECT body FROM record WHERE kind = 'home' ORDER BY id DESC LIMIT 1"
_OPENED = "INSERT INTO counter VALUES ('opened', 1) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
_BLOCK = 1 << 20


def settle(db: sqlite3.Connection, path: Path) -> None:
    """Complete a plain copy, and say where the store lives and that it was opened, where it can be written to now."""
    with suppress(sqlite3.OperationalError):
        if (home := _home(db)) != path:
            if home is not None and _in_use(home) and _same(home, path):
                with closing(sqlite3.connect(place.address(home, "rw"), uri=True)) as original:
                    original.backup(db)
            move(db, path)
        db.execute(_OPENED)
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")


def move(db: sqlite3.Connection, path: Path) -> None:
    """Say where the store lives from now on."""
    db.execute("INSERT INTO record (kind, body) VALUES (?, ?)", (RECORD, json.dumps({"path": str(path)})))


def _home(db: sqlite3.Connection) -> Path | None:
    """None where it was never said, or its record is damaged."""
    row = db.execute(_HOME).fetchone()
    try:
        return Path(json.loads(row[0])["path"]) if row else None
    except (KeyError, TypeError, ValueError):
        return None


def _in_use(path: Path) -> bool:
    return place.size(str(path)) > 0 and place.size(f"{path}-wal") > 0


def _same(path: Path, other: Path) -> bool:
    """Whether two files hold the same bytes and are two."""
    if os.path.samefile(path, other) or place.size(str(path)) != place.size(str(other)):
        return False
    with path.open("rb") as one, other.open("rb") as two:
        while block := one.read(_BLOCK):
            if block != two.read(_BLOCK):
                return False
    return True

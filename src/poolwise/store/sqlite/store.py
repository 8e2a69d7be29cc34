"""A store in a SQLite file, or in memory."""

from pathlib import Path

from poolwise.store.sql.store import SqlStore
from poolwise.store.sqlite.connect import Durability
from poolwise.store.sqlite.connection import SqliteDatabase


def sqlite_store(
    path: Path | str | None,
    *,
    seed: int | None = None,
    wait: float = 1.0,
    durability: Durability = "process",
    look: bool = False,
) -> SqlStore:
    """Other processes may write the same file. See `open_store`."""
    place = Path(path) if path else None
    return SqlStore(SqliteDatabase(place, seed, wait=wait, durability=durability, look=look), look=look)

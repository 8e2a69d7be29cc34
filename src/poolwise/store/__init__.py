"""Stores: append-only logs of decisions and outcomes behind one protocol."""

from importlib import import_module
from pathlib import Path

from poolwise.errors import InputError
from poolwise.store.base import DecisionColumns, OutcomeColumns, Store
from poolwise.store.memory import MemoryStore

__all__ = ["DecisionColumns", "MemoryStore", "OutcomeColumns", "Store", "open_store"]


def open_store(url: str, *, seed: int | None = None, create: bool = True) -> Store:
    """`sqlite:///file.db` (a path after three slashes; four for an absolute one), `sqlite://` or `memory://`.

    seed: of a store that is created here (drawn when None); one that exists keeps its own. Raises StoreError, and
    InputError for a URL of no known kind, or of no file where `create` is false. The database library is imported only
    when a file is opened.
    """
    if url == "memory://":
        return MemoryStore(seed)
    kind, slashes, path = url.partition("://")
    if kind != "sqlite" or not slashes or (path and not path.startswith("/")):
        raise InputError(f"store {url!r} is of no known kind: use sqlite:///file.db or memory://")
    if path and not create and not Path(path[1:]).exists():
        raise InputError(f"there is no store {path[1:]}: check the path; `poolwise decide` and `run` create one")
    sqlite = import_module("poolwise.store.sqlite")
    store: Store = sqlite.SqliteStore(path[1:] or None, seed=seed)
    return store

"""Stores: append-only logs of decisions and outcomes behind one protocol."""

from importlib import import_module
from typing import Literal, NamedTuple

from poolwise.errors import InputError
from poolwise.inputs import conforming, whole
from poolwise.store.base import Checkpoint, DecisionColumns, OutcomeColumns, Store
from poolwise.store.memory import MemoryStore
from poolwise.store.read_only import looking
from poolwise.store.sqlite.place import exists, path_of

__all__ = ["Checkpoint", "DecisionColumns", "MemoryStore", "OutcomeColumns", "Store", "open_store", "path_of"]


class Opening(NamedTuple):
    """How a store is opened; see `open_store`."""

    url: str
    seed: int | None
    create: bool
    look: bool
    lock_wait: float
    durability: Literal["process", "power"]


def open_store(
    url: str,
    *,
    seed: int | None = None,
    create: bool = True,
    look: bool = False,
    lock_wait: float = 1.0,
    durability: str = "process",
) -> Store:
    """`sqlite:///file.db` (a path after three slashes; four for an absolute one), `sqlite://` or `memory://`.

    seed: of a store that is created here (drawn when None); one that exists keeps its own. look: change nothing, which
    works where nothing may be written, too. lock_wait: seconds for which
    a call waits for another process that writes, before it raises StoreLocked. durability: what was acknowledged
    survives the end of the `process`, however it ends, or the loss of `power` too, for which every call waits for the
    disk. Raises StoreError, and InputError for a URL of no known kind, or of no file where `create` is false. The
    database library is imported only when a file is opened.
    """
    kept = Opening(url, seed, create, look, lock_wait, durability)  # type: ignore[arg-type]
    url, seed, create, look, lock_wait, durability = conforming(kept, InputError, "the store's ")
    if lock_wait < 0:
        raise InputError(f"lock_wait {lock_wait!r} must be a number of seconds, 0 or more")
    if seed is not None:
        whole("seed", seed, 0, 2**63 - 1)
    if url == "memory://":
        return MemoryStore(seed)
    path = path_of(url)
    if path is not None and (look or not create) and not exists(path):
        raise InputError(f"there is no store {path}: check the path; `poolwise decide` and `run` create one")
    sqlite = import_module("poolwise.store.sqlite.store")
    store: Store = sqlite.sqlite_store(path, seed=seed, wait=lock_wait, durability=durability, look=look)
    return looking(store) if look else store

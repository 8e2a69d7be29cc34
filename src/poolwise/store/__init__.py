"""Stores: append-only logs of decisions and outcomes behind one protocol."""

from poolwise.errors import InputError
from poolwise.inputs import conforming, whole
from poolwise.store.addresses import SERVER
from poolwise.store.alone import alone
from poolwise.store.base import Checkpoint, DecisionColumns, OutcomeColumns, Store
from poolwise.store.databases import Opening, opened
from poolwise.store.memory import MemoryStore
from poolwise.store.read_only import looking
from poolwise.store.sql.store import SqlStore
from poolwise.store.sqlite.place import path_of

__all__ = ["Checkpoint", "DecisionColumns", "MemoryStore", "OutcomeColumns", "Store", "open_store", "path_of"]


def open_store(
    url: str,
    *,
    seed: int | None = None,
    create: bool = True,
    look: bool = False,
    lock_wait: float = 1.0,
    durability: str = "process",
) -> Store:
    """`sqlite:///file.db` (a path after three slashes; four for an absolute one), `sqlite://`, `memory://`, or
    `postgresql://user@host:port/database?workspace=name`, where every commit is as durable as the server makes it.

    seed: of a store that is created here (drawn when None); one that exists keeps its own. look: change nothing, which
    works where nothing may be written, too. lock_wait: seconds for which
    a call waits for another process that writes, before it raises StoreLocked. durability: what was acknowledged
    survives the end of the `process`, however it ends, or the loss of `power` too, for which every call waits for the
    disk. Raises StoreError, and InputError for a URL of no known kind, or of no file where `create` is false. The
    database library is imported only when a file is opened.
    """
    kept = conforming(Opening(url, seed, create, look, lock_wait, durability), InputError, "the store's ")  # type: ignore[arg-type]
    url, seed, look, lock_wait = kept.url, kept.seed, kept.look, kept.lock_wait
    if lock_wait < 0:
        raise InputError(f"lock_wait {lock_wait!r} must be a number of seconds, 0 or more")
    if seed is not None:
        whole("seed", seed, 0, 2**63 - 1)
    if url == "memory://":
        return MemoryStore(seed)
    store = SqlStore(opened(kept), look=look)
    if look:
        return looking(store)
    return alone(store) if url.startswith(SERVER) else store

"""A new store gets its name once it is whole, whoever is first; a process killed meanwhile leaves no damaged one."""

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from poolwise.errors import StoreError, StoreFull, StoreLocked, StoreReadOnly
from poolwise.lazy import Lazy
from poolwise.store.sqlite import place

image: Any = Lazy("poolwise.store.sqlite.image")

_PAUSE = 0.002
_TOKEN = 4


def create(path: Path, seed: int | None, wait: float) -> None:
    """Make an empty store unless there is one by now. Raises StoreError and its kinds."""
    place.check_new(path)
    place.check_writable(path)
    data = image.image(seed)  # Not in turn: whoever waits for it would wait for everybody's.
    try:
        with _turn(path.parent, wait):
            if place.exists(path):
                return
            place.check_new(path)
            Path(f"{path}-shm").unlink(missing_ok=True)
            _put(path, data)
    except OSError as error:
        if error.errno == 28:
            raise StoreFull(f"{path} could not be created, the disk is full: free some space and try again") from error
        if error.errno == 30:
            raise StoreReadOnly(f"{path} could not be created, the disk is read-only: give another path") from error
        raise StoreError(f"{path} could not be created ({error.strerror}): put the store on a local disk") from error


def sweep(path: Path, wait: float, end: str = "new") -> None:
    """Remove drafts that killed processes have left beside a store."""
    drafts = list(_drafts(path, end))
    if drafts:
        with suppress(OSError, StoreLocked), _turn(path.parent, wait):
            for draft in drafts:
                draft.unlink(missing_ok=True)


def _put(path: Path, data: bytes) -> None:
    for stale in _drafts(path, "new"):
        stale.unlink(missing_ok=True)
    draft = draft_of(path)
    try:
        draft.write_bytes(data)
        with suppress(FileExistsError):  # Somebody without our lock was first: what that is will be seen.
            publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def draft_of(path: Path, end: str = "new") -> Path:
    """A name beside the file, for what is not whole yet."""
    return path.with_name(f"{path.name}.{secrets.token_hex(_TOKEN)}.{end}")


def publish(draft: Path, path: Path) -> None:
    """Give a whole file its name, on disk when this returns. Raises FileExistsError."""
    _synchronise(draft)
    os.link(draft, path)
    _synchronise(path.parent)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _drafts(path: Path, end: str) -> Iterator[Path]:
    """Only names that `draft_of` gives."""
    ours = re.compile(re.escape(path.name) + rf"\.[0-9a-f]{{{2 * _TOKEN}}}\.{end}")
    with os.scandir(path.parent) as entries:
        yield from [path.with_name(entry.name) for entry in entries if ours.fullmatch(entry.name)]


@contextmanager
def _turn(folder: Path, wait: float) -> Iterator[None]:
    """Of the processes that create stores in a folder, one at a time. The lock is the folder's own: closing any other
    file of a store would drop the locks that SQLite holds on it."""
    descriptor, deadline = os.open(folder, os.O_RDONLY), time.monotonic() + wait
    try:
        while not _locked(descriptor):
            if time.monotonic() > deadline:
                raise StoreLocked(f"folder {folder} is locked by a process that creates a store: try again")
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Where a disk knows no such locks, the name alone decides who was first."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True

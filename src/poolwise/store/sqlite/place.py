"""What lies at the path of a store: said before SQLite touches it, so that what is not ours stays as it was."""

import os
import sqlite3
import stat
import struct
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from poolwise.errors import InputError, StoreDamaged, StoreError, StoreForeign, StoreReadOnly
from poolwise.names import shown
from poolwise.store.addresses import SERVER, without_password

APPLICATION = 0x506F6F6C
"""`PRAGMA application_id` of our files: "Pool"."""
_MAGIC = b"SQLite format 3\x00"
_OURS = {"name", "policy", "arm_list", "view", "decision", "outcome", "record", "counter"}
"""Tables of a store that was written before stores said whose they are."""


class Header(NamedTuple):
    """What a SQLite file says of itself in its first 100 bytes."""

    page: int
    pages: int
    application: int


def path_of(url: str) -> Path | None:
    """Where `sqlite:///file.db` lies, symbolic links resolved; None: in memory (`sqlite://`, `sqlite:///:memory:`), or
    on a server.

    Everything after the third slash is the path as it is: `?`, `%`, `#` and blanks mean nothing else.

    >>> path_of("sqlite:////tmp/what?.db")
    PosixPath('/tmp/what?.db')
    """
    if not isinstance(url, str):
        raise InputError(f"the address of a store is text such as sqlite:///file.db, got {shown(url)}")
    if url.startswith(SERVER):
        return None
    kind, slashes, rest = url.partition("://")
    if kind != "sqlite" or not slashes or (rest and not rest.startswith("/")):
        raise InputError(
            f"store {shown(without_password(url))} is of no known kind: use sqlite:///file.db, memory:// or "
            "postgresql://host/database?workspace=name"
        )
    if rest in ("", "/:memory:"):
        return None
    if "\x00" in rest:
        raise InputError(f"store {shown(url)} has a NUL character in its path: leave it out")
    if rest == "/":
        raise InputError(f"store {shown(url)} names no file: use sqlite:///file.db, or sqlite:// for one in memory")
    try:
        return Path(os.path.realpath(rest[1:]))
    except (OSError, ValueError) as error:
        raise StoreError(f"the path of store {shown(url)} cannot be followed ({error}): give another one") from error


def exists(path: Path) -> bool:
    """Whether anything is there. Raises StoreError where that cannot be seen."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{path} cannot be reached ({error.strerror}): check the path, or give another one") from error
    return True


def inspect(path: Path) -> None:
    """Refuse a file that is no store of ours. Raises StoreError and its kinds; nothing is written."""
    if path.is_dir():
        raise StoreError(f"{path} is a folder: give the path of a file, for instance {path / 'poolwise.db'}")
    if not stat.S_ISREG(path.stat().st_mode):
        raise StoreError(f"{path} is no ordinary file: give the path of one, for instance poolwise.db")
    if path.stat().st_nlink > 1 and _has_another_name(path):
        raise StoreError(
            f"{path} has another name (a hard link), and each would have a log of its own: remove one, or copy the file"
        )
    if not os.access(path, os.R_OK):
        raise StoreError(f"{path} may not be read: change its permissions, or give another path")
    header = _header(path)
    if header.application not in (0, APPLICATION) or (header.application == 0 and not _old(path)):
        raise StoreForeign(f"{path} is a database of another program, no Poolwise store: give another path")
    found, expected = path.stat().st_size, header.page * header.pages
    if found < expected and not Path(f"{path}-wal").exists():
        raise StoreDamaged(f"{path} is truncated ({found} of {expected} bytes): restore it from a backup")
    if size(f"{path}-journal"):
        raise StoreDamaged(f"{path}-journal is none of Poolwise's, and would be played into {path}: move it away")


def _has_another_name(path: Path) -> bool:
    """Beside that of the draft as which it was made, where its maker is about to take it away or was killed."""
    with os.scandir(path.parent) as entries:
        drafts = sum(one.name.startswith(f"{path.name}.") and one.inode() == path.stat().st_ino for one in entries)
    return path.stat().st_nlink > 1 + drafts


def check_writable(path: Path) -> None:
    """Raises StoreReadOnly where events cannot be added: SQLite keeps its log beside the file."""
    for what, place in (("folder ", path.parent), ("", path)):
        if place.exists() and not os.access(place, os.W_OK):
            raise StoreReadOnly(f"{what}{place} may not be written: change its permissions, or give another path")


def check_new(path: Path) -> None:
    """Raises StoreError where a new store would inherit what is left of one that was removed."""
    if not path.parent.is_dir():
        raise StoreError(f"folder {path.parent} does not exist: create it, or give another path for the store")
    for end in ("-wal", "-journal"):
        if size(f"{path}{end}"):
            raise StoreError(
                f"{path}{end} is what is left of a store that was removed, and may hold its last events: "
                f"put {path.name} back, or move {path.name}{end} away"
            )


def address(path: Path, mode: str) -> str:
    """The file as SQLite's URI, whatever characters its name has; mode: `ro`, `rw`, or `ro&immutable=1`."""
    return f"file:{quote(os.fsencode(path))}?mode={mode}"


def _header(path: Path) -> Header:
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100 or not head.startswith(_MAGIC):
        raise StoreDamaged(f"{path} is no SQLite file ({path.stat().st_size} bytes): restore it from a backup")
    page = struct.unpack(">H", head[16:18])[0]
    pages, application = struct.unpack(">I", head[28:32])[0], struct.unpack(">I", head[68:72])[0]
    return Header(65536 if page == 1 else page, pages, application)


def _old(path: Path) -> bool:
    """Whether this is a store of before `APPLICATION`. Read without locks and logs, which leaves no trace: the tables
    of a store were in the file itself before it got its name."""
    with closing(sqlite3.connect(address(path, "ro&immutable=1"), uri=True)) as db:
        try:
            found = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            version = db.execute("SELECT version_num FROM alembic_version").fetchall() if found >= _OURS else []
        except sqlite3.Error as error:
            raise StoreDamaged(f"{path} is damaged ({error}): restore it from a backup") from error
    return version == [("0001",)]


def size(path: str) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0

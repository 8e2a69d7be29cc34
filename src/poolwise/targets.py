"""Files to be written: what is wrong with a path is said before anything is computed, and nothing of another kind is
written over."""

import os
from pathlib import Path
from typing import Any

from poolwise.errors import InputError
from poolwise.names import shown

BEGINNINGS = {
    "report": (b"<!doctype html", b"<html"),
    "file of draws": (b"\x89hdf",),
    "Parquet file": (b"par1",),
    "pack": (b"{",),
    "card": (b"{",),
    "plot": (b"\x89png", b"<?xml", b"<svg", b"%pdf"),
}
"""How files of a kind begin, in small letters."""


def target(path: Any, kind: str, *, make: bool = False, error: type[InputError] = InputError) -> Path:
    """The path of a file of this kind (a key of `BEGINNINGS`) that may be written.

    make: its folder will be made. Raises `error` where it is no path, its folder is missing, or something else than an
    empty file or one of the same kind is there.
    """
    try:
        found = Path(path)
        if b"\x00" in os.fsencode(found):
            raise ValueError("no path holds the character NUL")
        there, folder = found.exists(), make or found.parent.is_dir()
        head = _head(found) if there and found.is_file() else None
    except (OSError, TypeError, ValueError) as wrong:
        raise error(
            f"cannot write the {kind} {description(path)} ({description(_reason(wrong))}): name another file"
        ) from wrong
    if not folder or (there and head is None):
        raise error(f"cannot write the {kind} {description(path)}: name a file in a folder that exists")
    if head and not head.startswith(BEGINNINGS[kind]):
        raise error(f"{description(path)} exists and is no {kind}: name another file, or move it away first")
    return found


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is such a file; False for what can be no path at all."""
    try:
        return os.path.isfile(path)
    except (TypeError, ValueError):
        return False


def description(path: Any) -> str:
    """A path in a message."""
    return shown(str(path) if isinstance(path, str | os.PathLike) else path, 200).strip("'\"")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64).lstrip().lower()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

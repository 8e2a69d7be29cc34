"""What a workspace of a partitioned log holds: its partitions, each with rows and checksum, and how far it was written.

FOLDER/workspace=NAME/manifest.json
FOLDER/workspace=NAME/day=2026-11-30/events.parquet
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from poolwise.errors import DataError

NAME, EVENTS = "manifest.json", "events.parquet"
FORMAT = "poolwise archive 1"


class Partition(NamedTuple):
    """The outcomes of the decisions of one day."""

    rows: int
    bytes: int
    checksum: str
    """SHA-256 of its file."""


class Manifest(NamedTuple):
    """Of one workspace."""

    partitions: dict[str, Partition]
    """By day, `2026-11-30`, in UTC."""
    outcomes: int = 0
    """Outcomes of the store, in its order, that were written."""
    undone: int = 0
    """How often the store had taken anything back."""


def read(folder: Path) -> Manifest:
    """Of a workspace's folder; empty where there is none. Raises DataError for one that is damaged."""
    path = folder / NAME
    try:
        body = json.loads(path.read_text())
        if body["format"] != FORMAT or body["checksum"] != _checksum(body):
            raise ValueError("its checksum does not fit")
        partitions = {day: Partition(*row) for day, row in body["partitions"].items()}
        return Manifest(partitions, int(body["outcomes"]), int(body["undone"]))
    except FileNotFoundError:
        return Manifest({})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is damaged ({error}): delete it, and `poolwise archive` writes what the store holds anew"
        ) from error


def write(folder: Path, manifest: Manifest) -> None:
    """The file appears whole or not at all."""
    days = {day: list(manifest.partitions[day]) for day in sorted(manifest.partitions)}
    body: dict[str, Any] = {"format": FORMAT, **manifest._asdict(), "partitions": days}
    body["checksum"] = _checksum(body)
    draft = folder / f"{NAME}.new"
    draft.write_text(json.dumps(body, indent=1) + "\n")
    draft.replace(folder / NAME)


def events_of(folder: Path, day: str) -> Path:
    """The file of a partition."""
    return folder / f"day={day}" / EVENTS


def described(path: Path, rows: int) -> Partition:
    """A file as it is on disk."""
    with path.open("rb") as file:
        return Partition(rows, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def check(folder: Path, day: str, expected: Partition) -> None:
    """Raises DataError for a partition that is not what was written."""
    path = events_of(folder, day)
    try:
        whole = described(path, expected.rows) == expected
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}), and the manifest lists it: restore it") from error
    if not whole:
        raise DataError(f"{path} is not what was written: its checksum differs from the manifest's; restore it")


def _checksum(body: dict[str, Any]) -> str:
    rest = {name: value for name, value in body.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()

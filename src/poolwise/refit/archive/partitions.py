"""A refit from a partitioned log: every partition is folded once, what it came to is kept beside it, and added.

    FOLDER/workspace=NAME/folded.json               which partitions are folded, by checksum, and under which settings
    FOLDER/workspace=NAME/folded/2026-11-30.npz     the statistics of one, and of what they are
    FOLDER/workspace=NAME/folded/all.npz            their sum, as far as it goes, and of what

The next night reads the sum and the new day. A partition that was reopened has another checksum: it alone is folded
again, and the sum is made anew from what is kept of the others.
"""

import json
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from poolwise import compute
from poolwise.engine.settings import Settings
from poolwise.errors import DataError
from poolwise.progress import Progress, silent
from poolwise.refit.archive.sums import NOTHING, Dense, Sums, added, fold, sparse
from poolwise.refit.checkpoint import whole
from poolwise.store import manifest
from poolwise.store.manifest import Partition

FOLDED, KEPT = "folded.json", "folded"
_ALL = "all"


class Place(NamedTuple):
    """A partition of a workspace."""

    folder: Path
    day: str
    partition: Partition


class Asked(NamedTuple):
    """How rows are read."""

    settings: Settings
    limit: float

    @property
    def key(self) -> str:
        """Statistics that were folded under another one are of no use."""
        named = ("timeouts", "timeout_factor", "objective", "failure_utility", "resolution")
        return json.dumps([self.limit, *(getattr(self.settings, name) for name in named)])


Special = dict[str, np.ndarray]
"""Rows that are learned one after another, by column."""


def workspaces(source: str) -> list[Path]:
    """Folders with a manifest that a source names: `archive/`, `archive/**`, one workspace of it; none for others."""
    base = Path(source.removesuffix("/*.parquet").removesuffix("/**"))
    return sorted(path.parent for path in base.rglob(manifest.NAME)) if base.is_dir() else []


def read(
    folders: Sequence[Path], asked: Asked, executor: compute.Executor, progress: Progress = silent
) -> tuple[Dense, Special]:
    """The sums of all partitions, folding those that are not folded. Raises DataError for a partition that is damaged,
    not listed, or there twice."""
    places = _listed(folders)
    with compute.opened(executor) as pool:
        _fold_missing(places, asked, pool, progress)
        resolution = _resolution(places, asked)
        _fold_missing(places, asked, pool, progress, resolution)
    dense, special = NOTHING, list[Special]()
    for folder in folders:
        own = [place for place in places if place.folder == folder]
        dense = _joined(dense, _summed(folder, own))
        special += [rows for place in own if (rows := _special(place))]
    return dense, {name: np.concatenate([one[name] for one in special]) for name in special[0]} if special else {}


def _listed(folders: Sequence[Path]) -> list[Place]:
    """Every partition of the manifests, and no other."""
    places = [Place(folder, day, part) for folder in folders for day, part in _days(folder)]
    if not places:
        raise DataError(f"{folders[0]} holds no partition: `poolwise archive` writes some")
    seen: dict[Any, Place] = {}
    for place in places:
        for mark in (place.partition.checksum, (place.folder.name, place.day)):
            if (other := seen.setdefault(mark, place)) is not place:
                raise DataError(
                    f"{place.folder}/day={place.day} and {other.folder}/day={other.day} are the same partition, which "
                    "would be folded twice: move one of them away"
                )
    known = {manifest.events_of(place.folder, place.day) for place in places}
    for folder in folders:
        for path in sorted(folder.glob("day=*/**/*.parquet")):
            if path not in known:
                raise DataError(f"{path} is not in the manifest beside it: move it away, or archive anew")
    return places


def _days(folder: Path) -> list[tuple[str, Partition]]:
    return sorted(manifest.read(folder).partitions.items())


def _fold_missing(
    places: list[Place], asked: Asked, pool: compute.Pool, progress: Progress, resolution: float | None = None
) -> None:
    """Fold what is not folded, or was at another resolution; note each as soon as it is."""
    notes = {place.folder: _notes(place.folder) for place in places}
    missing = [place for place in places if not _usable(notes[place.folder].get(place.day), place, asked, resolution)]
    work = partial(folded, asked, resolution)
    for number, note in compute.completed(pool, work, missing, progress=progress, part="partitions"):
        place = missing[number]
        notes[place.folder][place.day] = note
        _write_json(place.folder / FOLDED, notes[place.folder])


def folded(asked: Asked, resolution: float | None, place: Place) -> dict[str, Any]:
    """Fold one partition, and keep what it came to; the note of it."""
    manifest.check(*place)
    path = manifest.events_of(place.folder, place.day)
    found = fold(str(path), asked.settings, asked.limit, asked.settings.resolution or resolution)
    note = {
        "events": place.partition.checksum,
        "key": asked.key,
        "least": found.least,
        "zeros": found.zeros,
        "resolution": resolution,
    }
    rows = {f"special {name}": _plain(values) for name, values in found.special.items()}
    _keep(_kept(place.folder, place.day), found.sums, [_mark(place, note)], rows)
    return note


def _usable(note: dict[str, Any] | None, place: Place, asked: Asked, resolution: float | None) -> bool:
    if note is None or note["events"] != place.partition.checksum or note["key"] != asked.key:
        return False
    if not _kept(place.folder, place.day).exists():
        return False
    return resolution is None or not note["zeros"] or note["resolution"] == resolution


def _resolution(places: list[Place], asked: Asked) -> float | None:
    """Of all partitions together, where some row needs it."""
    notes = [_notes(place.folder)[place.day] for place in places]
    least = [note["least"] for note in notes if note["least"] is not None]
    needed = asked.settings.resolution is None and any(note["zeros"] for note in notes)
    return min(least) if needed and least else None


def _summed(folder: Path, places: list[Place]) -> Dense:
    """Of a workspace: what was summed before, as far as it is still so, and the days after it."""
    notes, path = _notes(folder), _kept(folder, _ALL)
    marks = [_mark(place, notes[place.day]) for place in places]
    dense, before = NOTHING, 0
    if (found := _sums(path)) is not None and found[1] == marks[: len(found[1])]:
        dense, before = added(NOTHING, found[0]), len(found[1])
    for place, mark in zip(places[before:], marks[before:], strict=True):
        kept = _kept(folder, place.day)
        if (found := _sums(kept)) is None or found[1] != [mark]:
            raise DataError(f"{kept} is not what was kept: delete it, and its partition is folded again")
        dense = added(dense, found[0])
    if before < len(places):
        _keep(path, sparse(dense), marks, {})
    return dense


def _joined(dense: Dense, other: Dense) -> Dense:
    return other if dense is NOTHING else added(dense, sparse(other))


def _mark(place: Place, note: dict[str, Any]) -> str:
    """Of what, and how, statistics are."""
    return f"{place.day} {note['events']} {note['resolution']} {note['key']}"


def _keep(path: Path, sums: Sums, marks: list[str], more: Special) -> None:
    path.parent.mkdir(exist_ok=True)
    whole(path, {**sums._asdict(), **more, "marks": np.array(marks)})


def _sums(path: Path) -> tuple[Sums, list[str]] | None:
    """What is kept, and its marks; None: it is not there, or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Sums(*(file[name] for name in Sums._fields)), file["marks"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _special(place: Place) -> Special:
    with np.load(_kept(place.folder, place.day), allow_pickle=False) as file:
        names = [name for name in file.files if name.startswith("special ")]
        return {name.removeprefix("special "): _objects(file[name]) for name in names}


def _plain(values: np.ndarray) -> np.ndarray:
    """Names as text that needs no pickle; none as nothing."""
    return values.astype(float) if values.dtype != object else np.array(["" if one is None else one for one in values])


def _objects(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "U":
        return values
    return np.array([one or None for one in values.tolist()], dtype=object)


def _kept(folder: Path, day: str) -> Path:
    return folder / KEPT / f"{day}.npz"


def _notes(folder: Path) -> dict[str, Any]:
    return _read_json(folder / FOLDED)


def _read_json(path: Path) -> dict[str, Any]:
    """Nothing where there is none, or it is damaged: then it is made again."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, body: dict[str, Any]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(body, sort_keys=True))
    draft.replace(path)

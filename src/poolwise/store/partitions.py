"""The outcomes of a store as a partitioned log: one Parquet file for every day on which decisions were made.

A day's file holds the outcomes of its decisions, whenever they came, so that a late one reopens that file alone. It
is read by any tool, and by `poolwise refit --from`. Killed at any time, the next call writes the same days again.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from poolwise.errors import StoreError
from poolwise.schema import STATUSES
from poolwise.store import manifest, open_store
from poolwise.store.base import OutcomeColumns, Store
from poolwise.store.manifest import Manifest, events_of

KINDS = ("project", "context", "arm", "job")
SCHEMA = pa.schema(
    [
        ("decision", pa.int64()),
        *((kind, pa.string()) for kind in KINDS),
        ("status", pa.string()),
        *((name, pa.float64()) for name in ("utility", "cost", "baseline_cost", "decided", "reported")),
        ("features", pa.map_(pa.string(), pa.float64())),
    ]
)
"""features: what was known of the job, as in `archive.DECISIONS`; null: nothing."""
BLOCK = 1 << 20
"""Outcomes that are read at a time."""
_DAY = 86_400.0


class Archived(NamedTuple):
    """What one call did."""

    workspace: str
    rows: int
    """Outcomes that were added."""
    days: tuple[str, ...]
    """Partitions that were written."""
    reopened: tuple[str, ...]
    """Of those, what was there before."""


def archive(url: str, folder: Path, wait: float = 1.0) -> Archived:
    """Write what the store has learned since the last time. Raises StoreError where a file cannot be written, in which
    case the next call writes the same."""
    name = workspace_of(url)
    place = folder / f"workspace={name}"
    store = open_store(url, look=True, lock_wait=wait)
    try:
        place.mkdir(parents=True, exist_ok=True)
        return _written(store, place, name)
    except OSError as error:
        raise StoreError(f"{error.filename or place} could not be written ({error.strerror}): name another") from error
    finally:
        store.close()


def workspace_of(url: str) -> str:
    """What tells the store from others: the workspace of a server, or the name of a file.

    >>> workspace_of("postgresql://db/jobs?workspace=z3"), workspace_of("sqlite:////var/poolwise.db")
    ('z3', 'poolwise')
    """
    asked = re.search(r"[?&]workspace=([^&]+)", url)
    name = asked[1] if asked else Path(url.partition(":///")[2].partition("?")[0]).stem
    return re.sub(r"[^\w.\-]", "_", name) or "poolwise"


def _written(store: Store, place: Path, name: str) -> Archived:
    known, undone, answered = manifest.read(place), store.undone(), store.answered()
    ids, days = _days(store)
    touched: dict[str, int] = {}
    partitions = dict(known.partitions)
    start = known.outcomes
    if known.undone != undone:  # Something was taken back: all that the store still holds is written again.
        start = 0
        for day in known.partitions:
            _merged(place, day, None, ids, partitions)
            touched[day] = 0
    start = max(start, store.pruned()[0])
    for first in range(start, answered, BLOCK):
        for day, table in _by_day(store, store.outcomes(first, min(BLOCK, answered - first)), ids, days):
            _merged(place, day, table, table["decision"].to_numpy(), partitions)
            touched[day] = touched.get(day, 0) + len(table)
    if touched or known.outcomes != answered:
        manifest.write(place, Manifest(partitions, answered, undone))
    reopened = tuple(sorted(day for day in touched if day in known.partitions))
    return Archived(name, sum(touched.values()), tuple(sorted(touched)), reopened)


def _days(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """Ids of all decisions that are there, in order, and when they were made."""
    made = store.decisions()
    order = np.argsort(made.id)
    return made.id[order], made.time[order]


def _by_day(store: Store, rows: OutcomeColumns, ids: np.ndarray, times: np.ndarray) -> Iterator[tuple[str, pa.Table]]:
    if not len(rows.decision):
        return
    decided = times[np.searchsorted(ids, rows.decision)]
    day = np.floor_divide(decided, _DAY).astype(np.int64)
    table = _table(store, rows, decided)
    for one in np.unique(day):
        yield datetime.fromtimestamp(one * _DAY, UTC).strftime("%Y-%m-%d"), table.filter(pa.array(day == one))


def _table(store: Store, rows: OutcomeColumns, decided: np.ndarray) -> pa.Table:
    named = {
        kind: pa.array(np.array([*store.names(kind), None], dtype=object), pa.string()).take(
            pa.array(np.where(getattr(rows, kind) < 0, len(store.names(kind)), getattr(rows, kind)))
        )
        for kind in KINDS
    }
    status = pa.array(STATUSES, pa.string()).take(pa.array(rows.status))
    given = {one: pa.array(getattr(rows, one), from_pandas=True) for one in ("utility", "cost", "baseline_cost")}
    times = {"decided": pa.array(decided), "reported": pa.array(rows.time)}
    known = {"features": _features(store, rows.decision)}
    return pa.table({"decision": rows.decision, **named, "status": status, **given, **times, **known}, schema=SCHEMA)


def _features(store: Store, decisions: np.ndarray) -> pa.Array:
    """By name, what was known of the job of each decision."""
    labels = store.names("feature")
    if not labels:
        return pa.nulls(len(decisions), SCHEMA.field("features").type)
    found = store.features(decisions)
    is_known = ~np.isnan(found)
    number = is_known.sum(1)
    # A map begins where the one before ends; a null has no beginning.
    starts = pa.array(np.cumsum([0, *number]), mask=np.append(number == 0, False), type=pa.int32())
    names = pa.array(labels, pa.string()).take(pa.array(np.nonzero(is_known)[1]))
    return pa.MapArray.from_arrays(starts, names, pa.array(found[is_known]))


def _merged(
    place: Path, day: str, table: pa.Table | None, again: np.ndarray, partitions: dict[str, manifest.Partition]
) -> None:
    """A day's file with these rows in the place of those of the decisions `again`, and its entry."""
    path, parts = events_of(place, day), [] if table is None else [table]
    if path.exists():
        old = pq.read_table(path, schema=SCHEMA, partitioning=None)
        parts.insert(0, old.filter(pc.invert(pc.is_in(old["decision"], pa.array(again)))))
    whole = pa.concat_tables(parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    pq.write_table(whole, draft, compression="zstd")
    draft.replace(path)
    partitions[day] = manifest.described(path, len(whole))

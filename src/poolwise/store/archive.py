"""Rows of a store as Parquet, with names instead of numbers: what any tool reads, on disk before they are pruned."""

import json
import math
import secrets
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from poolwise.errors import StoreError
from poolwise.schema import STATUSES
from poolwise.store.codec import unpack, unpack_first
from poolwise.store.rows import features_of
from poolwise.store.sql.statements import WITHDRAWN
from poolwise.store.sqlite.create import publish

VIEWS = pa.schema(
    [
        ("id", pa.int64()),
        ("project", pa.string()),
        ("context", pa.string()),
        ("policy", pa.string()),
        ("params", pa.string()),
        ("snapshot", pa.int64()),
        ("outcomes", pa.int64()),
        ("arms", pa.list_(pa.string())),
        ("layout", pa.string()),
        ("arrays", pa.map_(pa.string(), pa.list_(pa.float64()))),
    ]
)
"""layout: type and shape of every array, as in `codec`; arrays: its numbers in C order."""
DECISIONS = pa.schema(
    [
        ("sequence", pa.int64()),
        ("id", pa.int64()),
        *((name, pa.string()) for name in ("project", "context", "arm", "reason", "job")),
        ("probability", pa.float64()),
        ("view", pa.int64()),
        ("time", pa.float64()),
        ("features", pa.map_(pa.string(), pa.float64())),
    ]
)
"""features: what was known of the job, a column of a choice's value being 1 where it was that one."""
OUTCOMES = pa.schema(
    [
        ("sequence", pa.int64()),
        ("decision", pa.int64()),
        ("status", pa.string()),
        *((name, pa.float64()) for name in ("utility", "cost", "baseline_cost", "time")),
    ]
)
_ROWS = 10_000


def write(folder: Path, kind: str, schema: pa.Schema, rows: Iterator[tuple[Any, ...]]) -> str | None:
    """A new file of rows; its path, or None where there are none. Raises StoreError where it cannot be written."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = folder / f"{kind}-{stamp}-{secrets.token_hex(4)}.parquet"
    draft = path.with_suffix(".draft")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            count = _written(draft, schema, rows)
            if count:
                publish(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path} could not be written ({error}): nothing was pruned; name another archive") from error
    return str(path) if count else None


def view_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of `VIEWS` from id, names, policy, and what `sql.LOGGED` keeps of arms and arrays."""
    *head, arms, body, line = row
    arrays = unpack_first(body) if line is None else unpack(line, body)
    layout = line or body.partition(b"\n")[0].decode()
    return (*head, json.loads(arms), layout, [(name, value.ravel().tolist()) for name, value in arrays.items()])


def decision_row(row: tuple[Any, ...], columns: Sequence[str]) -> tuple[Any, ...]:
    """A row of `DECISIONS`; columns: names of those that features have."""
    known = zip(columns, features_of(row[-1]) or (), strict=False)
    return (*row[:-1], [(name, number) for name, number in known if not math.isnan(number)])


def outcome_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of `OUTCOMES`."""
    return (
        *row[:2],
        f"withdrawn {STATUSES[row[2] - WITHDRAWN]}" if row[2] >= WITHDRAWN else STATUSES[row[2]],
        *row[3:],
    )


def _written(draft: Path, schema: pa.Schema, rows: Iterator[tuple[Any, ...]]) -> int:
    count = 0
    with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
        while block := list(islice(rows, _ROWS)):
            columns = zip(zip(*block, strict=True), schema, strict=True)
            arrays = [pa.array(column, field.type) for column, field in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(block)
    return count

"""Tables of outcomes and logs of decisions: frames, CSV and Parquet with odd columns, types, encodings and bytes."""

import contextlib
import datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from benchmarks.robustness.inputs.room import Call, Room, told
from benchmarks.robustness.inputs.values import anything, text
from poolwise import ope, replay, table
from poolwise.ope import files

ROWS = pd.DataFrame(
    [(f"u{u}", "p", "c", "f", arm, cost, arm == "old") for u in range(3) for arm, cost in (("old", 2.0), ("new", 1.0))],
    columns=["unit", "project", "context", "family", "arm", "cost", "is_baseline"],
)
_LOGGED = {"project": "p", "context": "c", "arm": ["a", "b"] * 30, "probability": 0.5, "decision": range(60)}
LOG = pd.DataFrame({**_LOGGED, "utility": np.linspace(0, 1, 60)})
_COLUMNS = [pd.Timestamp("2026-01-01"), True, 1, 1.5, pd.NA, b"x", pd.Timedelta(1, "s")]
_ARROW = [
    (pyarrow.list_(pyarrow.int64()), [1, 2]),
    (pyarrow.struct([("a", pyarrow.int64())]), {"a": 1}),
    (pyarrow.map_(pyarrow.string(), pyarrow.int64()), [("a", 1)]),
    (pyarrow.decimal128(30, 2), Decimal("1.5")),
    (pyarrow.timestamp("ns", tz="UTC"), datetime.datetime(2026, 1, 1)),
    (pyarrow.date32(), datetime.date(2026, 1, 1)),
    (pyarrow.time64("us"), datetime.time(1)),
    (pyarrow.binary(), b"\xff"),
    (pyarrow.large_string(), "a"),
    (pyarrow.string(), "x" * 10_001),
    (pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), "a"),
    (pyarrow.uint64(), 2**64 - 1),
    (pyarrow.float16(), np.float16(np.inf)),
    (pyarrow.float32(), 1e38),
    (pyarrow.bool_(), True),
    (pyarrow.null(), None),
]


def tables(random: Random) -> Room:
    return Room(_table)


def _table(random: Random) -> Call:
    log, way = random.random() < 0.4, random.choice(["frame", "csv", "parquet", "bytes", "schema"])
    frame = _spoiled(LOG if log else ROWS, random)
    path = Path(f"t.{'csv' if way in ('csv', 'bytes') else 'parquet'}")
    if way == "schema":
        _odd_schema(LOG if log else ROWS, path, random)
    elif way != "frame" and not _written(frame, path, random, raw=way == "bytes"):
        way = "frame"
    words = told(f"table {way} {log}", [*frame.columns], frame.head(2).to_numpy().tolist())
    if log:
        wanted, model = random.choice(["uniform", "a", ""]), random.random() < 0.2

        def judge() -> None:
            read = frame if way == "frame" else files.read_log(path)
            ope.evaluate(ope.from_frame(read, wanted or ope.target_policy(read, "a"), model=model)[0])

        return judge, words
    if way == "frame":
        baseline = random.choice(["old", "", "x"])
        return lambda: table.from_rows(frame, name="t", source="t", baseline=baseline), words
    named = random.choice([None, "old"])
    return lambda: replay.read(path, named), words


def _spoiled(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
    """What pandas itself does not take is nothing to be tried."""
    frame = frame.copy()
    for _ in range(random.randrange(1, 3)):
        if not len(frame.columns):
            return frame
        column = random.choice([*frame.columns])
        if not isinstance(frame[column], pd.Series):
            return frame
        with contextlib.suppress(Exception):
            frame = _changed(frame, column, random)
    return frame


def _changed(frame: pd.DataFrame, column: str, random: Random) -> pd.DataFrame:
    """One column, or the rows, become something else."""
    kind, values = random.randrange(9), frame[column].astype(object).tolist()
    if kind == 0:
        return frame.drop(columns=column)
    if kind == 1:
        return frame.rename(columns={column: random.choice([text(random), 7, ("a", "b")])})
    if kind == 2:
        return pd.concat([frame, frame[[column]]], axis=1)
    if kind == 3:
        return frame.iloc[: random.randrange(4)]
    if kind == 4:
        return frame.set_axis(range(5, 5 + len(frame)), axis=0)
    if kind == 5:
        return frame.assign(**{column: frame[column].astype("category")})
    if kind == 6:
        return frame.assign(**{column: random.choice(_COLUMNS)})
    if kind == 7:
        values = [anything(random) for _ in values]
    elif values:
        values[random.randrange(len(values))] = anything(random)
    return frame.assign(**{column: pd.Series(values, index=frame.index, dtype=object)})


def _odd_schema(frame: pd.DataFrame, path: Path, random: Random) -> None:
    """A Parquet file that another program wrote: a column of a type that pandas seldom writes, no rows, no columns."""
    made = pyarrow.Table.from_pandas(frame, preserve_index=random.random() < 0.2)
    place, (kind, value) = random.randrange(made.num_columns), random.choice(_ARROW)
    column = pyarrow.array([value if random.random() < 0.9 else None for _ in range(made.num_rows)], kind)
    made = made.set_column(place, made.column_names[place], column)
    if random.random() < 0.15:
        made = random.choice([made.slice(0, 0), made.select([]), made.append_column(made.column_names[0], column)])
    parquet.write_table(made.replace_schema_metadata(None) if random.random() < 0.5 else made, path)


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed or unusual objects as text: pyarrow may crash the process where it is to write them."""
    found = frame.copy()
    for place in range(frame.shape[1]):
        values = frame.iloc[:, place]
        kinds = {type(value) for value in values if value is not None}
        if values.dtype == object and (len(kinds) > 1 or not kinds <= {str, bytes, bool, int, float}):
            found.isetitem(place, values.map(str))
    return found


def _written(frame: pd.DataFrame, path: Path, random: Random, *, raw: bool) -> bool:
    """Whether the frame could be written at all; raw: with some bytes of it changed."""
    try:
        if path.suffix == ".csv":
            encoding = random.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
            text = frame.to_csv(index=random.random() < 0.1, sep=random.choice([",", ",", ",", ";", "\t"]))
            path.write_bytes(text.encode(encoding))
        else:
            _storable(frame).to_parquet(path)
    except Exception:
        return False
    if raw or random.random() < 0.1:
        body = bytearray(path.read_bytes())
        for _ in range(random.randrange(1, 4) if body else 0):
            body[random.randrange(len(body))] = random.randrange(256)
        path.write_bytes(body[: random.randrange(len(body) + 1)] if random.random() < 0.1 else body)
    return True

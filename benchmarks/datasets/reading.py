"""Reading the files of a data root: a missing file, column or key is refused, never filled in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from poolwise.errors import DataError
from poolwise.table import Table, plain


class Source(NamedTuple):
    """A data set that can be loaded: `load()` gives its Table."""

    name: str
    load: Callable[[], Table]


def read(path: Path, *columns: str) -> pd.DataFrame:
    """A parquet or CSV file; refuses a missing file or column."""
    if not path.exists():
        raise DataError(f"{path}: no such file; the data root is incomplete")
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    missing = [column for column in columns if column not in frame]
    if missing:
        raise DataError(f"{path}: no column {missing[0]!r}; found {', '.join(map(str, frame.columns[:12]))}")
    return frame


def join(rows: pd.DataFrame, keys: pd.DataFrame, on: str, source: Path) -> pd.DataFrame:
    """Rows with the columns of `keys`; refuses a row without a match and a key that stands there twice."""
    repeated = keys.duplicated(on).to_numpy()
    if repeated.any():
        row = int(repeated.argmax())
        raise DataError(
            f"{source}, key {on} of row {row}: {plain(keys[on].iloc[row])!r} stands there twice; keep one row"
        )
    merged = rows.merge(keys, on=on, how="left", indicator=True)
    lost = (merged["_merge"] != "both").to_numpy()
    if lost.any():
        row = int(lost.argmax())
        raise DataError(
            f"{source}, row {row}, column {on}: nothing is known of {plain(merged[on].iloc[row])!r}"
            f" ({lost.sum()} such rows)"
        )
    return merged.drop(columns="_merge")


def single(candidates: pd.Series, source: Path, what: str) -> Any:
    """The one value there is; refuses none and several."""
    values = candidates.unique()
    if len(values) != 1:
        raise DataError(f"{source}: {len(values)} values of {what} where one is needed; mark exactly one")
    return values[0]


def parameters(configs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """config_id -> parameters."""
    return {str(key): json.loads(text) for key, text in zip(configs["config_id"], configs["params_json"], strict=True)}

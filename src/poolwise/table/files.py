"""Parquet and CSV files as they are: names stay text, nothing is guessed.

CSV is UTF-8 (a byte order mark is no matter), separated by commas, with one row of names on top. `NA`, `null` and `01`
are what they look like: text.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from poolwise.errors import DataError
from poolwise.names import fault, shown
from poolwise.targets import is_file

SUFFIXES = (".parquet", ".csv")
_UNREADABLE = (pa.ArrowException, ValueError, OSError, TypeError, KeyError, IndexError, OverflowError, MemoryError)
"""What the readers raise on damaged files."""


def read_rows(path: str | Path) -> pd.DataFrame:
    """The rows of a file, in its order. Columns of a CSV file are text. Raises DataError for what cannot be read, for a
    column without a name and for two of one name."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise DataError(
            f"{_description(path)}: {shown(path.suffix) if path.suffix else 'no suffix'} is not known here; "
            "give a .parquet or a .csv file"
        )
    if not is_file(path):
        raise DataError(f"{_description(path)}: there is no such file")
    try:
        rows = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    except DataError:
        raise
    except _UNREADABLE as error:
        utf = "; save it as UTF-8" if isinstance(error, UnicodeError) else ""
        raise DataError(f"{_description(path)} cannot be read as {path.suffix[1:]}: {_line(error)}{utf}") from error
    return _named(rows, path)


def _parquet(path: Path) -> pd.DataFrame:
    found = pq.read_table(path)
    found.validate(full=True)  # Text that is no UTF-8 would come out only when it is looked at.
    return found.to_pandas(ignore_metadata=True)


def _csv(path: Path) -> pd.DataFrame:
    rows: Any = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    rows.columns = [*rows.iloc[0]]
    if rows.shape[1] == 1 and (other := next((one for one in ";\t|" if one in str(rows.columns[0])), None)):
        raise DataError(f"{_description(path)}: columns seem to be separated by {other!r}; write commas")
    return rows.iloc[1:].reset_index(drop=True)


def _named(rows: pd.DataFrame, path: Path) -> pd.DataFrame:
    rows.columns = pd.Index([str(name) for name in rows.columns], dtype=object)
    again = rows.columns[rows.columns.duplicated()]
    if len(again):
        raise DataError(f"{_description(path)}: column {shown(again[0])} stands there twice; keep one of them")
    for name in rows.columns:
        if name and (wrong := fault(name)):
            raise DataError(f"{_description(path)}: the column name {shown(name)} {wrong}")
    return rows


def _line(error: BaseException) -> str:
    return shown((str(error).splitlines() or [type(error).__name__])[0], 200)[1:-1]


def _description(path: Path) -> str:
    return shown(str(path), 200)[1:-1]

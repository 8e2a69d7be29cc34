"""A tidy table from a file of rows."""

from pathlib import Path

import pandas as pd

from poolwise.errors import DataError
from poolwise.table import Table, from_rows


def read(path: str | Path, baseline: str | None = None, cutoff: float | None = None) -> Table:
    """Parquet or CSV -> Table: one row per unit and arm, columns as `table.from_rows` names them.

    The baseline is the arm of that name, or the one that a column `is_baseline` marks. Raises DataError for a file
    that cannot be read, and for what `from_rows` refuses, with row and column.
    """
    path = Path(path)
    rows = rows_of(path)
    return from_rows(rows, name=path.stem, source=str(path), baseline=baseline or marked(rows, path), cutoff=cutoff)


def rows_of(path: Path) -> pd.DataFrame:
    """The rows of a Parquet or CSV file."""
    if path.suffix not in (".parquet", ".csv"):
        raise DataError(f"{path}: {path.suffix or 'no suffix'} is not known here; give a .parquet or a .csv file")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from error


def marked(rows: pd.DataFrame, path: Path) -> str:
    """The one arm that `is_baseline` marks."""
    if "is_baseline" not in rows or "arm" not in rows:
        raise DataError(f"{path}: no baseline: name the arm, or mark its rows in a column is_baseline")
    arms = rows.loc[rows["is_baseline"].astype(bool), "arm"].unique()
    if len(arms) != 1:
        raise DataError(f"{path}: is_baseline marks {len(arms)} arms; mark exactly one")
    return str(arms[0])

"""A tidy table from a file of rows."""

from pathlib import Path

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.names import checked, shown
from poolwise.table import Table, flags, from_rows, read_rows


def read(path: str | Path, baseline: str | None = None, cutoff: float | None = None) -> Table:
    """Parquet or CSV -> Table: one row per unit and arm, columns as `table.from_rows` names them.

    The baseline is the arm of that name, or the one that a column `is_baseline` marks. Raises DataError for a file
    that cannot be read, and for what `from_rows` refuses, with row and column.
    """
    if not isinstance(path, str | Path):
        raise DataError(f"a table is read from a path, got {type(path).__name__} {shown(path)}")
    path = Path(path)
    rows = read_rows(path)
    home = marked(rows, path) if baseline is None else checked("baseline", baseline)
    return from_rows(rows, name=path.stem, source=str(path), baseline=home, cutoff=cutoff)


def marked(rows: pd.DataFrame, path: Path) -> str:
    """The one arm that `is_baseline` marks."""
    if "is_baseline" not in rows or "arm" not in rows:
        raise DataError(f"{path}: no baseline: name the arm, or mark its rows in a column is_baseline")
    yes, neither = flags(rows["is_baseline"])
    if neither.any():
        row = int(neither.argmax())
        found = shown(rows["is_baseline"].iloc[row])
        raise DataError(f"{path}, row {row}, column is_baseline: {found} is neither yes nor no; write true or false")
    arms = np.unique(rows.loc[yes, "arm"].astype(object).map(str))
    if len(arms) != 1:
        raise DataError(f"{path}: is_baseline marks {len(arms)} arms; mark exactly one")
    return str(arms[0])

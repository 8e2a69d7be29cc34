"""What a table must not be: every mistake is refused with file, row and column, and what to do instead."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.names import shown
from poolwise.schema import STATUSES
from poolwise.table.columns import names, nulls, numbers
from poolwise.table.table import ABSENT

KEYS = ("unit", "project", "context", "family", "arm")


def check_columns(rows: pd.DataFrame, source: str, value: str) -> None:
    """Refuse a missing column, a column that stands there twice, and a null key."""
    for column in (*KEYS, value):
        if column not in rows:
            raise DataError(f"{source}: no column {column!r}; a tidy table has {', '.join(KEYS)} and cost or reward")
    if rows.columns.has_duplicates:
        again = rows.columns[rows.columns.duplicated()][0]
        raise DataError(f"{source}: column {shown(again)} stands there twice; keep one of them")
    for column in (*KEYS, *(extra for extra in ("status", "repetition", "importance") if extra in rows)):
        raise_at_row(nulls(rows[column]), rows, source, column, "is null; fill it or leave the unit out")


def as_names(rows: pd.DataFrame, source: str, columns: Iterable[str]) -> pd.DataFrame:
    """These columns as text; refuse what is no name."""
    made = {}
    for column in columns:
        found = names(rows[column])
        raise_at_row(found.bad, rows, source, column, found.why)
        made[column] = found.text
    return replaced(rows, made)


def as_numbers(rows: pd.DataFrame, source: str, column: str, why: str = "is not a finite number") -> pd.DataFrame:
    """The column as float64; refuse what is not finite."""
    found = numbers(rows[column])
    raise_at_row(~np.isfinite(found), rows, source, column, why)
    return replaced(rows, {column: found})


def replaced(rows: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """With other values in some columns; what was said of the names of columns is kept."""
    made = rows.assign(**columns)
    made.attrs = rows.attrs
    return made


def check_values(rows: pd.DataFrame, source: str, value: str) -> pd.DataFrame:
    """Names as text and numbers as float64. Refuse costs that are not positive and finite, rewards that are not finite,
    unknown statuses and mixed units of cost."""
    rows = as_names(rows, source, (*KEYS, *(extra for extra in ("repetition",) if extra in rows)))
    rows = as_numbers(rows, source, value)
    if value == "cost":
        raise_at_row(rows["cost"] < 0, rows, source, value, "is negative; give costs, what a job took")
        if not (rows["cost"] > 0).any():
            raise_at_row(rows["cost"] == 0, rows, source, value, "is 0, as all others are; give costs that differ")
    if "status" in rows:
        known = rows["status"].isin(STATUSES)
        raise_at_row(~known, rows, source, "status", f"is unknown; write one of {', '.join(STATUSES)}")
    if "importance" in rows:
        rows = as_numbers(rows, source, "importance")
        raise_at_row(~(rows["importance"] > 0), rows, source, "importance", "is not positive; give weights above 0")
    if "cost_unit" in rows:
        first = rows["cost_unit"].iloc[0]
        differs = rows["cost_unit"].astype(object).map(str) != str(first)
        raise_at_row(differs, rows, source, "cost_unit", f"differs from {shown(first)}; convert to one unit")
    return rows


def check_unique(rows: pd.DataFrame, codes: dict[str, np.ndarray], repetition: np.ndarray, source: str) -> None:
    """Refuse two outcomes of one arm for one unit and repetition."""
    again = pd.DataFrame({"u": codes["unit"], "a": codes["arm"], "r": repetition}).duplicated()
    raise_at_row(
        again, rows, source, "arm", "stands there twice for its unit; keep one row, or number them in `repetition`"
    )


def constant(rows: pd.DataFrame, codes: dict[str, np.ndarray], owner: str, key: str, source: str) -> np.ndarray:
    """(owners,) the one code of `key` that every owner has; refuse an owner that has two."""
    result = np.empty(codes[owner].max() + 1, int)
    result[codes[owner][::-1]] = codes[key][::-1]
    raise_at_row(
        result[codes[owner]] != codes[key], rows, source, key, f"changes within one {owner}; give it a single {key}"
    )
    return result


def check_complete(
    values: np.ndarray, status: np.ndarray, names: dict[str, tuple[str, ...]], project: np.ndarray, source: str
) -> None:
    """Refuse an arm that some, but not all, units of a project have; likewise for repetitions."""
    present = status != ABSENT
    for code in range(len(names["project"])):
        mine = np.flatnonzero(project == code)
        holes = present[mine].any(axis=0) & ~present[mine]
        holes |= present[mine] & np.isnan(values[mine]).any(axis=2)
        if holes.any():
            unit, arm = np.argwhere(holes)[0]
            raise DataError(
                f"{source}: unit {names['unit'][mine[unit]]!r} lacks arm {names['arm'][arm]!r} or a repetition of it,"
                f" which other units of project {names['project'][code]!r} have ({holes.sum()} such holes);"
                " leave these units out or measure them"
            )


def checked_baseline(status: np.ndarray, names: dict[str, tuple[str, ...]], baseline: str, source: str) -> int:
    """Index of the baseline's arm; refuse one that is no arm, or that a unit lacks."""
    if baseline not in names["arm"]:
        raise DataError(f"{source}: the baseline {baseline!r} is not in column arm; name an arm of the table")
    index = names["arm"].index(baseline)
    lacks = status[:, index] == ABSENT
    if lacks.any():
        unit = names["unit"][int(lacks.argmax())]
        raise DataError(f"{source}: unit {unit!r} lacks the baseline {baseline!r}; every unit needs its outcome")
    return index


def raise_at_row(bad: Any, rows: pd.DataFrame, source: str, column: str, why: str) -> None:
    """Raise DataError at the first bad row, with the number of bad rows."""
    bad = np.asarray(bad, bool)
    if bad.any():
        row = int(bad.argmax())
        found, named = shown(rows[column].iloc[row]), rows.attrs.get("columns", {}).get(column, column)
        raise DataError(f"{source}, row {row}, column {named}: {found} {why} ({bad.sum()} such rows)")


def plain(value: Any) -> Any:
    """A NumPy scalar as the Python number that a message shows."""
    return value.item() if isinstance(value, np.generic) else value

"""Features of jobs: the columns `f_*` of a tidy table, numbers known of a unit before the decision."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.names import fault, shown
from poolwise.table.checks import raise_at_row
from poolwise.table.columns import nulls, numbers

PREFIX = "f_"
_TRUTH = {"true": 1.0, "false": 0.0}


class Features(NamedTuple):
    """What is known of every unit."""

    names: tuple[str, ...]
    """(F,) of the columns, without their prefix."""
    values: np.ndarray | None
    """(units, F) float64, NaN where missing; None where the table has no such column."""


def features_of(rows: pd.DataFrame, unit: np.ndarray, units: int, source: str) -> Features:
    """The columns whose names begin with `f_`; `unit`: (rows,) code of every row's unit.

    Numbers, and true or false as 1 and 0; null, NaN and blank are missing. Raises DataError for other text, for
    infinities and for a feature that changes within one unit.
    """
    columns = [name for name in rows.columns if isinstance(name, str) and name.startswith(PREFIX)]
    if not columns:
        return Features((), None)
    values = np.empty((units, len(columns)))
    for place, column in enumerate(columns):
        if (wrong := fault(column.removeprefix(PREFIX))) is not None:
            raise DataError(f"{source}: the feature's name in column {shown(column)} {wrong}")
        values[:, place] = _by_unit(_numbers(rows, column, source), unit, units, rows, column, source)
    return Features(tuple(column.removeprefix(PREFIX) for column in columns), values)


def _numbers(rows: pd.DataFrame, column: str, source: str) -> np.ndarray:
    """(rows,) float64, NaN where missing."""
    given = rows[column]
    missing = nulls(given)
    if pd.api.types.is_bool_dtype(given.dtype):
        return given.to_numpy(dtype=np.float64, na_value=np.nan)
    found = numbers(given)
    unread = np.isnan(found) & ~missing
    if unread.any():
        known = [_truth(value) for value in given.astype(object).to_numpy()[unread]]
        found[unread] = [np.nan if one is None else one for one in known]
        unread[unread] = [one is None for one in known]
    raise_at_row(unread, rows, source, column, "is no number; a feature is a number, true, false or empty")
    raise_at_row(np.isinf(found), rows, source, column, "is infinite; leave what is missing empty")
    return found


def _truth(value: Any) -> float | None:
    """1 and 0 for true and false, NaN for blank text and `nan`, None for what is none of them."""
    if isinstance(value, bool | np.bool_):
        return float(value)
    text = value.strip().lower() if isinstance(value, str) else "?"
    return np.nan if text in ("", "nan") else _TRUTH.get(text)


def _by_unit(
    found: np.ndarray, unit: np.ndarray, units: int, rows: pd.DataFrame, column: str, source: str
) -> np.ndarray:
    """(units,) the one value that every unit has."""
    values = np.empty(units)
    values[unit[::-1]] = found[::-1]
    differs = ~((values[unit] == found) | (np.isnan(values[unit]) & np.isnan(found)))
    raise_at_row(differs, rows, source, column, "changes within one unit; give it a single value")
    return values

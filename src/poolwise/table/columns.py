"""Columns of any kind that a file or a data frame may have: as names, as numbers, as yes or no."""

from decimal import Decimal, InvalidOperation
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from poolwise.names import fault

_YES, _NO = ("true", "yes", "y", "t", "1", "1.0"), ("false", "no", "n", "f", "0", "0.0", "", "nan", "none")


class Names(NamedTuple):
    """A column as names."""

    text: np.ndarray
    """(n,) strings."""
    bad: np.ndarray
    """(n,) bool: what is no name."""
    why: str
    """Of the first that is none."""


def names(values: pd.Series) -> Names:
    """Text and whole numbers are names; fractions, dates, bytes and nulls are none."""
    text, bad, why = np.full(len(values), "", dtype=object), np.zeros(len(values), bool), ""
    known: dict[tuple[type, Any], tuple[str, str | None]] = {}
    for row, value in enumerate(values.astype(object).to_numpy()):
        key = (type(value), value if isinstance(value, str | int | np.integer) else None)
        if key not in known:
            known[key] = _name(value)
        text[row], wrong = known[key]
        if wrong is not None:
            bad[row], why = True, why or wrong
    return Names(text, bad, why)


def _name(value: Any) -> tuple[str, str | None]:
    if isinstance(value, bool | np.bool_) or not isinstance(value, str | int | np.integer):
        return "", f"is no name but of type {type(value).__name__}; write text"
    return str(value), fault(str(value))


def numbers(values: pd.Series) -> np.ndarray:
    """(n,) float64; NaN for what is no number: other text, null, dates, yes and no, complex numbers."""
    kind = values.dtype
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_complex_dtype(kind):
        return np.full(len(values), np.nan)
    if pd.api.types.is_numeric_dtype(kind) and not isinstance(kind, pd.CategoricalDtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([_number(value) for value in values.astype(object)], dtype=np.float64)


def _number(value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, str | Real | Decimal | np.number):
        return np.nan
    try:
        return float(value)
    except (ValueError, OverflowError, TypeError):
        return np.nan


def nulls(values: pd.Series) -> np.ndarray:
    """(n,) bool: None, NaN, NA, NaT; a signalling NaN of `decimal` among them, which pandas does not bear."""
    try:
        return values.isna().to_numpy()
    except InvalidOperation:
        return np.array([_null(value) for value in values.astype(object)], dtype=bool)


def flags(values: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bool, and where it is neither yes nor no. Blank and null are no; true, yes, y, t and 1 are yes."""
    text = np.array(
        ["" if _null(value) else str(value).strip().lower() for value in values.astype(object)], dtype=object
    )
    yes = np.isin(text, _YES)
    return yes, ~(yes | np.isin(text, _NO))


def _null(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_nan()
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))

"""Rows and statistics at the door of the pure functions: their types, shapes and sizes. Raises InputError."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from poolwise.errors import InputError
from poolwise.names import shown

MAX_UTILITY = 1e6
"""Utilities beyond this are refused: their squares would drown every other one."""
_MOST_CELLS = 2**27
_LARGEST_SUM, _SMALLEST_COUNT = 1e18, 1e-100


def rows(indices: Sequence[tuple[str, Any]], y: Any, weight: Any) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Whole numbers from 0, and as many utilities and weights, (n,) each; one weight may stand for all."""
    values = numbers("y", y)
    check_utilities(values)
    found = [index(name, given) for name, given in indices]
    weights = numbers("weight", weight)
    if values.ndim != 1 or any(len(one) != len(values) for one in found) or weights.shape not in ((), values.shape):
        sizes = [len(one) for one in found]
        raise InputError(f"one row per outcome: got {sizes} indices, {values.shape} utilities, {weights.shape} weights")
    if not ((weights >= 0) & (weights <= _LARGEST_SUM)).all():
        raise InputError("weights must be finite and 0 or more")
    return found, values, weights * np.ones_like(values)


def index(name: str, given: Any) -> np.ndarray:
    """(n,) int64."""
    found = numbers(name, given)
    if found.ndim != 1 or not ((found >= 0) & (found < _MOST_CELLS) & (found == np.floor(found))).all():
        raise InputError(f"{name} must be a list of whole numbers from 0, got {shown(given)}: number the names")
    return found.astype(np.int64)


def sizes(shape: Any, indices: Sequence[np.ndarray]) -> tuple[int, ...]:
    """Numbers of projects, contexts and arms: as many as occur, where none are given."""
    least = [int(one.max(initial=-1)) + 1 for one in indices]
    found = least if shape is None else index("shape", shape).tolist()
    if len(found) != len(least) or any(size < one for size, one in zip(found, least, strict=True)):
        raise InputError(f"shape {shown(shape)} must be three numbers of at least {least}")
    if math.prod(found) > _MOST_CELLS:
        raise InputError(f"{found} projects, contexts and arms are more than {_MOST_CELLS:,} cells: number the names")
    return tuple(found)


def numbers(name: str, given: Any) -> np.ndarray:
    """Float64 of whatever shape. Texts, truth values and times are no numbers."""
    try:
        found = np.asarray(given)
        if found.dtype.kind == "O":
            found = np.array([float(one) for one in found.ravel().tolist()]).reshape(found.shape)
        if found.dtype.kind not in "iuf":
            raise TypeError(f"they are {found.dtype}")
        return found.astype(np.float64)
    except (TypeError, ValueError, OverflowError, UserWarning) as error:
        raise InputError(f"{name} must be numbers, got {shown(given)} ({shown(str(error))})") from error


def check_utilities(values: np.ndarray) -> None:
    """Raises InputError for anything not finite, or so large that it is no utility."""
    wrong = ~(np.abs(values) <= MAX_UTILITY)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(f"utility {values.ravel()[row]} in row {row} is not within +-{MAX_UTILITY:g}: check its units")


def statistics(given: Any) -> list[np.ndarray]:
    """Number, sum and sum of squares, [project, context, arm]."""
    if not isinstance(given, tuple) or len(given) != 3:
        raise InputError(f"statistics are what SufficientStatistics.of makes, got {shown(given)}")
    parts = [numbers(name, part) for name, part in zip(("count", "total", "squares"), given, strict=True)]
    shapes = {part.shape for part in parts}
    if len(shapes) != 1 or parts[0].ndim != 3 or 0 in parts[0].shape:
        raise InputError(f"statistics need three arrays of one shape [project, context, arm], got {sorted(shapes)}")
    if not all((np.abs(part) <= _LARGEST_SUM).all() for part in parts) or (parts[0] < 0).any():
        raise InputError("statistics must be finite with counts >= 0: find the outcome that is not with `isfinite`")
    if ((parts[0] > 0) & (parts[0] < _SMALLEST_COUNT)).any():
        raise InputError(f"a count below {_SMALLEST_COUNT:g} says nothing and cannot be divided by: give 0")
    return parts

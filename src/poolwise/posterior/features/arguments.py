"""Raw features at the door: float64, (F,) of one job or (n, F) of many; NaN where a number is missing."""

from typing import Any

import numpy as np

from poolwise.errors import InputError
from poolwise.inputs import whole
from poolwise.posterior.arguments import numbers

MAX_FEATURES = 1_000
"""Beyond that a feature is no measurement but an encoding: a text, a picture."""


def number_of_features(features: Any) -> int:
    """Raises InputError for what is no whole number from 0 to `MAX_FEATURES`."""
    return whole("features", features, 0, MAX_FEATURES)


def raw_of_one(raw: Any, features: int) -> np.ndarray:
    """(F,) of one job; None: all are missing. Raises InputError for another shape, or what is no finite number."""
    return _checked(raw, (features,))


def raw_of_many(raw: Any, rows: int, features: int) -> np.ndarray:
    """(rows, F), a job each; None: all are missing. Raises InputError as `raw_of_one` does."""
    return _checked(raw, (rows, features))


def _checked(raw: Any, shape: tuple[int, ...]) -> np.ndarray:
    if raw is None:
        return np.full(shape, np.nan)
    found = numbers("features", raw)
    if found.shape != shape:
        known = f"{shape[-1]} features are declared" if shape[-1] else "no features are declared"
        raise InputError(f"features have the shape {found.shape}, not {shape}: {known}, one number for each")
    if np.isinf(found).any():
        raise InputError(
            f"feature {int(np.argwhere(np.isinf(found))[0][-1])} is infinite: give NaN where it is missing"
        )
    return found

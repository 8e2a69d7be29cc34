"""Values of parameters: what may be one, when two are the same, and their one text.

A value is a text, a finite number, True, False or None. Two values are the same where both are texts, both bools, both
None, or both numbers, and they are equal: 1 and 1.0 are the same, 1 and True are not. Whatever would not come back
from text or JSON as the same value is refused.
"""

import math
from typing import Any

import numpy as np

from poolwise.errors import SpaceError
from poolwise.names import shown, text_fault

Value = bool | int | float | str | None
LARGEST = 10**300
"""Whole numbers beyond it have no place among floating-point numbers."""


def value_of(given: Any) -> Value:
    """The plain value that was given; scalars of NumPy are welcome. Raises SpaceError for what cannot be a value.

    >>> value_of(np.int64(3)), value_of(-0.0)
    (3, 0.0)
    """
    value = given.item() if isinstance(given, np.generic) else given
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is int and -LARGEST <= value <= LARGEST:
        return value
    if kind is float and math.isfinite(value):
        return value + 0.0  # -0.0 is 0.0
    if kind is str and (fault := text_fault(value)) is None:
        return value
    if kind is str:
        raise SpaceError(f"the value {shown(value)} {fault}")
    if kind is float:
        raise SpaceError(f"the value {value} is no finite number, which JSON cannot hold: use a text, such as 'none'")
    if kind is int:
        raise SpaceError(f"the value {shown(value)} is no number of up to 300 digits: use a text")
    raise SpaceError(
        f"a value of type {type(given).__name__} ({shown(given)}) does not come back from JSON as itself: "
        "use a text, a number, True, False or None"
    )


def key(value: Value) -> tuple[str, Value]:
    """Equal for two values exactly where they are the same.

    >>> key(1) == key(1.0), key(1) == key(True)
    (True, False)
    """
    return ("number" if type(value) in (int, float) else type(value).__name__, value)


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same."""
    return key(one) == key(other)


def written(value: Value) -> str:
    """The text of a value, as arm ids have it; different numbers have different texts.

    >>> written(0.5), written(1 / 3), written(True)
    ('0.5', '0.3333333333333333', 'True')
    """
    if not isinstance(value, float):
        return str(value)
    short = short_text(value)
    return short if float(short) == value else repr(value)


def short_text(value: float) -> str:
    """Ten digits of a number: how ids of earlier versions wrote it."""
    return format(value, ".10g")

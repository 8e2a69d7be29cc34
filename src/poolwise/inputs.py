"""Records and numbers at the door: a record is held to the types that it states, before a value of it is used."""

import math
from collections.abc import Callable, Iterable
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from poolwise.errors import InputError, PoolwiseError
from poolwise.names import shown

Record = TypeVar("Record", bound=NamedTuple)
_WORDS: dict[Any, str] = {
    float: "a finite number", int: "a whole number", bool: "true or false", str: "text", NoneType: "None"
}  # fmt: skip


def conforming(record: Record, error: type[PoolwiseError], where: str = "") -> Record:
    """Itself, its lists as tuples and its NumPy scalars plain. Raises `error` for the first field that is not of the
    type that its record states; a number is finite.

    >>> class Point(NamedTuple):
    ...     x: float = 0.0
    >>> conforming(Point("1"), InputError, "the point's ")
    Traceback (most recent call last):
    poolwise.errors.InputError: the point's x = '1' must be a finite number
    """
    hints, made = _hints(type(record)), {}
    for name, value in zip(record._fields, record, strict=True):
        value = plain(value)
        if not _fits(value, hints[name]):
            raise error(f"{where}{name} = {shown(value)} must be {_worded(hints[name])}")
        made[name] = value
    return record._replace(**made)


def real(name: str, value: Any, error: type[InputError] = InputError) -> float:
    """A finite number. NumPy's are welcome. Raises `error`."""
    value = plain(value)
    if not _fits(value, float):
        raise error(f"{name} must be a finite number, got {type(value).__name__} {shown(value)}")
    return float(value)


def whole(name: str, value: Any, least: int, most: int, error: type[InputError] = InputError) -> int:
    """A whole number within bounds. NumPy's are welcome. Raises `error`."""
    value = plain(value)
    if not _fits(value, int) or not least <= value <= most:
        raise error(f"{name} must be a whole number of at least {least} and at most {most}, got {shown(value)}")
    return int(value)


def truth(name: str, value: Any, error: type[InputError] = InputError) -> bool:
    """True or False. NumPy's are welcome. Raises `error`."""
    if not isinstance(value, bool | np.bool_):
        raise error(f"{name} must be True or False, got {type(value).__name__} {shown(value)}")
    return bool(value)


def plain(value: Any) -> Any:
    """Lists as tuples, NumPy's strings and scalars as Python's."""
    if isinstance(value, list) or type(value) is tuple:
        return tuple(plain(one) for one in value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Real) and (item := getattr(value, "item", None)) is not None:
        return item()
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin is tuple:
        each = inner[:1] * len(value) if isinstance(value, tuple) and inner[1:] == (Ellipsis,) else inner
        return isinstance(value, tuple) and len(value) == len(each) and all(map(_fits, value, each))
    if origin is not None:
        return callable(value) if issubclass(origin, Callable) else isinstance(value, origin)  # type: ignore[arg-type]
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and _finite(value)
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    return hint is Any or isinstance(value, hint)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _worded(hint: Any) -> str:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _either(map(_worded, inner))
    if origin is Literal:
        return _either(map(repr, inner))
    if origin is tuple:
        ends = inner[1:] == (Ellipsis,)
        return f"a list of {_worded(inner[0])} each" if ends else f"[{', '.join(map(_worded, inner))}]"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def _either(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last

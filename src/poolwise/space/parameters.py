"""Typed parameters of a strategy family: Choice, Integer, Real.

Each knows its grid (the values its arms take), which values it holds, their texts, and where they stand in [0, 1].
"""

import itertools
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Protocol, cast

import numpy as np

from poolwise.errors import SpaceError
from poolwise.names import iterable, shown
from poolwise.space.values import Value, key, short_text, value_of, written

MOST_LEVELS = 1_000_000
"""Of one parameter."""
WIDEST = 1e308
FAR = 9.0
"""Values outside of a range stand at most so many of its widths away from it."""
_WHOLE = re.compile(r"-?[0-9]{1,301}")


class Parameter(Protocol):
    """What every typed parameter offers."""

    @property
    def dimensions(self) -> int:
        """Number of coordinates."""
        ...

    def grid(self) -> list[Any]:
        """The values that arms take, smallest or first-named first."""
        ...

    def hold(self, given: Any) -> Any:
        """The value of this parameter that is the same as the one given. Raises SpaceError where there is none."""
        ...

    def read(self, text: str) -> Any:
        """The value that an arm's id wrote so. Raises SpaceError where there is none."""
        ...

    def encode(self, value: Value) -> tuple[float, ...] | None:
        """Coordinates, in [0, 1] for values that it holds; None where the value means nothing here."""
        ...

    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Choice:
    """One of a few named values, without order.

    >>> Choice(["a", "b"]).encode("b")
    (0.0, 1.0)
    """

    values: Sequence[Any]

    def __post_init__(self) -> None:
        if isinstance(self.values, str | bytes | Mapping | set | frozenset) or not iterable(self.values):
            raise SpaceError(
                f"Choice needs a list of values, in their order, got {type(self.values).__name__} {shown(self.values)}"
            )
        object.__setattr__(self, "values", tuple(value_of(value) for value in self.values))
        if not self.values:
            raise SpaceError("Choice([]) needs at least one value: name what can be chosen")
        _check_distinct(self.values)

    @cached_property
    def _position(self) -> dict[tuple[str, Value], int]:
        return {key(value): position for position, value in enumerate(self.values)}

    @cached_property
    def _by_text(self) -> dict[str, Value]:
        """Texts of today, and those that earlier versions wrote."""
        earlier = {short_text(value): value for value in self.values if isinstance(value, float)}
        return earlier | {written(value): value for value in self.values}

    @property
    def dimensions(self) -> int:
        return len(self.values)

    def grid(self) -> list[Any]:
        return list(self.values)

    def hold(self, given: Any) -> Any:
        position = self._position.get(key(value_of(given)))
        if position is None:
            raise SpaceError(f"{shown(given)} is outside of {_listed(self.values)}")
        return self.values[position]

    def read(self, text: str) -> Any:
        if text_of(text) not in self._by_text:
            raise SpaceError(f"{shown(text)} is outside of {_listed(self.values)}")
        return self._by_text[text]

    def encode(self, value: Value) -> tuple[float, ...] | None:
        position = self._position.get(key(value)) if isinstance(value, Value | None) else None
        return None if position is None else tuple(float(k == position) for k in range(len(self.values)))

    def to_dict(self) -> dict[str, Any]:
        return {"type": "choice", "values": list(self.values)}


@dataclass(frozen=True)
class Integer:
    """A whole number in [low, high], on a log scale if said so. `levels`: at most so many grid values.

    >>> Integer(1, 64, log=True, levels=4).grid()
    [1, 4, 16, 64]
    """

    low: int
    high: int
    log: bool = False
    levels: int = 5
    dimensions: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check_range(self)

    def grid(self) -> list[int]:
        span, steps = self.high - self.low, self.levels - 1
        if span < self.levels:
            return list(range(self.low, self.high + 1))
        if steps == 0:
            return [self.low]
        if self.log:
            ratio = _log_ratio(self.high, self.low)
            inner = [self.low + round(self.low * math.expm1(ratio * k / steps)) for k in range(1, steps)]
        else:
            inner = [self.low + round(Fraction(span * k, steps)) for k in range(1, steps)]
        return list(dict.fromkeys([self.low, *(min(value, self.high) for value in inner), self.high]))

    def hold(self, given: Any) -> int:
        value = value_of(given)
        whole = type(value) is int or (type(value) is float and value.is_integer())
        if not whole or not self.low <= value <= self.high:  # type: ignore[operator]
            raise SpaceError(f"{shown(given)} is outside of the whole numbers {self.low} to {self.high}")
        return int(value)  # type: ignore[arg-type]

    def read(self, text: str) -> int:
        return self.hold(int(text) if _WHOLE.fullmatch(text_of(text)) else text)

    def encode(self, value: Value) -> tuple[float, ...] | None:
        return _place(self, value)

    def to_dict(self) -> dict[str, Any]:
        return {"type": "integer", "low": self.low, "high": self.high, "log": self.log, "levels": self.levels}


@dataclass(frozen=True)
class Real:
    """A number in [low, high], on a log scale if said so. `levels`: how many grid values arms take.

    >>> Real(0.01, 1.0, log=True, levels=3).grid()
    [0.01, 0.1, 1.0]
    """

    low: float
    high: float
    log: bool = False
    levels: int = 5
    dimensions: ClassVar[int] = 1

    def __post_init__(self) -> None:
        _check_range(self)

    def grid(self) -> list[float]:
        """Rounded to six digits, or as many as keep them apart evenly."""
        space = np.geomspace if self.log else np.linspace
        exact = [self.low] if self.levels == 1 else space(self.low, self.high, self.levels).tolist()
        exact = sorted({min(max(value, self.low), self.high) for value in exact})
        close = min((after - before for before, after in itertools.pairwise(exact)), default=math.inf) / 10
        for digits in range(6, 18):
            found = [min(max(float(f"{value:.{digits}g}"), self.low), self.high) for value in exact]
            if all(abs(value - other) <= close for value, other in zip(found, exact, strict=True)):
                break
        return found

    def hold(self, given: Any) -> float:
        value = value_of(given)
        if type(value) not in (int, float) or not self.low <= value <= self.high:  # type: ignore[operator]
            raise SpaceError(f"{shown(given)} is outside of the numbers {self.low} to {self.high}")
        return _as_float(value)

    def read(self, text: str) -> float:
        try:
            return self.hold(float(text_of(text)))
        except ValueError:  # SpaceError is one.
            raise SpaceError(f"{shown(text)} is outside of the numbers {self.low} to {self.high}") from None

    def encode(self, value: Value) -> tuple[float, ...] | None:
        return _place(self, value)

    def to_dict(self) -> dict[str, Any]:
        return {"type": "real", "low": self.low, "high": self.high, "log": self.log, "levels": self.levels}


def parameter_from_dict(body: Mapping[str, Any]) -> Parameter:
    """The parameter that `to_dict` described. Raises SpaceError."""
    kinds: dict[str, Any] = {"choice": Choice, "integer": Integer, "real": Real}
    if not isinstance(body, Mapping):
        raise SpaceError(
            f"a parameter is described by a table such as {{type = 'choice', values = [1, 2]}}, got {shown(body)}"
        )
    fields = {name: value for name, value in body.items() if name != "type"}
    kind = body.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        raise SpaceError(f"parameter type {shown(kind)} is unknown: use one of {sorted(kinds)}")
    try:
        return kinds[kind](**fields)
    except TypeError as error:
        raise SpaceError(f"parameter of type {shown(kind)} cannot be built from {sorted(fields)}: {error}") from error


def text_of(given: Any) -> str:
    """What an id is read from. Raises SpaceError for what is no text."""
    if not isinstance(given, str):
        raise SpaceError(f"{shown(given)} of type {type(given).__name__} is no text of an arm's id")
    return str(given)


def _check_distinct(values: Sequence[Value]) -> None:
    for reading, wrong in ((key, "are the same value"), (written, "are written alike in the ids of arms")):
        seen: dict[Any, Value] = {}
        for value in values:
            code = reading(value)
            if code in seen:
                raise SpaceError(f"Choice has {seen[code]!r} and {value!r}, which {wrong}: rename or drop one")
            seen[code] = value


def _check_range(parameter: Integer | Real) -> None:
    """Refuse what is no range; bounds become plain numbers."""
    kind, whole = type(parameter).__name__, isinstance(parameter, Integer)
    said = f"{kind}({shown(parameter.low)}, {shown(parameter.high)})"
    for name in ("low", "high"):
        bound = _bound(getattr(parameter, name), whole, said)
        object.__setattr__(parameter, name, bound)
    if not isinstance(parameter.log, bool | np.bool_):
        raise SpaceError(f"{said} has log = {shown(parameter.log)}: give True or False")
    levels = parameter.levels
    if isinstance(levels, bool) or not isinstance(levels, int | np.integer) or not 1 <= levels <= MOST_LEVELS:
        raise SpaceError(f"{said} needs levels from 1 to {MOST_LEVELS:,}, a whole number, got {shown(levels)}")
    object.__setattr__(parameter, "log", bool(parameter.log))
    object.__setattr__(parameter, "levels", int(levels))
    if parameter.low > parameter.high:
        raise SpaceError(f"{said} has its bounds reversed: give the smaller one first")
    if parameter.log and parameter.low <= 0:
        raise SpaceError(f"{said} has a log scale, which needs a lower bound above 0")
    if parameter.high - parameter.low > WIDEST:
        raise SpaceError(f"{said} is wider than numbers reach: give bounds at most {WIDEST:g} apart")


def _bound(given: Any, whole: bool, said: str) -> Any:
    try:
        value = value_of(given)
    except SpaceError:
        value = None
    if type(value) not in ((int,) if whole else (int, float)):
        raise SpaceError(f"{said} needs finite {'whole ' if whole else ''}numbers as bounds, got {shown(given)}")
    return value if whole else _as_float(value)


def _as_float(value: Any) -> float:
    """Raises SpaceError for a whole number that lies between two floating-point numbers."""
    if float(value) != value:
        raise SpaceError(f"{value!r} has more digits than a real number keeps: use an Integer")
    return float(value)


def _place(parameter: Integer | Real, value: Value) -> tuple[float] | None:
    """Where a number stands between the bounds; outside of [0, 1], but not far, if it lies outside of them."""
    if type(value) not in (int, float) or (parameter.log and value <= 0):  # type: ignore[operator]
        return None
    if abs(value) > sys.float_info.max:  # type: ignore[arg-type]
        return None
    number, low, high = cast(float, value), parameter.low, parameter.high
    if low == high:
        return (0.5 if number == low else -0.5 if number < low else 1.5,)
    share = _log_ratio(number, low) / _log_ratio(high, low) if parameter.log else (number - low) / (high - low)
    return (min(max(share, -FAR), 1 + FAR),)


def _log_ratio(high: Any, low: Any) -> float:
    """log(high / low), to full precision where they are close."""
    if low / 2 < high < 2 * low:
        return math.log1p((high - low) / low)
    return math.log(high) - math.log(low)


def _listed(values: Sequence[Value]) -> str:
    shown = ", ".join(repr(value) for value in values[:8])
    return f"{shown}, ... ({len(values)} in all)" if len(values) > 8 else shown

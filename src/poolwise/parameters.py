"""Typed parameters of a strategy family: Choice, Integer, Real.

Each knows its grid (the values its arms take), whether it holds a value, and its coordinates in [0, 1].
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from poolwise.errors import SpaceError


class Parameter(Protocol):
    """What every typed parameter offers."""

    @property
    def dimensions(self) -> int:
        """Number of coordinates."""
        ...

    def grid(self) -> list[Any]:
        """The values that arms take, smallest or first-named first."""
        ...

    def contains(self, value: Any) -> bool: ...

    def encode(self, value: Any) -> tuple[float, ...]:
        """Coordinates in [0, 1]."""
        ...

    def decode(self, coordinates: Sequence[float]) -> Any:
        """The value nearest to coordinates."""
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
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values or len({repr(value) for value in self.values}) < len(self.values):
            raise SpaceError(f"Choice{self.values} needs at least one value, each once")

    @property
    def dimensions(self) -> int:
        return len(self.values)

    def grid(self) -> list[Any]:
        return list(self.values)

    def contains(self, value: Any) -> bool:
        return any(value == other and type(value) is type(other) for other in self.values)

    def encode(self, value: Any) -> tuple[float, ...]:
        return tuple(float(value == other) for other in self.values)

    def decode(self, coordinates: Sequence[float]) -> Any:
        return self.values[int(np.argmax(coordinates))]

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

    def __post_init__(self) -> None:
        _check_range(self, whole=True)

    @property
    def dimensions(self) -> int:
        return 1

    def grid(self) -> list[int]:
        if self.high - self.low < self.levels:
            return list(range(self.low, self.high + 1))
        return list(dict.fromkeys(round(value) for value in _spaced(self)))

    def contains(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def encode(self, value: Any) -> tuple[float, ...]:
        return (_to_unit(self, value),)

    def decode(self, coordinates: Sequence[float]) -> int:
        return min(max(round(_from_unit(self, coordinates[0])), self.low), self.high)

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

    def __post_init__(self) -> None:
        _check_range(self, whole=False)

    @property
    def dimensions(self) -> int:
        return 1

    def grid(self) -> list[float]:
        return list(dict.fromkeys(self._rounded(value) for value in _spaced(self)))

    def contains(self, value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def encode(self, value: Any) -> tuple[float, ...]:
        return (_to_unit(self, value),)

    def decode(self, coordinates: Sequence[float]) -> float:
        return self._rounded(_from_unit(self, coordinates[0]))

    def _rounded(self, value: float) -> float:
        return min(max(float(f"{value:.6g}"), float(self.low)), float(self.high))

    def to_dict(self) -> dict[str, Any]:
        return {"type": "real", "low": self.low, "high": self.high, "log": self.log, "levels": self.levels}


def parameter_from_dict(body: Mapping[str, Any]) -> Parameter:
    """The parameter that `to_dict` described. Raises SpaceError."""
    kinds: dict[str, Any] = {"choice": Choice, "integer": Integer, "real": Real}
    fields = {name: value for name, value in body.items() if name != "type"}
    kind = body.get("type")
    if kind not in kinds:
        raise SpaceError(f"parameter type {kind!r} is unknown: use one of {sorted(kinds)}")
    try:
        return kinds[kind](**fields)
    except TypeError as error:
        raise SpaceError(f"parameter of type {kind!r} cannot be built from {sorted(fields)}: {error}") from error


def _check_range(parameter: Integer | Real, *, whole: bool) -> None:
    bounds = (parameter.low, parameter.high)
    kind = type(parameter).__name__
    numeric = (int,) if whole else (int, float)
    if not all(isinstance(bound, numeric) and not isinstance(bound, bool) and math.isfinite(bound) for bound in bounds):
        raise SpaceError(f"{kind}{bounds} needs finite {'whole ' if whole else ''}numbers as bounds")
    if parameter.low > parameter.high:
        raise SpaceError(f"{kind}{bounds} has its bounds reversed: give the smaller one first")
    if parameter.log and parameter.low <= 0:
        raise SpaceError(f"{kind}{bounds} has a log scale, which needs a lower bound above 0")
    if parameter.levels < 1:
        raise SpaceError(f"{kind}{bounds} needs levels >= 1, got {parameter.levels}")


def _spaced(parameter: Integer | Real) -> np.ndarray:
    if parameter.levels == 1 or parameter.low == parameter.high:
        return np.array([parameter.low])
    space = np.geomspace if parameter.log else np.linspace
    return space(parameter.low, parameter.high, parameter.levels)


def _to_unit(parameter: Integer | Real, value: float) -> float:
    if parameter.low == parameter.high:
        return 0.5
    if parameter.log:
        return math.log(value / parameter.low) / math.log(parameter.high / parameter.low)
    return (value - parameter.low) / (parameter.high - parameter.low)


def _from_unit(parameter: Integer | Real, unit: float) -> float:
    unit = min(max(unit, 0.0), 1.0)
    if parameter.log:
        return parameter.low * (parameter.high / parameter.low) ** unit
    return parameter.low + unit * (parameter.high - parameter.low)

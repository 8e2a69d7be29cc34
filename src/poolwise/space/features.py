"""Features of jobs: numbers, truth values and choices known of a job before it is decided, declared by name.

A feature has one column, a choice one for each of its values. A job is a row of them: NaN where it is not known.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from poolwise.errors import InputError, SpaceError, nearest
from poolwise.inputs import plain, real
from poolwise.names import checked, iterable, shown
from poolwise.space.values import key, value_of, written

Type = Literal["real", "integer", "boolean", "choice"]
Missing = Literal["allowed", "refused"]
MOST_VALUES, MOST_COLUMNS = 100, 1_000
"""Of a choice, and of all features together."""
LARGEST_INTEGER = 2**53
"""Whole numbers beyond it are no floating-point numbers."""


@dataclass(frozen=True)
class Feature:
    """What is known of a job before it is decided.

    >>> Feature("choice", values=["sat", "unsat"]).numbers("answer", "sat")
    (1.0, 0.0)
    """

    type: Type = "real"
    log: bool = False
    """Whether ratios matter, not differences: of a number that is never negative."""
    missing: Missing = "allowed"
    """Whether a job may come without it."""
    values: Sequence[Any] = ()
    """Of a choice."""
    cost: float = 0.0
    """What it costs to find it out for a job, in the unit of the costs that are reported."""

    def __post_init__(self) -> None:
        if self.type not in get_args(Type):
            raise SpaceError(f"type {shown(self.type)} of a feature is none of {', '.join(get_args(Type))}")
        if self.missing not in get_args(Missing):
            raise SpaceError(f"missing = {shown(self.missing)} of a feature must be 'allowed' or 'refused'")
        if not isinstance(self.log, bool) or (self.log and self.type not in ("real", "integer")):
            raise SpaceError(
                f"log = {shown(self.log)} of a feature must be true or false, and false where it counts none"
            )
        cost = real("the cost of a feature", self.cost, SpaceError)
        if cost < 0:
            raise SpaceError(f"the cost of a feature is 0 or more, got {cost:g}")
        object.__setattr__(self, "cost", cost)
        object.__setattr__(self, "values", _values(self.type, self.values))

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.values) if self.type == "choice" else 1

    def labels(self, name: str) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(f"{name}={written(value)}" for value in self.values) if self.type == "choice" else (name,)

    def numbers(self, name: str, value: Any) -> tuple[float, ...]:
        """Its columns for one job; None and NaN: not known. Raises InputError for what it cannot be."""
        value = plain(value)
        if _unknown(value):
            if self.missing == "refused":
                raise InputError(f"feature {shown(name)} is missing, and declared with missing = 'refused': give it")
            return (math.nan,) * self.width
        if self.type == "choice":
            return self._chosen(name, value)
        return (self._number(name, value),)

    def read(self, name: str, text: str) -> Any:
        """The value that a text means; an empty one: not known. Raises InputError."""
        text = text.strip()
        if not text:
            return None
        if self.type == "choice":
            return next((value for value in self.values if written(value) == text), text)
        if self.type == "boolean" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        try:
            return float(text)
        except ValueError:
            raise InputError(f"feature {shown(name)} = {shown(text)} is no number") from None

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable; `feature_from_dict` is its inverse."""
        body = {"type": self.type, "log": self.log, "missing": self.missing, "cost": self.cost}
        return body | ({"values": list(self.values)} if self.type == "choice" else {})

    def _chosen(self, name: str, value: Any) -> tuple[float, ...]:
        try:
            wanted = key(value_of(value))
        except SpaceError as error:
            raise InputError(f"feature {shown(name)}: {error}") from None
        found = tuple(float(key(one) == wanted) for one in self.values)
        if not any(found):
            few = ", ".join(map(written, self.values[:8]))
            raise InputError(
                f"feature {shown(name)} = {shown(value)} is none of its values ({few}): declare it, or leave it out"
            )
        return found

    def _number(self, name: str, value: Any) -> float:
        if self.type == "boolean":
            if isinstance(value, bool | np.bool_) or (isinstance(value, int | float) and value in (0, 1)):
                return float(value)
            raise InputError(f"feature {shown(name)} must be true or false, got {shown(value)}")
        number = real(f"feature {shown(name)}", value)
        if self.type == "integer" and not (number.is_integer() and abs(number) <= LARGEST_INTEGER):
            raise InputError(f"feature {shown(name)} must be a whole number up to 2^53, got {shown(value)}")
        if self.log and number < 0:
            raise InputError(f"feature {shown(name)} = {number:g} is declared with log = true: it cannot be negative")
        return number + 0.0  # -0.0 is 0.0


Declared = Mapping[str, Feature]
"""By name."""


def feature_from_dict(body: Any) -> Feature:
    """From a table of a configuration. Raises SpaceError."""
    if isinstance(body, Feature):
        return body
    if not isinstance(body, Mapping):
        raise SpaceError(f"a feature is a table such as {{ type = 'real', log = true }}, got {shown(body)}")
    known = tuple(Feature.__dataclass_fields__)
    for name in body:
        if name not in known:
            raise SpaceError(f"unknown key {shown(name)} of a feature{nearest(str(name), known)}")
    return Feature(**body)


def declared(tables: Any) -> dict[str, Feature]:
    """Features by name from what a caller or a configuration declares. Raises SpaceError, with the feature's name.

    >>> declared({"clauses": {"type": "integer", "log": True}})["clauses"].log
    True
    """
    if not isinstance(tables, Mapping):
        raise SpaceError(f"features are a table by name, {{'size': {{'log': True}}}}, got {shown(tables)}")
    found = {}
    for given, body in tables.items():
        name = checked("a feature's name", given)
        if "=" in name:
            raise SpaceError(f"a feature's name has no '=', got {shown(name)}")
        try:
            found[name] = feature_from_dict(body)
        except InputError as error:
            raise SpaceError(f"feature {shown(name)}: {error}") from None
    if (width := sum(feature.width for feature in found.values())) > MOST_COLUMNS:
        raise SpaceError(f"the features have {width} columns together, of {MOST_COLUMNS} at most: leave some out")
    return found


def contradiction(before: Feature, now: Feature) -> str | None:
    """What keeps two declarations of one name from being one feature; values and `missing` may change."""
    numbers = ("real", "integer")
    if before.type != now.type and not (before.type in numbers and now.type in numbers):
        return f"type = '{before.type}'"
    return f"log = {str(before.log).lower()}" if before.log != now.log else None


def _unknown(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


def _values(type: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | bytes | Mapping | set) or not iterable(values):
        raise SpaceError(f"the values of a choice are a list, got {shown(values)}")
    found = tuple(value_of(value) for value in values)
    if (type == "choice") != bool(found):
        raise SpaceError("a choice has values, and no other feature has: values = ['a', 'b']")
    if len({written(value) for value in found}) < len(found):
        raise SpaceError(f"the values of a choice differ, got {shown(found)}")
    if len(found) > MOST_VALUES:
        raise SpaceError(f"a choice has at most {MOST_VALUES} values, got {len(found)}: group them")
    return found

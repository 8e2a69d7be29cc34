"""Jobs as rows of numbers: from what callers know of them to what is stored and learned from."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from poolwise.errors import InputError, nearest
from poolwise.names import iterable, shortened, shown
from poolwise.space.features import LARGEST_INTEGER, Declared, Feature

_NUMBERS = (int, float)
_LEAST = 5e-324
"""Takes the place of 0 where a logarithm is taken: below all else."""


class JobFeatures:
    """Declared features and where their numbers stand in a row. Columns are only ever added, so a row that has fewer
    of them was stored before the others were declared."""

    def __init__(self, declared: Declared, columns: Sequence[str] = ()) -> None:
        """columns: labels in the order of a store; empty: those of the features in theirs."""
        own = [label for name, feature in declared.items() for label in feature.labels(name)]
        self.declared, self.columns = dict(declared), tuple(columns) or tuple(own)
        place = {label: k for k, label in enumerate(self.columns)}
        self._places = {name: [place[label] for label in one.labels(name)] for name, one in declared.items()}
        self._least = {
            name: 0.0 if feature.log else -float(LARGEST_INTEGER)
            for name, feature in declared.items()
            if feature.type == "real"
        }
        """Of numbers, what most values are beyond: then nothing else is asked of them."""
        self._several = [places for places in self._places.values() if len(places) > 1]
        self.asked = any(feature.missing == "refused" for feature in declared.values())
        """Whether no job may come without features."""

    def row(self, given: Any) -> np.ndarray | None:
        """(columns,) of one job, NaN: not known; None where nothing is. Raises InputError for names that are not
        declared, values that cannot be, and a lack of what must be there."""
        if given is None and not self.asked:
            return None
        named, known = self._named(given), False
        row: list[float] = [math.nan] * len(self.columns)
        for name in self.declared if self.asked else named:
            value: Any = named.get(name)
            places = self._places[name]
            if type(value) in _NUMBERS and self._least.get(name, math.inf) <= value <= LARGEST_INTEGER:
                row[places[0]], known = value + 0.0, True
                continue
            for place, number in zip(places, self.declared[name].numbers(name, value), strict=True):
                row[place], known = number, known or number == number
        return np.array(row) if known else None

    def rows(self, given: Any, count: int) -> np.ndarray | None:
        """(count, columns) of many jobs, from a table or a mapping of columns, a single value standing for all; None
        where nothing is known. Raises InputError, with the row."""
        if given is None and not self.asked:
            return None
        named = self._named(given)
        found = np.full((count, len(self.columns)), np.nan)
        for name, feature in self.declared.items():
            if name in named or feature.missing == "refused":
                found[:, self._places[name]] = _column(name, feature, named.get(name), count)
        return None if np.isnan(found).all() else found

    def count(self, given: Any) -> int:
        """How many jobs there are in a table or a mapping of columns, as far as it says."""
        return max((len(one) for one in self._named(given).values() if _several(one)), default=1)

    def shown(self, row: Sequence[float] | np.ndarray | None) -> dict[str, Any]:
        """What is known of a job, by name, as it was given."""
        if row is None:
            return {}
        padded = self.padded(np.asarray(row, dtype=np.float64)[None])[0]
        found = {name: _value(one, padded[self._places[name]].tolist()) for name, one in self.declared.items()}
        return {name: value for name, value in found.items() if value is not None}

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """(n, columns) of rows that were stored with fewer columns, or more."""
        n, stored = rows.shape
        width = len(self.columns)
        if stored >= width:
            found = rows[:, :width].copy()
        else:
            found = np.concatenate([rows, np.full((n, width - stored), np.nan)], axis=1)
        for places in self._several:  # A choice whose value is known is none of those that were declared since.
            part = found[:, places]
            known = ~np.isnan(part).all(axis=1)
            found[:, places] = np.where(known[:, None] & np.isnan(part), 0.0, part)
        return found

    def encoded(self, rows: np.ndarray) -> np.ndarray:
        """(n, columns) as they are learned from: logarithms where declared, every column known from the first on."""
        found, logs = self.padded(rows), self._logs
        if logs:
            with np.errstate(invalid="ignore"):
                found[:, logs] = np.log(np.maximum(found[:, logs], _LEAST))
        return found

    def encoded_row(self, row: Sequence[float] | np.ndarray | None) -> np.ndarray | None:
        """The same of one job; None where nothing is known."""
        return None if row is None else self.encoded(np.asarray(row, dtype=np.float64)[None])[0]

    def costs(self, rows: np.ndarray) -> np.ndarray:
        """(n,) what it cost to find out what is known of each."""
        found, total = self.padded(rows), np.zeros(len(rows))
        for name, feature in self.declared.items():
            if feature.cost:
                total += feature.cost * ~np.isnan(found[:, self._places[name]]).all(axis=1)
        return total

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values by name, where some are texts. Raises InputError."""
        named = self._named(given)
        return {
            name: self.declared[name].read(name, value) if isinstance(value, str) else value
            for name, value in named.items()
        }

    @cached_property
    def _logs(self) -> list[int]:
        return [k for name, one in self.declared.items() if one.log for k in self._places[name]]

    def _named(self, given: Any) -> dict[str, Any]:
        """As a dictionary of declared names."""
        if given is None:
            return {}
        if not (hasattr(given, "keys") and hasattr(given, "__getitem__")):
            raise InputError(
                f"features are given by name, {{'size': 12000}}, got {type(given).__name__} {shown(given)}"
            )
        found = {name: given[name] for name in given.keys()}  # noqa: SIM118 - a table's items are its columns
        for name in found:
            if name not in self.declared:
                hint = nearest(str(name), self.declared) if self.declared else ": none are declared, see [features]"
                raise InputError(f"unknown feature {shown(name)}{shortened(hint, 200)}")
        return found


def _several(given: Any) -> bool:
    return not isinstance(given, str | bytes) and iterable(given) and hasattr(given, "__len__")


def _column(name: str, feature: Feature, given: Any, count: int) -> np.ndarray:
    """(count, width)."""
    if isinstance(given, str) or not iterable(given):
        return np.array(feature.numbers(name, given))
    if isinstance(given, bytes | Mapping | set | frozenset):
        raise InputError(f"feature {shown(name)} must be a value, or one per job, got {type(given).__name__}")
    values = given if isinstance(given, np.ndarray) else np.array([*given, None], dtype=object)[:-1]
    if len(values) != count:
        raise InputError(f"feature {shown(name)} has {len(values)} values for {count} jobs: give one, or one per job")
    if values.dtype.kind == "f" and feature.type == "real" and _plainly(feature, values):
        return values.astype(np.float64)[:, None] + 0.0
    found = []
    for row, value in enumerate(values.tolist()):
        try:
            found.append(feature.numbers(name, value))
        except InputError as error:
            raise InputError(f"row {row}: {error}") from None
    return np.array(found).reshape(count, feature.width)


def _plainly(feature: Feature, values: np.ndarray) -> bool:
    """Whether there is nothing to refuse among numbers."""
    if values.ndim != 1 or np.isinf(values).any() or (feature.log and (values < 0).any()):
        return False
    return feature.missing == "allowed" or not np.isnan(values).any()


def _value(feature: Feature, numbers: list[float]) -> Any:
    if feature.type == "choice":
        return next((value for value, number in zip(feature.values, numbers, strict=True) if number == 1.0), None)
    (number,) = numbers
    if math.isnan(number):
        return None
    return bool(number) if feature.type == "boolean" else int(number) if feature.type == "integer" else number

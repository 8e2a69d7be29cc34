"""The texts of all statements for one kind of database, as `texts` made them from `definitions` and `maintenance`."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from poolwise.schema import STATUSES

HEAD = "0003"
"""Version of the schema: the newest migration."""
WITHDRAWN = len(STATUSES)
"""Added to the status of an outcome that was taken back."""
PRUNED = "pruned"
"""Kind of the record that says up to which events a store was pruned, and which checkpoint holds them."""
_LAST = 2**63 - 1


class Statements:
    """One text for every name of `definitions` and `maintenance`."""

    def __init__(self, dialect: str) -> None:
        self.__dict__.update(_made()[dialect])

    def __getattr__(self, name: str) -> str:
        raise AttributeError(f"there is no statement {name}")


@lru_cache
def statements(dialect: str) -> Statements:
    """`sqlite` or `postgresql`."""
    return Statements(dialect)


def columns(table: str) -> tuple[str, ...]:
    """In their order."""
    return tuple(_made()["columns"][table])


def named(table: str) -> str:
    """Its columns as a part of a statement."""
    return ", ".join(f'"{name}"' for name in columns(table))


def unloading(table: str) -> str:
    """The statement that reads it whole, in the order of its key."""
    return f'SELECT {named(table)} FROM "{table}" ORDER BY {", ".join(keys()[table])}'


def keys() -> dict[str, list[str]]:
    """Every table, in an order in which each follows those that it refers to, and its primary key."""
    return dict(_made()["keys"])


@lru_cache
def _made() -> dict[str, Any]:
    return dict(json.loads(Path(__file__).with_name("texts.json").read_text()))


def places(first: int, limit: int | None) -> tuple[int, int]:
    """Of events, from the one after `first` on: values for `DECISIONS` and `OUTCOMES`."""
    return first, _LAST if limit is None else first + limit


def among(ids: np.ndarray) -> tuple[str, tuple[Any, ...]]:
    """Which statement asks for these numbers, and its values: a range where it holds few others, which are for the
    caller to leave out."""
    low, high = (int(ids.min()), int(ids.max())) if len(ids) else (0, 0)
    if high - low < 2 * len(ids):
        return "BETWEEN", (low, high)
    return "AMONG", (json.dumps(ids.tolist()),)

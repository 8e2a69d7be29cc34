"""The table of a simulation: what each strategy does in each context, read and checked."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from poolwise.errors import ConfigError

Table = Mapping[str, Mapping[str, "Strategy"]]
"""By context and strategy."""


class Strategy(NamedTuple):
    """What a strategy does in one context."""

    mean: float
    """Of the speed-up over the baseline where it does not fail."""
    sd: float
    reliability: float
    """Probability that it does not fail."""


def read(strategies: Any) -> dict[str, dict[str, Strategy]]:
    """From nested tables; every context with the same strategies, in the order of the first. Raises ConfigError."""
    if not isinstance(strategies, Mapping) or not strategies:
        raise ConfigError("[workload.strategies] is empty: name contexts, and the strategies of each")
    table = {context: _rows(context, rows) for context, rows in strategies.items()}
    names = list(next(iter(table.values())))
    for context, rows in table.items():
        if set(rows) != set(names):
            odd = sorted(set(rows) ^ set(names))[0]
            raise ConfigError(f"strategy {odd!r} is not in every context, see {context!r}: give it a row in each")
    return {context: {name: rows[name] for name in names} for context, rows in table.items()}


def _rows(context: str, rows: Any) -> dict[str, Strategy]:
    if not isinstance(rows, Mapping) or not rows:
        raise ConfigError(f"[workload.strategies.{context}] is empty: give at least the baseline a row")
    return {name: _strategy(context, name, row) for name, row in rows.items()}


def _strategy(context: str, name: str, row: Any) -> Strategy:
    place = f"{name} in [workload.strategies.{context}]"
    if not isinstance(row, Mapping) or set(row) != set(Strategy._fields):
        raise ConfigError(f"{place} must give mean, sd and reliability, got {row!r}")
    made = Strategy(*(_number(f"{field} of {place}", row[field]) for field in Strategy._fields))
    if not (made.mean > 0 and made.sd >= 0 and 0 <= made.reliability <= 1):
        raise ConfigError(f"{place} needs mean > 0, sd >= 0 and reliability between 0 and 1, got {row!r}")
    return made


def frequencies(given: Any, table: Table) -> dict[str, float]:
    """Shares of the contexts, which add up to 1. Raises ConfigError."""
    if not isinstance(given, Mapping) or set(given) != set(table):
        raise ConfigError(f"[workload.context_frequency] must name the contexts of the table: {', '.join(table)}")
    found = {context: _number(f"context_frequency of {context}", given[context]) for context in table}
    if min(found.values()) < 0 or sum(found.values()) <= 0:
        raise ConfigError("[workload.context_frequency] needs numbers >= 0 that are not all 0")
    return {context: value / sum(found.values()) for context, value in found.items()}


def interval(context: str, given: Any) -> tuple[float, float]:
    """[low, high] of one context, from one pair for all or a pair for each. Raises ConfigError."""
    pair = given.get(context) if isinstance(given, Mapping) else given
    if not isinstance(pair, Sequence) or len(pair) != 2:
        raise ConfigError(f"baseline_seconds of {context!r} must be [low, high] in seconds, got {pair!r}")
    low, high = (positive(f"baseline_seconds of {context!r}", value) for value in pair)
    if low > high:
        raise ConfigError(f"baseline_seconds of {context!r} must be [low, high] with low <= high, got {pair!r}")
    return low, high


def positive(name: str, value: Any) -> float:
    """The number, or a ConfigError."""
    number = _number(name, value)
    if number <= 0:
        raise ConfigError(f"{name} is {value!r} but must be above 0")
    return number


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{name} is {value!r} but must be a finite number")
    return float(value)

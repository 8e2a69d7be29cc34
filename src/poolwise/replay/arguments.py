"""Where calls of a replay come in: the types and ranges of what is given. Raises ConfigError and DataError."""

from typing import Any

import numpy as np

from poolwise.errors import ConfigError, DataError
from poolwise.inputs import whole
from poolwise.names import iterable, shown
from poolwise.policy.view import Policy
from poolwise.table import Table

MOST = 10_000
"""Seeds of one replay: all their runs are in memory."""


def tabled(given: Any) -> Table:
    """Outcomes as `table.from_rows` and `replay.read` make them, which check them."""
    if not isinstance(given, Table):
        raise DataError(f"a table is what `replay.read` makes, got {type(given).__name__} {shown(given)}")
    return given


def driven(given: Any) -> Policy:
    if not isinstance(given, Policy):
        raise ConfigError(f"give a policy, such as policy.parse('thompson'), got {type(given).__name__} {shown(given)}")
    return given


def seed_of(given: Any) -> int:
    return whole("a seed", given, 0, 2**63 - 1, ConfigError)


def seeds_of(given: Any) -> tuple[int, ...]:
    """So many from 0, or those of a list."""
    many = iterable(given) and not isinstance(given, str | bytes)
    found = list(given) if many else range(whole("seeds", given, 0, MOST, ConfigError))
    if not 0 < len(found) <= MOST:
        raise ConfigError(f"{len(found) or 'no'} seeds: give 1 to {MOST:,}, or a list of them")
    return tuple(map(seed_of, found))


def order_of(given: Any, table: Table) -> np.ndarray:
    """(decisions,) rows of a table."""
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, UserWarning):
        found = np.empty(0)
    whole_numbers = found.ndim == 1 and len(found) and found.dtype.kind in "iu"
    if not whole_numbers or not ((found >= 0) & (found < len(table.units))).all():
        raise DataError(
            f"an order is a list of rows of the table, from 0 to {len(table.units) - 1}, got {shown(given)}"
        )
    return found.astype(np.int64)


def orders_of(given: Any, seeds: tuple[int, ...], table: Table) -> list[np.ndarray]:
    """An order for every seed."""
    found = [order_of(one, table) for one in given] if iterable(given) else []
    if len(found) != len(seeds):
        raise DataError(f"give an order for every seed: {len(found)} orders for {len(seeds)} seeds")
    return found

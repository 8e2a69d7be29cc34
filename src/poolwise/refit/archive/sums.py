"""Sufficient statistics of a partitioned log: sums of cells, which are kept for every partition and added.

    rows, ok, total, squares        of a cell: outcomes, successes, sum of their utilities and of the squares

A partition is folded by one thread, in the order of its rows, and partitions are added in the order of their days: the
same log gives the same numbers, bit by bit, wherever its partitions were folded.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from poolwise.engine.settings import Settings
from poolwise.errors import DataError
from poolwise.refit.aggregate import MEMORY, columns_of, malformed, smallest_cost, special_rows
from poolwise.refit.events import NAMES, bad, expressions

SUMS = ("rows", "ok", "total", "squares")


class Sums(NamedTuple):
    """Of cells that have outcomes."""

    projects: np.ndarray
    contexts: np.ndarray
    arms: np.ndarray
    """Names."""
    at: np.ndarray
    """(cells,): places in an array [project, context, arm] of these names, increasing; the others are of these."""
    rows: np.ndarray
    ok: np.ndarray
    total: np.ndarray
    squares: np.ndarray


class Folded(NamedTuple):
    """One partition."""

    sums: Sums
    special: dict[str, np.ndarray]
    """Rows that are learned one after another, by column."""
    least: float | None
    """Half the smallest cost above 0 in it."""
    zeros: int
    """Rows with a cost of 0, which are read at a resolution."""


class Dense(NamedTuple):
    """What was added up: names, and the sums of all cells (4, projects, contexts, arms)."""

    names: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    sums: np.ndarray


NOTHING = Dense(((), (), ()), np.zeros((len(SUMS), 0, 0, 0)))


def fold(path: str, settings: Settings, limit: float, resolution: float | None) -> Folded:
    """One file. resolution: what a cost of 0 is read as; None: half the smallest cost above 0 in it. Raises DataError
    for malformed rows."""
    with duckdb.connect() as base:
        base.execute(f"SET threads = 1; SET memory_limit = '{MEMORY}'; SET enable_progress_bar = false")
        columns = columns_of(base, path, path)
        least = smallest_cost(base, path, columns)
        sql = expressions(columns, path, settings, least if resolution is None else resolution)
        is_zero = " OR ".join(f"{name} = 0" for name in ("cost", "baseline_cost") if name in columns) or "false"
        fine = "NOT special AND ok"
        query = f"""
            SELECT project, context, arm, count(*) FILTER (NOT special) AS rows, count(*) FILTER ({fine}) AS ok,
                   coalesce(sum(u) FILTER ({fine}), 0) AS total, coalesce(sum(u * u) FILTER ({fine}), 0) AS squares,
                   count(*) FILTER (bad) AS bad, count(*) FILTER (special) AS special,
                   count(*) FILTER (coalesce(zero, false)) AS zeros
            FROM (SELECT project, context, arm, {sql.status} = 'ok' AS ok, {bad(sql)} AS bad,
                         {sql.special} AS special, {is_zero} AS zero,
                         greatest(least({sql.utility}, {limit}), -{limit}) AS u FROM read_parquet(?))
            GROUP BY ALL
        """
        try:
            found = base.cursor().sql(query, params=[path]).to_arrow_table()
        except duckdb.Error as error:
            raise DataError(f"{path} cannot be read as events: {str(error).splitlines()[0]}") from error
        count = {name: int(found[name].to_numpy().sum()) for name in ("bad", "special", "zeros")}
        if count["bad"]:
            raise DataError(malformed(base, path, sql, count["bad"], path))
        special = special_rows(base, path, sql) if count["special"] else {}
    return Folded(_sums(found), special, least, count["zeros"])


def _sums(found: pa.Table) -> Sums:
    names, codes = zip(*(_encoded(found[name]) for name in NAMES), strict=True)
    at = (codes[0] * len(names[1]) + codes[1]) * len(names[2]) + codes[2]
    order = np.argsort(at)
    return _kept(names, at[order], [found[name].to_numpy()[order] for name in SUMS])


def _encoded(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """Names in their order, and the place of each row's."""
    encoded = column.combine_chunks().dictionary_encode()
    names = np.array(encoded.dictionary.to_pylist(), dtype=str)
    order = np.argsort(names)
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return names[order], places[encoded.indices.to_numpy()]


def _kept(names: Sequence[np.ndarray], at: np.ndarray, sums: Sequence[np.ndarray]) -> Sums:
    """Whole numbers in as few bytes as they take."""
    small = [part.astype(np.min_scalar_type(int(part.max(initial=0)))) for part in (at, *sums[:2])]
    return Sums(names[0], names[1], names[2], small[0], small[1], small[2], sums[2], sums[3])


def added(dense: Dense, sums: Sums) -> Dense:
    """Another partition; a cell occurs in it once. What `dense` had is changed in place where no name is new."""
    new = [axis.tolist() for axis in sums[:3]]
    names = [tuple(dict.fromkeys((*known, *more))) for known, more in zip(dense.names, new, strict=True)]
    shape, whole, at = (len(SUMS), *map(len, names)), dense.sums, sums.at
    if whole.shape != shape:
        whole = np.zeros(shape)
        whole[tuple(slice(size) for size in dense.sums.shape)] = dense.sums
    if len(at) and any(list(axis) != more for axis, more in zip(names, new, strict=True)):
        place = [{name: k for k, name in enumerate(axis)} for axis in names]
        moved = [np.array([one[name] for name in more], dtype=np.int64) for one, more in zip(place, new, strict=True)]
        codes = np.unravel_index(at.astype(np.int64), tuple(map(len, new)))
        at = np.ravel_multi_index(tuple(m[code] for m, code in zip(moved, codes, strict=True)), shape[1:])
    for part, values in zip(whole.reshape(len(SUMS), -1), sums[4:], strict=True):
        part[at] += values
    return Dense((names[0], names[1], names[2]), whole)


def sparse(dense: Dense) -> Sums:
    """The cells that have outcomes."""
    flat = dense.sums.reshape(len(SUMS), -1)
    at = np.flatnonzero(flat[0])
    return _kept([np.array(axis, dtype=str) for axis in dense.names], at, [part[at] for part in flat])

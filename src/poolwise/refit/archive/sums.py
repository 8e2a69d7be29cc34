"""Sufficient statistics of a partitioned log: sums of cells, which are kept for every partition and added.

    rows, ok, total, squares        of a cell: outcomes, successes, sum of their utilities and of the squares

A partition is folded by one thread, in the order of its rows, and partitions are added in the order of their days: the
same log gives the same numbers, bit by bit, wherever its partitions were folded.
"""

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
    """Of cells that have outcomes, (cells,) each; names as indices."""

    projects: np.ndarray
    contexts: np.ndarray
    arms: np.ndarray
    """Names."""
    project: np.ndarray
    context: np.ndarray
    arm: np.ndarray
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
    return Sums(*names, *codes, *(found[name].to_numpy().astype(np.float64) for name in SUMS))


def _encoded(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """Names in their order, and the place of each row's."""
    encoded = column.combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_numpy(zero_copy_only=False).astype(str)
    order = np.argsort(names)
    places = np.empty(len(order), dtype=np.int32)
    places[order] = np.arange(len(order))
    return names[order], places[encoded.indices.to_numpy()]


def added(dense: Dense, sums: Sums) -> Dense:
    """Another partition; a cell occurs in it once. What `dense` had is changed in place where no name is new."""
    names, at = [], []
    for known, new, code in zip(dense.names, sums[:3], sums[3:6], strict=True):
        place = {name: k for k, name in enumerate((*known, *(one for one in new.tolist() if one not in {*known})))}
        names.append(tuple(place))
        at.append(np.array([place[one] for one in new.tolist()], dtype=np.int64)[code])
    shape = (len(SUMS), *map(len, names))
    whole = dense.sums
    if whole.shape != shape:
        whole = np.zeros(shape)
        whole[tuple(slice(size) for size in dense.sums.shape)] = dense.sums
    for part, values in zip(whole, sums[6:], strict=True):
        part[tuple(at)] += values
    return Dense((names[0], names[1], names[2]), whole)


def sparse(dense: Dense) -> Sums:
    """The cells that have outcomes."""
    at = np.nonzero(dense.sums[0])
    names = (np.array(axis, dtype=str) for axis in dense.names)
    return Sums(*names, *(part.astype(np.int32) for part in at), *(part[at] for part in dense.sums))

"""Events -> statistics of every (project, context, arm), streaming, so that only groups are held.

A store (`sqlite:///file.db`) is read in blocks. Parquet goes through DuckDB, and needs these columns:

    project, context, arm    names
    status                   ok, failed or timeout; without the column all are ok
    utility                  or cost and baseline_cost: utility = log(baseline_cost / cost)

Other columns are ignored; `poolwise export` writes such a file. One pass groups and counts what is malformed; nothing
is dropped: a file with one bad row is refused, and a second pass, made only then, says which row and column.
"""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from poolwise.engine.refitting import NOBODY, Problem
from poolwise.errors import DataError, nearest
from poolwise.posterior.gaussian import LARGEST, Statistics
from poolwise.schema import STATUSES
from poolwise.store import OutcomeColumns, open_store

NAMES = ("project", "context", "arm")
BLOCK = 1 << 19
"""Outcomes of a store that are read at a time."""
MEMORY = "2GB"
"""What DuckDB may use before it spills to disk."""


def read(source: str, problem: Problem) -> Problem:
    """The problem with the statistics of the events in a store, a Parquet file, a folder of such files, or a pattern.

    Arms are those of the problem; projects and contexts that it does not know come after those that it does. Raises
    DataError, with row and column, for malformed events, and for arms that are unknown.
    """
    groups = stored(source, problem.limit) if "://" in source else grouped(source, problem.limit)
    projects, contexts = (
        _extended(known, groups[name]) for name, known in (("project", problem.projects), ("context", problem.contexts))
    )
    axes = (projects, contexts, problem.arms)
    _known_arms(groups["arm"], groups["rows"], problem.arms, source)
    at = tuple(_codes(axis, groups[name]) for axis, name in zip(axes, NAMES, strict=True))
    shape = tuple(map(len, axes))
    ok = groups["status"] == "ok"
    taught = ok & (groups["arm"] != problem.baseline)  # the baseline teaches nothing of the others, see `reference`
    sums = [_summed(at, groups[name] * taught, shape) for name in ("rows", "total", "squares")]
    return problem._replace(
        projects=tuple(projects),
        contexts=tuple(contexts),
        stats=Statistics(*sums),
        tried=_summed(at, groups["rows"], shape),
        succeeded=_summed(at, groups["rows"] * ok, shape),
        outcomes=int(groups["rows"].sum()),
        online=None,
    )


def grouped(source: str, limit: float) -> dict[str, np.ndarray]:
    """Columns project, context, arm, status, rows, total, squares, a row per group; utilities clipped to +- limit."""
    files = pattern(source)
    with duckdb.connect() as base:
        base.execute(f"SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = false")
        base.execute("SET enable_progress_bar = false")
        columns = _columns(base, files, source)
        status, utility = expressions(columns, source)
        query = f"""
            SELECT project, context, arm, status, count(*) AS rows, count(*) FILTER (bad) AS bad,
                   coalesce(sum(u), 0) AS total, coalesce(sum(u * u), 0) AS squares
            FROM (SELECT project, context, arm, {status} AS status, {bad(status, utility)} AS bad,
                         greatest(least({utility}, {limit}), -{limit}) AS u
                  FROM read_parquet(?, union_by_name = true))
            GROUP BY ALL ORDER BY ALL
        """
        try:
            found = base.execute(query, [files]).fetchnumpy()
        except duckdb.Error as error:
            raise DataError(f"{source} cannot be read as events: {_first_line(error)}") from error
        wrong = int(sum(found["bad"]))
        if wrong:
            raise DataError(_where(base, files, status, utility, wrong, source))
    if not len(found["rows"]):
        raise DataError(f"{source} holds no event: name files with at least one row")
    return {name: np.asarray(values, dtype=object if name in (*NAMES, "status") else np.float64)
            for name, values in found.items()}  # fmt: skip


def stored(url: str, limit: float) -> dict[str, np.ndarray]:
    """As `grouped`, of the outcomes of a store."""
    store = open_store(url, create=False)
    try:
        sums: dict[tuple[int, ...], np.ndarray] = {}
        names = [np.array(store.names(kind), dtype=object) for kind in NAMES]
        for read in count(store.pruned()[0], BLOCK):
            block = store.outcomes(after=read, limit=BLOCK)
            if not len(block.decision):
                break
            _add(sums, block, limit)
    finally:
        store.close()
    if not sums:
        raise DataError(f"{url} holds no outcome: name a store with at least one")
    keys = np.array(list(sums))
    columns = {kind: known[keys[:, k]] for k, (kind, known) in enumerate(zip(NAMES, names, strict=True))}
    rows, total, squares = np.array(list(sums.values())).T
    status = np.array(STATUSES, dtype=object)[keys[:, 3]]
    return {**columns, "status": status, "rows": rows, "total": total, "squares": squares}


def _add(sums: dict[tuple[int, ...], np.ndarray], block: OutcomeColumns, limit: float) -> None:
    """Count, sum and sum of squares of a block's utilities, by project, context, arm and status."""
    keys, which = np.unique(
        np.stack([block.project, block.context, block.arm, block.status]), axis=1, return_inverse=True
    )
    utility = np.clip(block.utility, -limit, limit)
    found = np.stack(
        [np.bincount(which.ravel(), part) for part in (np.ones_like(utility), utility, utility**2)], axis=1
    )
    for key, part in zip(map(tuple, keys.T.tolist()), found, strict=True):
        sums[key] = sums.get(key, 0.0) + part


def pattern(source: str) -> str:
    """A folder stands for all Parquet files below it.

    >>> pattern("events/*.parquet")
    'events/*.parquet'
    """
    return f"{source.rstrip('/')}/**/*.parquet" if Path(source).is_dir() else source


def expressions(columns: dict[str, str], source: str) -> tuple[str, str]:
    """SQL of status and utility from the columns that there are. Raises DataError for columns that lack or mismatch."""
    for name in NAMES:
        if name not in columns:
            raise DataError(f"{source} has no column {name!r}{nearest(name, columns)}")
        if columns[name] != "VARCHAR":
            raise DataError(f"column {name!r} of {source} is {columns[name]}: it must hold names")
    status = "status" if "status" in columns else "'ok'"
    if status == "status" and columns["status"] != "VARCHAR":
        raise DataError(f"column 'status' of {source} is {columns['status']}: it must hold {', '.join(STATUSES)}")
    for needed in (["utility"], ["cost", "baseline_cost"]):
        if all(name in columns for name in needed):
            numbers = [_number(name, columns[name], source) for name in needed]
            if len(needed) == 1:
                return status, numbers[0]
            positive = " AND ".join(f"{one} > 0 AND {one} < 'inf'" for one in numbers)
            return status, f"CASE WHEN {positive} THEN ln({numbers[1]}) - ln({numbers[0]}) END"
    raise DataError(f"{source} has no column 'utility', nor 'cost' with 'baseline_cost'{nearest('utility', columns)}")


def bad(status: str, utility: str) -> str:
    """SQL: whether a row is malformed. Failures need no utility."""
    return "(" + " OR ".join(condition for _, condition in faults(status, utility)) + ")"


def faults(status: str, utility: str) -> list[tuple[str, str]]:
    """Column and SQL condition of everything that can be wrong with a row."""
    known = ", ".join(f"'{one}'" for one in STATUSES)
    names = [(name, f"({name} IS NULL OR {name} = '')") for name in NAMES]
    number = f"({status} = 'ok' AND NOT coalesce(abs({utility}) <= {LARGEST}, false))"
    return [*names, ("status", f"NOT coalesce({status} IN ({known}), false)"), ("utility", number)]


def _columns(base: Any, files: str, source: str) -> dict[str, str]:
    try:
        rows = base.execute("DESCRIBE SELECT * FROM read_parquet(?, union_by_name = true)", [files]).fetchall()
    except duckdb.Error as error:
        raise DataError(f"{source} cannot be read as Parquet: {_first_line(error)}") from error
    return {row[0]: row[1].partition("(")[0] for row in rows}


def _number(name: str, kind: str, source: str) -> str:
    if kind not in ("DOUBLE", "FLOAT", "DECIMAL", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UINTEGER", "UBIGINT"):
        raise DataError(f"column {name!r} of {source} is {kind}: it must hold numbers")
    return f"CAST({name} AS DOUBLE)"


def _where(base: Any, files: str, status: str, utility: str, wrong: int, source: str) -> str:
    """The message about the first malformed row."""
    reading = "FROM read_parquet(?, union_by_name = true, file_row_number = true, filename = true)"
    broken = bad(status, utility)
    row = base.execute(
        f"SELECT filename, file_row_number, {', '.join(one for _, one in faults(status, utility))} {reading}"
        f" WHERE {broken} ORDER BY ALL LIMIT 1",
        [files],
    ).fetchone()
    column = next(name for (name, _), fault in zip(faults(status, utility), row[2:], strict=True) if fault)
    says = {"status": f"must be one of {', '.join(STATUSES)}", "utility": f"must be a number within +-{LARGEST:g}"}
    return (
        f"{wrong} malformed row{'s' if wrong > 1 else ''} in {source}; the first is row {row[1]} of {row[0]}: "
        f"{column} {says.get(column, 'must be a name')}; nothing was learned"
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _extended(known: Sequence[str], seen: np.ndarray) -> list[str]:
    names = list(dict.fromkeys(seen.tolist()))
    return [*known, *(name for name in names if name not in set(known))] if tuple(known) != (NOBODY,) else names


def _known_arms(arms: np.ndarray, rows: np.ndarray, known: Sequence[str], source: str) -> None:
    strange = ~np.isin(arms, list(known))
    if strange.any():
        first = str(arms[strange][0])
        raise DataError(
            f"{int(rows[strange].sum())} rows of {source} name arms that the space does not have, the first {first!r}"
            f"{nearest(first, known)}; add it to [space], or rename it in the file"
        )


def _codes(axis: Sequence[str], names: np.ndarray) -> np.ndarray:
    place = {name: position for position, name in enumerate(axis)}
    return np.array([place[name] for name in names], dtype=np.int64)


def _summed(at: tuple[np.ndarray, ...], values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    made = np.zeros(shape)
    np.add.at(made, at, values)
    return made

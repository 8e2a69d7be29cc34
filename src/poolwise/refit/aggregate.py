"""Events -> statistics of every (project, context, arm), streaming, so that only groups are held.

A store (`sqlite:///file.db`, `postgresql://...`) is read in blocks. Parquet goes through DuckDB, and needs these
columns:

    project, context, arm    names
    status                   ok, failed or timeout; without the column all are ok
    utility                  or cost and baseline_cost: utility = log(baseline_cost / cost)
    job, cost                or the cost alone of a success of a job that recurs

Other columns are ignored. `poolwise export` writes such a file, trials.parquet, which its folder stands for. One pass
groups and counts what is malformed; nothing is dropped: a file with one bad row is refused, and a second pass, made
only then, says which row and column.

Outcomes that say something only beside others, costs alone and runs that were stopped, are learned one after another
by the very function that serves, `engine.state.observations`, on top of the statistics of all others.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np

from poolwise.engine.estimation.refit_request import NOBODY, RefitData
from poolwise.engine.outcomes import finished
from poolwise.engine.settings import Settings
from poolwise.engine.state import observations
from poolwise.engine.state.exchange import Exchange
from poolwise.engine.state.job_adjustment import JobAdjustment
from poolwise.engine.state.tables import chosen
from poolwise.errors import DataError, nearest
from poolwise.names import fault, shown
from poolwise.posterior.arguments import MAX_UTILITY
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.job_effects import StatisticsDelta
from poolwise.posterior.posterior import Posterior
from poolwise.refit.events import COSTS, NAMES, NUMBERS, Expressions, bad, expressions, faults
from poolwise.schema import STATUSES
from poolwise.store import OutcomeColumns, open_store
from poolwise.store.addresses import without_password

BLOCK = 1 << 19
"""Outcomes of a store that are read at a time."""
EXPORTED = "trials.parquet"
"""What `poolwise export` calls its file of events."""
MEMORY = "2GB"
"""What DuckDB may use before it spills to disk."""


def read(source: str, problem: RefitData) -> RefitData:
    """The problem with the statistics of the events in a store, a Parquet file, a folder of such files, or a pattern.

    Arms are those of the problem; projects and contexts that it does not know come after those that it does. Raises
    DataError, with row and column, for malformed events, and for arms that are unknown.
    """
    found = stored(source, problem) if "://" in source else grouped(source, problem.settings, problem.limit)
    groups = found.groups
    projects, contexts = (
        extended(known, groups[name]) for name, known in (("project", problem.projects), ("context", problem.contexts))
    )
    axes = (projects, contexts, problem.arms)
    check_names(groups, source)
    known_arms(groups["arm"], groups["rows"], problem.arms, source)
    at = tuple(codes(axis, groups[name]) for axis, name in zip(axes, NAMES, strict=True))
    shape = tuple(map(len, axes))
    ok = groups["status"] == "ok"
    taught = ok & (
        groups["arm"] != problem.baseline
    )  # the baseline teaches nothing of the others, see `baseline_utility`
    sums = [_summed(at, groups[name] * taught, shape) for name in ("rows", "total", "squares")]
    whole = problem._replace(
        projects=tuple(projects),
        contexts=tuple(contexts),
        stats=SufficientStatistics(*sums),
        tried=_summed(at, groups["rows"], shape),
        succeeded=_summed(at, groups["rows"] * ok, shape),
        outcomes=int(groups["rows"].sum()) + len(found.special.decision),
        online=None,
    )
    places = (codes(axis, names) for axis, names in zip(axes, found.names, strict=True))
    return learned(whole, found.special._replace(**dict(zip(NAMES, places, strict=True))))


class Events(NamedTuple):
    """What was read."""

    groups: dict[str, np.ndarray]
    """Columns project, context, arm, status, rows, total, squares, a row per group; utilities clipped."""
    special: OutcomeColumns
    """Outcomes that are learned one after another, see `learning.special`; not counted in `rows`."""
    names: tuple[np.ndarray, np.ndarray, np.ndarray]
    """Of their projects, contexts and arms."""


def learned(problem: RefitData, rows: OutcomeColumns) -> RefitData:
    """The problem with outcomes that are learned one after another, beside its statistics."""
    if not len(rows.decision):
        return problem
    settings, shape = problem.settings, problem.shape
    posterior = Posterior(
        problem.hyperparameters,
        settings.failure_utility,
        projects=shape[0],
        contexts=shape[1],
        options=settings.options._replace(half_life=None),
        baseline=problem.arms.index(problem.baseline),
    )
    at = np.nonzero(problem.stats.count)
    posterior.add_statistics(StatisticsDelta(*at, *(part[at] for part in problem.stats)))
    exchange = Exchange(posterior)
    job_adjustment = JobAdjustment(exchange, problem.limit)
    for start, end in observations.stretches(rows, job_adjustment):
        observations.update(exchange, job_adjustment, chosen(rows, slice(start, end)), settings)
    job_adjustment.converge()
    cut = np.s_[: shape[0], : shape[1]]
    tried, succeeded = (part[cut] for part in posterior.counts())
    return problem._replace(
        stats=SufficientStatistics(*(part[cut] for part in posterior.statistics())),
        tried=problem.tried + tried,
        succeeded=problem.succeeded + succeeded,
    )


def grouped(source: str, settings: Settings, limit: float) -> Events:
    """The events of Parquet files."""
    files = pattern(source)
    with duckdb.connect() as base:
        base.execute(f"SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = false")
        base.execute("SET enable_progress_bar = false")
        columns = columns_of(base, files, source)
        sql = expressions(columns, source, settings, settings.resolution or smallest_cost(base, files, columns))
        query = f"""
            SELECT project, context, arm, status, count(*) FILTER (NOT special) AS rows,
                   count(*) FILTER (bad) AS bad, count(*) FILTER (special) AS special,
                   coalesce(sum(u) FILTER (NOT special), 0) AS total,
                   coalesce(sum(u * u) FILTER (NOT special), 0) AS squares
            FROM (SELECT project, context, arm, {sql.status} AS status, {bad(sql)} AS bad, {sql.special} AS special,
                         greatest(least({sql.utility}, {limit}), -{limit}) AS u
                  FROM read_parquet(?, union_by_name = true))
            GROUP BY ALL ORDER BY ALL
        """
        try:
            found = base.execute(query, [files]).fetchnumpy()
        except duckdb.Error as error:
            raise DataError(f"{source} cannot be read as events: {_first_line(error)}") from error
        wrong = int(sum(found["bad"]))
        if wrong:
            raise DataError(malformed(base, files, sql, wrong, source))
        if not len(found["rows"]):
            raise DataError(f"{source} holds no event: name files with at least one row")
        rows = special_rows(base, files, sql) if sum(found["special"]) else {}
    groups = {name: np.asarray(values, dtype=object if name in (*NAMES, "status") else np.float64)
              for name, values in found.items()}  # fmt: skip
    return Events(groups, *special_columns(rows))


def smallest_cost(base: Any, files: str, columns: dict[str, str]) -> float | None:
    """Half the smallest cost above 0, where there are costs of numbers."""
    parts = [f"min(CASE WHEN {name} > 0 THEN {name} END)" for name in COSTS if columns.get(name, "") in NUMBERS]
    if not parts:
        return None
    found = base.execute(f"SELECT {', '.join(parts)} FROM read_parquet(?, union_by_name = true)", [files]).fetchone()
    known = [float(one) for one in found if one is not None]
    return min(known) / 2 if known else None


def special_rows(base: Any, files: str, sql: "Expressions") -> dict[str, np.ndarray]:
    """The rows that are learned one after another, in the order of the files."""
    found = base.execute(
        f"""SELECT project, context, arm, {sql.status} AS status, {sql.job} AS job, {sql.cost} AS cost,
            {sql.baseline_cost} AS baseline_cost FROM read_parquet(?, union_by_name = true, filename = true,
            file_row_number = true) WHERE {sql.special} ORDER BY filename, file_row_number""",
        [files],
    ).fetchnumpy()
    return {name: np.ma.filled(values, np.nan if name.endswith("cost") else None) for name, values in found.items()}


def special_columns(rows: dict[str, np.ndarray]) -> tuple[OutcomeColumns, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """As outcomes; projects, contexts and arms by name."""
    n = len(rows.get("cost", ()))
    cost, baseline = (np.asarray(rows.get(name, np.zeros(0)), dtype=np.float64) for name in ("cost", "baseline_cost"))
    status = np.array([STATUSES.index(one) for one in rows.get("status", ())], dtype=np.int8)
    jobs = {name: number for number, name in enumerate(dict.fromkeys(rows.get("job", ())))}
    job = np.array([-1 if name is None else jobs[name] for name in rows.get("job", ())], dtype=np.int64)
    none = np.zeros(n, dtype=np.int64)
    columns = OutcomeColumns(none, none, none, none, job, status, -np.log(cost), cost, baseline, np.zeros(n))
    project, context, arm = (np.asarray(rows.get(name, ()), dtype=object) for name in NAMES)
    return columns, (project, context, arm)


def stored(url: str, problem: RefitData) -> Events:
    """The outcomes of a store."""
    store = open_store(url, look=True)
    try:
        sums: dict[tuple[int, ...], np.ndarray] = {}
        special = []
        names = [np.array(store.names(kind), dtype=object) for kind in NAMES]
        for read in range(0, store.answered(), BLOCK):
            block = store.outcomes(after=read, limit=BLOCK)
            if not len(block.decision):
                continue
            done = finished(block, problem.settings)
            block = block._replace(status=np.where(done, np.int8(STATUSES.index("ok")), block.status))
            separate = observations.special(block, problem.settings)
            special.append(chosen(block, separate))
            _add(sums, block, ~separate, problem.limit)
    finally:
        store.close()
    if not sums:
        raise DataError(f"{without_password(url)} holds no outcome: name a store with at least one")
    keys = np.array(list(sums))
    columns = {kind: known[keys[:, k]] for k, (kind, known) in enumerate(zip(NAMES, names, strict=True))}
    rows, total, squares = np.array(list(sums.values())).T
    status = np.array(STATUSES, dtype=object)[keys[:, 3]]
    groups = {**columns, "status": status, "rows": rows, "total": total, "squares": squares}
    rest = OutcomeColumns(*map(np.concatenate, zip(*special, strict=True)))
    project, context, arm = (known[getattr(rest, kind)] for kind, known in zip(NAMES, names, strict=True))
    return Events(groups, rest, (project, context, arm))


def _add(sums: dict[tuple[int, ...], np.ndarray], block: OutcomeColumns, counts: np.ndarray, limit: float) -> None:
    """Count, sum and sum of squares of a block's utilities that count, by project, context, arm and status."""
    keys, which = np.unique(
        np.stack([block.project, block.context, block.arm, block.status]), axis=1, return_inverse=True
    )
    utility = np.clip(block.utility, -limit, limit)
    found = np.stack([np.bincount(which.ravel(), counts * part) for part in (1.0, utility, utility**2)], axis=1)
    for key, part in zip(map(tuple, keys.T.tolist()), found, strict=True):
        sums[key] = sums.get(key, 0.0) + part


def pattern(source: str) -> str:
    """A folder stands for all Parquet files below it, one that `poolwise export` wrote for its events.

    >>> pattern("events/*.parquet")
    'events/*.parquet'
    """
    if not os.path.isdir(source):
        return source
    return f"{source.rstrip('/')}/" + (EXPORTED if os.path.isfile(Path(source) / EXPORTED) else "**/*.parquet")


def columns_of(base: Any, files: str, source: str) -> dict[str, str]:
    try:
        rows = base.execute("DESCRIBE SELECT * FROM read_parquet(?, union_by_name = true)", [files]).fetchall()
    except duckdb.Error as error:
        raise DataError(f"{source} cannot be read as Parquet: {_first_line(error)}") from error
    return {row[0]: row[1].partition("(")[0] for row in rows}


def malformed(base: Any, files: str, sql: Expressions, wrong: int, source: str) -> str:
    """The message about the first malformed row."""
    reading = "FROM read_parquet(?, union_by_name = true, file_row_number = true, filename = true)"
    row = base.execute(
        f"SELECT filename, file_row_number, {', '.join(one for _, one in faults(sql))} {reading}"
        f" WHERE {bad(sql)} ORDER BY ALL LIMIT 1",
        [files],
    ).fetchone()
    column = next(name for (name, _), wrong_here in zip(faults(sql), row[2:], strict=True) if wrong_here)
    says = {"status": f"must be one of {', '.join(STATUSES)}", "utility": f"must be a number within +-{MAX_UTILITY:g}"}
    return (
        f"{wrong} malformed row{'s' if wrong > 1 else ''} in {source}; the first is row {row[1]} of {row[0]}: "
        f"{column} {says.get(column, 'must be a name')}; nothing was learned"
    )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def extended(known: Sequence[str], seen: np.ndarray) -> list[str]:
    names = list(dict.fromkeys(seen.tolist()))
    return [*known, *(name for name in names if name not in set(known))] if tuple(known) != (NOBODY,) else names


def check_names(groups: dict[str, np.ndarray], source: str) -> None:
    for kind in NAMES:
        for name in dict.fromkeys(groups[kind].tolist()):
            if wrong := fault(name):
                raise DataError(f"{source}: the {kind} {shown(name)} {wrong}")


def known_arms(arms: np.ndarray, rows: np.ndarray, known: Sequence[str], source: str) -> None:
    strange = ~np.isin(arms, list(known))
    if strange.any():
        first = str(arms[strange][0])
        raise DataError(
            f"{int(rows[strange].sum())} rows of {source} name arms that the space does not have, the first {first!r}"
            f"{nearest(first, known)}; add it to [space], or rename it in the file"
        )


def codes(axis: Sequence[str], names: Iterable[str]) -> np.ndarray:
    place = {name: position for position, name in enumerate(axis)}
    return np.array([place[name] for name in names], dtype=np.int64)


def _summed(at: tuple[np.ndarray, ...], values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    made = np.zeros(shape)
    np.add.at(made, at, values)
    return made

"""Events in Parquet, in SQL: what a row holds, what is wrong with it, and which rows are learned beside others only."""

from typing import NamedTuple

from poolwise.engine.outcomes import measured
from poolwise.engine.settings import Settings
from poolwise.errors import DataError, nearest
from poolwise.posterior.arguments import MAX_UTILITY
from poolwise.schema import STATUSES

NAMES = ("project", "context", "arm")
COSTS = ("cost", "baseline_cost")
NUMBERS = ("DOUBLE", "FLOAT", "DECIMAL", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UINTEGER", "UBIGINT")


class Expressions(NamedTuple):
    """SQL of what a row holds, NULL where its column is missing."""

    status: str
    utility: str
    job: str
    cost: str
    baseline_cost: str
    special: str
    """Whether the row is learned beside others only, as `learning.special` has it."""


def expressions(columns: dict[str, str], source: str, settings: Settings, resolution: float | None) -> Expressions:
    """From the columns that there are. resolution: what a cost of 0 is read as. Raises DataError for columns that lack
    or mismatch."""
    for name in NAMES:
        if name not in columns:
            raise DataError(f"{source} has no column {name!r}{nearest(name, columns)}")
    columns = {name: kind for name, kind in columns.items() if name in NAMES or kind.strip('"') != "NULL"}
    for name in (*NAMES, "job", "status"):
        if name in columns and columns[name] != "VARCHAR":
            wanted = ", ".join(STATUSES) if name == "status" else "names"
            raise DataError(f"column {name!r} of {source} is {columns[name]}: it must hold {wanted}")
    given, cost, baseline = (
        _number(name, columns[name], source) if name in columns else "CAST(NULL AS DOUBLE)"
        for name in ("utility", "cost", "baseline_cost")
    )
    job = "job" if "job" in columns else "CAST(NULL AS VARCHAR)"
    if (
        "utility" not in columns
        and not {"cost", "baseline_cost"} <= columns.keys()
        and not {"cost", "job"} <= columns.keys()
    ):
        raise DataError(
            f"{source} has no column 'utility', nor 'cost' with 'baseline_cost' or 'job'{nearest('utility', columns)}"
        )
    status = "status" if "status" in columns else "'ok'"
    least = "NULL" if resolution is None else repr(float(resolution))
    cost, baseline = (f"CASE WHEN {one} = 0 THEN {least} ELSE {one} END" for one in (cost, baseline))
    log_cost, log_baseline = (f"CASE WHEN {one} > 0 AND {one} < 'inf' THEN ln({one}) END" for one in (cost, baseline))
    utility = given if "utility" in columns else f"({log_baseline} - {log_cost})"
    same = f"abs({utility} + {log_cost}) < 1e-9" if "utility" in columns else "true"
    alone = f"({status} = 'ok' AND {job} IS NOT NULL AND {log_cost} IS NOT NULL AND {log_baseline} IS NULL AND {same})"
    stopped = f"({status} = 'timeout' AND {log_cost} IS NOT NULL AND {log_baseline} IS NOT NULL)"
    if measured("timeout", settings):
        utility = (
            f"CASE WHEN {stopped} THEN {log_baseline} - {log_cost} - ln({settings.timeout_factor}) ELSE {utility} END"
        )
        status = f"CASE WHEN {stopped} THEN 'ok' ELSE {status} END"
    censored = stopped if settings.timeouts == "censored" and not settings.total else "false"
    return Expressions(status, utility, job, cost, baseline, f"coalesce({alone} OR {censored}, false)")


def bad(sql: Expressions) -> str:
    """SQL: whether a row is malformed. Failures need no utility."""
    return "(" + " OR ".join(condition for _, condition in faults(sql)) + ")"


def faults(sql: Expressions) -> list[tuple[str, str]]:
    """Column and SQL condition of everything that can be wrong with a row."""
    known = ", ".join(f"'{one}'" for one in STATUSES)
    names = [(name, f"({name} IS NULL OR {name} = '')") for name in NAMES]
    size = f"coalesce(abs({sql.utility}) <= {MAX_UTILITY}, false)"
    number = f"({sql.status} = 'ok' AND NOT {sql.special} AND NOT {size})"
    return [*names, ("status", f"NOT coalesce({sql.status} IN ({known}), false)"), ("utility", number)]


def _number(name: str, kind: str, source: str) -> str:
    if kind not in NUMBERS:
        raise DataError(f"column {name!r} of {source} is {kind}: it must hold numbers")
    return f"CAST({name} AS DOUBLE)"

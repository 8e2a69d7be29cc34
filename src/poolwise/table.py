"""A table of real outcomes in one tidy form: every unit (job) with every arm that could have been chosen for it.

`from_rows` is the only way in, and it refuses what is malformed with file, row and column. Arms may be absent from
whole projects (a solver that does not read a logic), never from some units of a project.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.schema import STATUSES

ABSENT = -1
"""Status of an arm that does not exist in a unit's project."""
KEYS = ("unit", "project", "context", "family", "arm")


class Table(NamedTuple):
    """Fully observed outcomes: units x arms. Codes index the tuples of names; rows keep the order of the source."""

    name: str
    measure: str
    """What was measured, with its unit, for instance `par10 s`."""
    units: tuple[str, ...]
    projects: tuple[str, ...]
    contexts: tuple[str, ...]
    families: tuple[str, ...]
    arms: tuple[str, ...]
    params: tuple[dict[str, Any], ...]
    """Parameters of every arm inside its family."""
    project: np.ndarray
    """(units,) int."""
    context: np.ndarray
    """(units,) int."""
    importance: np.ndarray
    """(units,) positive weights; 1 where the source has none."""
    family: np.ndarray
    """(arms,) int."""
    reward: np.ndarray
    """(units, arms) what is maximised, baseline not subtracted: -log cost, accuracy or solved; NaN where absent."""
    status: np.ndarray
    """(units, arms) int8 index into `schema.STATUSES`, or ABSENT."""
    baseline: int
    cost: np.ndarray | None = None
    """(units, arms), in the measure's unit and > 0; None where the reward is no cost."""
    cutoff: float | None = None
    """Cost at which a run is stopped; a timeout's cost is penalised beyond it."""
    repeats: np.ndarray | None = None
    """(units, arms, repetitions) rewards of single repetitions; `reward` is that of their mean cost."""
    notes: tuple[str, ...] = ()
    """What was left out or repaired on loading, with counts."""


def available(table: Table) -> np.ndarray:
    """(units, arms) bool: the arm exists for the unit."""
    return table.status != ABSENT


def utility(table: Table) -> np.ndarray:
    """(units, arms) reward minus the baseline's: log(baseline cost / cost), or the difference of accuracies."""
    return table.reward - table.reward[:, [table.baseline]]


def take(table: Table, rows: np.ndarray, name: str | None = None) -> Table:
    """The table of some units, in the given order; names and codes stay as they are."""
    return table._replace(
        name=name or table.name,
        units=tuple(table.units[i] for i in rows),
        project=table.project[rows],
        context=table.context[rows],
        importance=table.importance[rows],
        reward=table.reward[rows],
        status=table.status[rows],
        cost=None if table.cost is None else table.cost[rows],
        repeats=None if table.repeats is None else table.repeats[rows],
    )


def from_rows(
    rows: pd.DataFrame,
    *,
    name: str,
    source: str,
    baseline: str,
    columns: dict[str, str] | None = None,
    measure: str = "cost",
    cutoff: float | None = None,
    params: dict[str, dict[str, Any]] | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """One row per unit and arm -> Table.

    Columns: unit, project, context, family, arm; `cost` (> 0; reward = -log cost) or `reward`; optionally `status`
    (a name in `schema.STATUSES`), `importance`, `repetition` (costs are averaged over repetitions) and `cost_unit`.
    `columns` says which column of `rows` each of these is, where it has another name; messages speak of the file
    `source` and its own names, and count rows from 0. Raises DataError.
    """
    rows = rows.reset_index(drop=True).rename(columns={given: tidy for tidy, given in (columns or {}).items()})
    rows.attrs = {"columns": columns or {}}
    if not len(rows):
        raise DataError(f"{source}: no rows, so there is nothing to replay; give at least one unit with its arms")
    value = "cost" if "cost" in rows else "reward"
    check_columns(rows, source, value)
    check_values(rows, source, value)
    codes, names = encode(rows)
    repetition = pd.factorize(rows["repetition"])[0] if "repetition" in rows else np.zeros(len(rows), int)
    check_unique(rows, codes, repetition, source)
    unit_project, unit_context = (constant(rows, codes, "unit", key, source) for key in ("project", "context"))
    arm_family = constant(rows, codes, "arm", "family", source)
    shape = (len(names["unit"]), len(names["arm"]), int(repetition.max()) + 1)
    values = np.full(shape, np.nan)
    values[codes["unit"], codes["arm"], repetition] = rows[value]
    status = worst_status(rows, codes, shape[:2])
    check_complete(values, status, names, unit_project, source)
    if baseline not in names["arm"]:
        raise DataError(f"{source}: the baseline {baseline!r} is not in column arm; name an arm of the table")
    base = names["arm"].index(baseline)
    if (status[:, base] == ABSENT).any():
        unit = names["unit"][int((status[:, base] == ABSENT).argmax())]
        raise DataError(f"{source}: unit {unit!r} lacks the baseline {baseline!r}; every unit needs its outcome")
    mean = values.mean(axis=2)
    return Table(
        name=name,
        measure=measure,
        units=names["unit"],
        projects=names["project"],
        contexts=names["context"],
        families=names["family"],
        arms=names["arm"],
        params=tuple((params or {}).get(arm, {}) for arm in names["arm"]),
        project=unit_project,
        context=unit_context,
        importance=importance_of(rows, codes["unit"], shape[0]),
        family=arm_family,
        reward=-np.log(mean) if value == "cost" else mean,
        status=status,
        baseline=base,
        cost=mean if value == "cost" else None,
        cutoff=cutoff,
        repeats=None if shape[2] == 1 else (-np.log(values) if value == "cost" else values),
        notes=(*notes, *(["one unit only: nothing can carry over to another"] if shape[0] == 1 else [])),
    )


def encode(rows: pd.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Integer codes and names of every key, in order of first appearance."""
    codes, names = {}, {}
    for key in KEYS:
        codes[key], found = pd.factorize(rows[key])
        names[key] = tuple(str(item) for item in found)
    return codes, names


def check_columns(rows: pd.DataFrame, source: str, value: str) -> None:
    """Refuse a missing column, a null key and mixed units of cost."""
    for column in (*KEYS, value):
        if column not in rows:
            raise DataError(f"{source}: no column {column!r}; a tidy table has {', '.join(KEYS)} and cost or reward")
    for column in (*KEYS, *(extra for extra in ("status", "repetition", "importance") if extra in rows)):
        refuse(rows[column].isna(), rows, source, column, "is null; fill it or leave the unit out")
    if "cost_unit" in rows:
        first = rows["cost_unit"].iloc[0]
        refuse(rows["cost_unit"] != first, rows, source, "cost_unit", f"differs from {first!r}; convert to one unit")


def check_values(rows: pd.DataFrame, source: str, value: str) -> None:
    """Refuse costs that are not positive and finite, rewards that are not finite, and unknown statuses."""
    number = pd.to_numeric(rows[value], errors="coerce").to_numpy(float)
    refuse(~np.isfinite(number), rows, source, value, "is not a finite number")
    if value == "cost":
        refuse(number <= 0, rows, source, value, "is not positive, so it has no logarithm; give costs above 0")
    if "status" in rows:
        known = rows["status"].isin(STATUSES)
        refuse(~known, rows, source, "status", f"is unknown; write one of {', '.join(STATUSES)}")
    if "importance" in rows:
        refuse(~(rows["importance"] > 0), rows, source, "importance", "is not positive; give weights above 0")


def check_unique(rows: pd.DataFrame, codes: dict[str, np.ndarray], repetition: np.ndarray, source: str) -> None:
    """Refuse two outcomes of one arm for one unit and repetition."""
    again = pd.DataFrame({"u": codes["unit"], "a": codes["arm"], "r": repetition}).duplicated()
    refuse(again, rows, source, "arm", "stands there twice for its unit; keep one row, or number them in `repetition`")


def constant(rows: pd.DataFrame, codes: dict[str, np.ndarray], owner: str, key: str, source: str) -> np.ndarray:
    """(owners,) the one code of `key` that every owner has; refuse an owner that has two."""
    result = np.empty(codes[owner].max() + 1, int)
    result[codes[owner][::-1]] = codes[key][::-1]
    refuse(result[codes[owner]] != codes[key], rows, source, key, f"changes within one {owner}; give it a single {key}")
    return result


def check_complete(
    values: np.ndarray, status: np.ndarray, names: dict[str, tuple[str, ...]], project: np.ndarray, source: str
) -> None:
    """Refuse an arm that some, but not all, units of a project have; likewise for repetitions."""
    present = status != ABSENT
    for code in range(len(names["project"])):
        mine = np.flatnonzero(project == code)
        holes = present[mine].any(axis=0) & ~present[mine]
        holes |= present[mine] & np.isnan(values[mine]).any(axis=2)
        if holes.any():
            unit, arm = np.argwhere(holes)[0]
            raise DataError(
                f"{source}: unit {names['unit'][mine[unit]]!r} lacks arm {names['arm'][arm]!r} or a repetition of it,"
                f" which other units of project {names['project'][code]!r} have ({holes.sum()} such holes);"
                " leave these units out or measure them"
            )


def worst_status(rows: pd.DataFrame, codes: dict[str, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """(units, arms) int8: the most frequent status over repetitions, the worse one in a tie; ABSENT without a row."""
    code = rows["status"].map(STATUSES.index).to_numpy(int) if "status" in rows else np.zeros(len(rows), int)
    counts = np.zeros((*shape, len(STATUSES)), np.int32)
    np.add.at(counts, (codes["unit"], codes["arm"], code), 1)
    frequent = len(STATUSES) - 1 - counts[..., ::-1].argmax(axis=2)
    return np.where(counts.any(axis=2), frequent, ABSENT).astype(np.int8)


def importance_of(rows: pd.DataFrame, unit: np.ndarray, units: int) -> np.ndarray:
    """(units,) weight of every unit, from its first row."""
    result = np.ones(units)
    if "importance" in rows:
        result[unit[::-1]] = rows["importance"].to_numpy(float)[::-1]
    return result


def refuse(bad: Any, rows: pd.DataFrame, source: str, column: str, why: str) -> None:
    """Raise DataError at the first bad row, with the number of bad rows."""
    bad = np.asarray(bad, bool)
    if bad.any():
        row = int(bad.argmax())
        found, named = plain(rows[column].iloc[row]), rows.attrs["columns"].get(column, column)
        raise DataError(f"{source}, row {row}, column {named}: {found!r} {why} ({bad.sum()} such rows)")


def plain(value: Any) -> Any:
    """A NumPy scalar as the Python number that a message shows."""
    return value.item() if isinstance(value, np.generic) else value

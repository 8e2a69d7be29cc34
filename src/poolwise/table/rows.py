"""Rows of a data frame -> `Table`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from poolwise.errors import DataError
from poolwise.inputs import conforming
from poolwise.names import shown
from poolwise.schema import STATUSES
from poolwise.table.checks import (
    KEYS,
    check_columns,
    check_complete,
    check_unique,
    check_values,
    checked_baseline,
    constant,
    replaced,
)
from poolwise.table.features import features_of
from poolwise.table.table import ABSENT, Table


class Declared(NamedTuple):
    """What is said of rows beside them; see `from_rows`."""

    name: str
    source: str
    baseline: str
    columns: dict[str, str] | None
    measure: str
    cutoff: float | None
    params: dict[str, dict[str, Any]] | None


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

    Columns: unit, project, context, family, arm; `cost` (>= 0; reward = -log cost) or `reward`; optionally `status`
    (a name in `schema.STATUSES`), `importance`, `repetition` (costs are averaged over repetitions), `cost_unit`, and
    features of units, `f_NAME` each: numbers, or true and false; empty where missing.
    `columns` says which column of `rows` each of these is, where it has another name; messages speak of the file
    `source` and its own names, and count rows from 0. Raises DataError.
    """
    conforming(Declared(name, source, baseline, columns, measure, cutoff, params), DataError, "the table's ")
    rows = _tidied(rows, source, columns or {})
    value = "cost" if "cost" in rows else "reward"
    check_columns(rows, source, value)
    rows = check_values(rows, source, value)
    rows, rounded = _told_apart(rows) if value == "cost" else (rows, [])
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
    mean = values.mean(axis=2)
    features = features_of(rows, codes["unit"], shape[0], source)
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
        baseline=checked_baseline(status, names, baseline, source),
        cost=mean if value == "cost" else None,
        cutoff=cutoff,
        repeats=None if shape[2] == 1 else (-np.log(values) if value == "cost" else values),
        features=features.values,
        feature_names=features.names,
        notes=(*notes, *rounded, *(["one unit only: nothing can carry over to another"] if shape[0] == 1 else [])),
    )


def _tidied(rows: pd.DataFrame, source: str, columns: dict[str, str]) -> pd.DataFrame:
    """Columns by their tidy names, which messages turn back into those of the file."""
    if not all(isinstance(one, str) for one in (*columns, *columns.values())):
        raise DataError(f"{source}: columns are names of the file by those of a tidy table, got {shown(columns)}")
    if not isinstance(rows, pd.DataFrame):
        raise DataError(f"{source}: rows are a pandas DataFrame, got {type(rows).__name__}")
    if not len(rows):
        raise DataError(f"{source}: no rows, so there is nothing to replay; give at least one unit with its arms")
    tidy = rows.reset_index(drop=True).rename(columns={given: tidy for tidy, given in columns.items()})
    tidy.attrs = {"columns": columns}
    return tidy


def _told_apart(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """With half the smallest cost above 0 in place of a cost of 0, which is below what the clock tells; and a note."""
    cost = rows["cost"].to_numpy()
    zero = cost == 0
    if not zero.any():
        return rows, []
    least = cost[~zero].min() / 2
    return replaced(rows, {"cost": np.where(zero, least, cost)}), [f"{zero.sum()} costs of 0 are read as {least:g}"]


def encode(rows: pd.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Integer codes and names of every key, in order of first appearance."""
    codes, names = {}, {}
    for key in KEYS:
        codes[key], found = pd.factorize(rows[key])
        names[key] = tuple(str(item) for item in found)
    return codes, names


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

"""Everything that happened as one tidy table, read from a store alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from poolwise.engine.indexing import job_features
from poolwise.engine.reasons import read
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import InputError
from poolwise.lazy import pandas as pd
from poolwise.names import absent
from poolwise.schema import STATUSES, family_of
from poolwise.space.jobs import JobFeatures
from poolwise.store.base import Store

SAFE = math.log(0.95)
"""Utility of a job that ran 5 % slower than with the baseline."""
OUTCOME = ("status", "utility", "cost", "baseline_cost")
EXPLORED = ("explored", "baseline")
"""What the drawn arm was, in a decision that was free and did not take its favourite."""


def trials(store: Store) -> pd.DataFrame:
    """A row per decision with an outcome, in the order in which they were decided.

    Columns: decision, project, context, arm, job (None where none), family, time, probability, reason, explored,
    status, utility, cost and baseline_cost (NaN where not given); `gain`, log speed-up over the baseline: by the two
    costs, or by the utility where they were not given, or by what the baseline cost on the same job at another time
    (NaN where none is known); `wall`, the same by wall time (NaN where not measured); `safe`, whether it ran at least
    at 0.95 of the baseline's speed, as far as that is known; `turn`, its place among its project's, from 0; `f_NAME`,
    what was known of the job, for every feature of the store, whose costs are part of `cost`.
    """
    outcomes = _outcomes(store)
    table = _decisions(store).merge(outcomes, on="decision").merge(walls(store), on="decision", how="left")
    known, rows = _features(store, table)
    table["cost"] = table["cost"] + known.costs(rows)
    table["family"] = [family_of(arm) for arm in table["arm"]]
    table["gain"] = _gain(table, store)
    table["safe"] = ~(table["gain"] < SAFE)
    table["turn"] = table.groupby("project").cumcount()
    return table.assign(**_shown(known, rows))


def log(store: Store, last: int, project: str | None = None, context: str | None = None) -> pd.DataFrame:
    """The last decisions, oldest first, of one project or context where one is named: decision, time, project, context,
    arm, job, probability, reason, and of the outcome status (`open` where none came), utility, cost, baseline_cost; and
    `f_NAME`, what was known of the job.

    Raises InputError for a name that is not there."""
    for kind, name in (("project", project), ("context", context)):
        if name is not None and name not in store.names(kind):
            raise InputError(absent(kind, name, store.names(kind)))
    everything = project is None and context is None
    made = _decisions(store, max(store.made() - last, 0) if everything else None)
    for column, name in (("project", project), ("context", context)):
        made = made if name is None else made[made[column] == name]
    table = made.tail(last).merge(_outcomes(store), on="decision", how="left")
    table["status"] = table["status"].fillna("open")
    table = table[["decision", "time", "project", "context", "arm", "job", "probability", "reason", *OUTCOME]]
    return table.assign(**_shown(*_features(store, table)))


def _features(store: Store, table: pd.DataFrame) -> tuple[JobFeatures, np.ndarray]:
    """What features there are, and (rows, columns) of them."""
    known = job_features.known(store)
    if not known.columns:
        return known, np.zeros((len(table), 0))
    return known, store.features(table["decision"].to_numpy())


def _shown(known: JobFeatures, rows: np.ndarray) -> dict[str, Any]:
    """As columns of a table."""
    jobs = [known.shown(row) for row in rows] if known.columns else []
    return {f"f_{name}": _series([job.get(name) for job in jobs]) for name in known.declared}


def _series(values: list[Any]) -> np.ndarray:
    """Numbers as such, all else as objects."""
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return np.array(values, dtype=np.int64)
    return np.array(values, dtype=float if kinds <= {int, float, type(None)} else object)


def _decisions(store: Store, after: int | None = None) -> pd.DataFrame:
    made = store.decisions(after)
    names = {kind: np.array(store.names(kind), dtype=object) for kind in ("project", "context", "arm", "reason")}
    return pd.DataFrame(
        {
            "decision": made.id,
            **{kind: names[kind][getattr(made, kind)] for kind in ("project", "context", "arm", "reason")},
            "job": np.array([None, *store.names("job")], dtype=object)[made.job + 1],
            "time": made.time,
            "probability": made.probability,
            "explored": _explored(names["reason"])[made.reason],
        }
    )


def _outcomes(store: Store) -> pd.DataFrame:
    seen = store.outcomes()
    status = np.array(STATUSES, dtype=object)[seen.status]
    columns = {"utility": seen.utility, "cost": seen.cost, "baseline_cost": seen.baseline_cost}
    return pd.DataFrame({"decision": seen.decision, "status": status, **columns})


def _gain(table: pd.DataFrame, store: Store) -> pd.Series:
    """Of a cost that was reported alone the utility is -log cost, which says nothing about the baseline."""
    measured = np.log(table["baseline_cost"]) - np.log(table["cost"])
    alone = table["cost"].notna() & table["baseline_cost"].isna() & (table["status"] == "ok")
    spaces = damaged_records.usable(store, "space")
    own = table[alone & (table["arm"] == (spaces[-1]["baseline"] if spaces else None))]
    usual = np.log(own["cost"]).groupby([own["project"], own["job"]]).mean().rename("usual")
    known = table[["project", "job"]].join(usual, on=["project", "job"])["usual"] - np.log(table["cost"])
    return measured.fillna(known.where(alone, table["utility"]))


def _explored(reasons: np.ndarray) -> np.ndarray:
    """(reasons,) bool; in a shadow, of what was drawn."""
    return np.array([read(reason).choice in EXPLORED for reason in reasons.tolist()], dtype=bool)


def walls(store: Store) -> pd.DataFrame:
    """decision, wall: log(baseline's wall time / wall time), from the last measurement of each decision."""
    found = {body["decision"]: body for body in damaged_records.usable(store, "measurement") if "wall" in body}
    wall = [math.log(body["baseline_wall"] / body["wall"]) for body in found.values()]
    return pd.DataFrame({"decision": np.array(list(found), dtype=np.int64), "wall": np.array(wall, dtype=np.float64)})


def of_all(runs: Iterable[tuple[Store, pd.DataFrame]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials and beliefs of several stores, each with its beliefs, as one table each, in the order of time."""
    stores, beliefs = zip(*runs, strict=True)
    tables = [trials(store) for store in stores]
    if len(tables) == 1:
        return tables[0], beliefs[0]
    filled = [table for table in tables if len(table)] or tables[:1]
    joined = pd.concat(filled, ignore_index=True).sort_values("time", kind="stable", ignore_index=True)
    return joined, pd.concat(beliefs, ignore_index=True)


def contradictions(store: Store) -> list[str]:
    """What was found wrong with the workload itself: two arms that answered one job differently."""
    details = [str(body["detail"]) for body in damaged_records.usable(store, "measurement")]
    return [detail for detail in details if detail.startswith("CONTRADICTION")]

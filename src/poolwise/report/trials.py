"""Everything that happened in a run as one tidy table, read from its store alone."""

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from poolwise.engine.reasons import read
from poolwise.engine.safeguards import damaged_records
from poolwise.schema import STATUSES, family_of
from poolwise.store.base import Store

SAFE = math.log(0.95)
"""Utility of a job that ran 5 % slower than with the baseline."""
EXPLORED = ("explored", "baseline")
"""What the drawn arm was, in a decision that was free and did not take its favourite."""


def trials(store: Store) -> pd.DataFrame:
    """A row per decision with an outcome, in the order in which they were decided.

    Columns: decision, project, context, arm, job (None where none), family, time, probability, explored, status,
    utility, cost and baseline_cost (NaN where not given); `effort` and
    `wall`, the logarithms of the speed-up over the baseline by cost and by wall time (NaN where not measured); `safe`,
    whether it ran at least at 0.95 of the baseline's speed; `turn`, its place among its project's, from 0.
    """
    made, seen = store.decisions(), store.outcomes()
    names = {kind: np.array(store.names(kind), dtype=object) for kind in ("project", "context", "arm", "reason")}
    outcomes = pd.DataFrame(
        {
            "decision": seen.decision,
            "status": np.array(STATUSES, dtype=object)[seen.status],
            "utility": seen.utility,
            "cost": seen.cost,
            "baseline_cost": seen.baseline_cost,
            "effort": np.log(seen.baseline_cost) - np.log(seen.cost),
        }
    )
    decisions = pd.DataFrame(
        {
            "decision": made.id,
            **{kind: names[kind][getattr(made, kind)] for kind in ("project", "context", "arm")},
            "job": np.array([None, *store.names("job")], dtype=object)[made.job + 1],
            "time": made.time,
            "probability": made.probability,
            "explored": _explored(names["reason"])[made.reason],
        }
    )
    table = decisions.merge(outcomes, on="decision").merge(walls(store), on="decision", how="left")
    table["family"] = [family_of(arm) for arm in table["arm"]]
    table["safe"] = table["effort"].fillna(table["utility"]) >= SAFE
    table["turn"] = table.groupby("project").cumcount()
    return table


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

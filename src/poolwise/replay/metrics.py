"""What a replay comes to: exact regret, closed gap, safety and speed of learning, with intervals over seeds."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from poolwise.errors import DataError
from poolwise.names import shown
from poolwise.objective import threshold
from poolwise.replay.arguments import tabled
from poolwise.replay.hindsight import PER_CELL, PER_CONTEXT, SINGLE, VIRTUAL, references
from poolwise.table import Table, average_cost, utility

SAFE = math.log(0.95)
"""Utility of a job that ran 5 % slower than with the baseline."""
LEVEL = 0.9
"""A run has learned once it earns this part of its final level."""


class Interval(NamedTuple):
    """Mean over seeds and its 95 % interval (Student's t); NaN bounds for a single seed."""

    mean: float
    low: float
    high: float


def summary(table: Table, log: pd.DataFrame) -> dict[str, Interval]:
    """Of the log of `replay`. Means are per decision, weighted by the importance of its unit.

    utility: over the baseline, or of a table of totals the share of the cost that was saved; regret, against the best
    fixed arm of every context, and of every (project, context); closed gap: from the single best arm (0) to the best of
    every unit (1); safe share: at most 5 % below the baseline; explored: another arm than the favourite; decisions to
    90 %: until the running mean of utility first reaches 90 % of its level in the last fifth of the run, NaN where that
    level is not above the baseline's.
    """
    gain, best = utility(tabled(table)), references(table)
    _check_log(log, len(table.units))
    safe = np.full(len(gain), threshold(SAFE, table.objective))
    if table.objective == "total" and table.cost is not None:
        safe = safe * table.cost[:, table.baseline] / average_cost(table)
    rows = [of_run(gain, best, table.importance, run, safe) for _, run in log.groupby("seed", sort=False)]
    return {name: over_seeds(np.array([row[name] for row in rows])) for name in rows[0]}


def _check_log(log: Any, units: int) -> None:
    """Raises DataError for what `replay` cannot have logged of so many units."""
    wanted = ("seed", "row", "earned", "explored")
    if not isinstance(log, pd.DataFrame) or log.empty or any(not isinstance(log.get(one), pd.Series) for one in wanted):
        raise DataError(f"a log is the table that `replay` gives, with columns {', '.join(wanted)}, got {shown(log)}")
    if any(log[name].dtype.kind not in "iufb" for name in wanted) or log["row"].dtype.kind not in "iu":
        raise DataError(f"columns {', '.join(wanted)} of the log must be numbers, and rows whole ones")
    if not log["row"].between(0, units - 1).all():
        raise DataError(
            f"column row of the log must name rows of the table, 0 to {units - 1}: give the table it was of"
        )


def of_run(
    gain: np.ndarray, best: dict[str, np.ndarray], importance: np.ndarray, run: pd.DataFrame, safe: np.ndarray
) -> dict[str, float]:
    """The same numbers of one seed. safe: (units,), utility of 0.95 of the baseline's speed."""
    unit = run["row"].to_numpy()
    earned, weight = run["earned"].to_numpy(), importance[unit]
    mean = float(np.average(earned, weights=weight))
    top = {name: float(np.average(gain[unit, arm[unit]], weights=weight)) for name, arm in best.items()}
    gap = top[VIRTUAL] - top[SINGLE]
    return {
        "utility": mean,
        "regret, best per context": top[PER_CONTEXT] - mean,
        "regret, best per project and context": top[PER_CELL] - mean,
        "closed gap": (mean - top[SINGLE]) / gap if gap > 0 else float("nan"),
        "safe share": float(np.average(earned >= safe[unit], weights=weight)),
        "explored": float(run["explored"].mean()),
        "decisions to 90 %": decisions_to_level(earned),
    }


def decisions_to_level(earned: np.ndarray) -> float:
    """Decisions until the running mean (over a twentieth of the run, 10 at least) is at LEVEL of the final level.

    >>> decisions_to_level(np.repeat([0.0, 1.0], [50, 150]))
    59.0
    """
    final = earned[-max(len(earned) // 5, 1) :].mean()
    window = min(max(len(earned) // 20, 10), len(earned))
    sums = np.concatenate([[0.0], np.cumsum(earned)])
    running = (sums[window:] - sums[:-window]) / window
    there = np.flatnonzero(running >= LEVEL * final)
    return float(there[0] + window) if final > 0 and len(there) else float("nan")


def over_seeds(values: np.ndarray) -> Interval:
    """Mean and interval of one number per seed; seeds without it (NaN) are left out."""
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(float("nan"), float("nan"), float("nan"))
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, float("nan"), float("nan"))
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)

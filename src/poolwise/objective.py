"""What is optimised: the mean logarithm of baseline cost / cost, or what all jobs cost together.

    ratio    utility = log(baseline_cost / cost), of every job alike: 0 = as the baseline, log 0.95 = 5 % slower
    total    utility = (baseline cost - cost) / usual baseline cost: 0 = as the baseline, 0.3 = 30 % of the cost saved

An arm that is twice as fast on most jobs and takes sixteen times as long on a few is good by the one and bad by the
other. Thresholds are stated once, as log ratios, and mean the same cost by both.
"""

import math
from typing import Any, Literal, TypeVar

import numpy as np

from poolwise.errors import ConfigError
from poolwise.names import shown

Objective = Literal["ratio", "total"]
OBJECTIVES: tuple[Objective, ...] = ("ratio", "total")
LEAST_COST = 1e-3
"""Share of the baseline's cost below which no expected cost is taken to lie: a normal interval may reach below 0."""
T = TypeVar("T", float, np.ndarray)


def checked(given: Any) -> Objective:
    """One of the two. Raises ConfigError."""
    if given not in OBJECTIVES:
        raise ConfigError(f"objective {shown(given)} must be 'ratio' (mean log ratio of costs) or 'total' (total cost)")
    found: Objective = given
    return found


def speed_up(utility: Any, objective: Objective) -> Any:
    """How many times what was spent the baseline would have cost: the geometric mean of ratios, or the ratio of totals.

    >>> speed_up(0.5, "total")
    np.float64(2.0)
    """
    return np.exp(utility) if objective == "ratio" else 1.0 / np.maximum(1.0 - np.asarray(utility), LEAST_COST)


def threshold(log_ratio: float, objective: Objective) -> float:
    """A threshold that is stated as a log ratio, as a utility: the cost that it names is the same.

    >>> round(threshold(math.log(0.5), "total"), 12)
    -1.0
    """
    return log_ratio if objective == "ratio" else -math.expm1(-log_ratio)


def saving(log_ratio: T, baseline_cost: T) -> T:
    """baseline cost - cost, from their log ratio and the former."""
    result: Any = -baseline_cost * np.expm1(-np.asarray(log_ratio))
    return result


def shares(log_ratio: np.ndarray, cost: np.ndarray, baseline_cost: np.ndarray) -> np.ndarray:
    """(n,) savings of jobs as shares of what the baseline costs on average, so that their mean is that of the total.

    NaN where a cost is not known: then the job is taken for one of the average cost, or, where its log ratio is -log
    cost (the cost alone of a job that recurs), the share is -cost over the average cost.
    """
    known = np.isfinite(baseline_cost)
    alone = ~known & np.isfinite(cost) & (np.abs(log_ratio + np.log(np.where(cost > 0, cost, 1.0))) < 1e-9)
    usual = baseline_cost[known] if known.any() else cost[alone]
    unit = float(usual.mean()) if len(usual) else 1.0
    return np.where(alone, -cost, saving(log_ratio, np.where(known, baseline_cost, unit))) / unit


def resolved(cost: np.ndarray, resolution: float | None = None) -> np.ndarray:
    """With the clock's resolution in place of a cost of 0; None: half the smallest cost above 0."""
    if resolution is None and (cost > 0).any():
        resolution = float(cost[cost > 0].min()) / 2
    return cost if resolution is None else np.where(cost == 0, resolution, cost)

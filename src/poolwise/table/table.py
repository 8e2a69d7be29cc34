"""The tidy form of real outcomes, and what can be read off it."""

from typing import Any, NamedTuple

import numpy as np

from poolwise.errors import DataError
from poolwise.objective import Objective

ABSENT = -1
"""Status of an arm that does not exist in a unit's project."""


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
    objective: Objective = "ratio"
    """Of which rewards tell: `total` makes a table of the other one."""
    features: np.ndarray | None = None
    """(units, F) numbers known of every unit before the decision, NaN where missing; None where there are none."""
    feature_names: tuple[str, ...] = ()
    """(F,)"""
    notes: tuple[str, ...] = ()
    """What was left out or repaired on loading, with counts."""


def available(table: Table) -> np.ndarray:
    """(units, arms) bool: the arm exists for the unit."""
    return table.status != ABSENT


def utility(table: Table) -> np.ndarray:
    """(units, arms) reward minus the baseline's: log(baseline cost / cost), or the difference of accuracies."""
    return table.reward - table.reward[:, [table.baseline]]


def average_cost(table: Table) -> float:
    """Of the baseline. Raises DataError for a table of rewards, which do not add up to a total of costs."""
    if table.cost is None:
        raise DataError(f"{table.name} holds rewards, and only costs add up to a total: choose objective = 'ratio'")
    return float(table.cost[:, table.baseline].mean())


def total(table: Table) -> Table:
    """The table whose utilities are savings, as shares of what the baseline costs on average: they add up. Raises
    DataError for a table of rewards."""
    unit = average_cost(table)
    single = None if table.repeats is None else -np.exp(-table.repeats) / unit
    return table._replace(reward=-np.asarray(table.cost) / unit, repeats=single, objective="total")


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
        features=None if table.features is None else table.features[rows],
    )

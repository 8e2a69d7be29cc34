"""Projects that arrive one after another: what the k-th gains from the earlier ones.

Every project after the first, by one learner for all projects over a learner of its own: the same units in the same
order, from nothing. Regret against the best fixed arm of every (project, context).
"""

from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import replay_sets
from benchmarks.peers.tabular import references
from benchmarks.replay.learners import Task, play
from poolwise.replay import orders
from poolwise.table import Table, take, utility

FIRST = 20
"""Decisions of a project that count as its beginning."""
LEAST = 4
"""Projects that a table needs."""
RANKS = {"2nd and 3rd": (1, 3), "4th to 7th": (3, 7), "8th and later": (7, 10**9)}


class Arrival(NamedTuple):
    """One project of one seed: its rank, and regrets of its decisions in turn."""

    rank: int
    after: np.ndarray
    alone: np.ndarray


def gap(table: Table) -> np.ndarray:
    """(units, arms) regret of every choice against the best fixed arm of its project and context."""
    gain = utility(table)
    best = references(table)["best per project and context"]
    return gain[np.arange(len(best)), best][:, None] - gain


def projects(task: Task) -> dict[str, dict[str, float]]:
    """What `compared` says of the beginnings of projects, by rank and of all, and of whole projects."""
    table = next(source for source in replay_sets(task.root) if source.name == task.data_set).load()
    found = arrivals(task, table, orders(table, "project", task.seeds))
    starts = [Arrival(one.rank, one.after[:FIRST], one.alone[:FIRST]) for one in found]
    made = {}
    for name, (low, high) in RANKS.items():
        if here := [one for one in starts if low <= one.rank < high]:
            made[name] = compared(here)
    return {**made, "beginnings": compared(starts), "whole projects": compared(found)}


def arrivals(task: Task, table: Table, order: np.ndarray) -> list[Arrival]:
    """Every project after the first, of every seed."""
    lost, lines = gap(table), table.project[order]
    together = lost[order, play(task, table, order)]
    found = []
    for project in np.unique(lines):
        here = np.stack([one[line == project] for one, line in zip(order, lines, strict=True)])
        single, rows = alone(table, np.flatnonzero(table.project == project))
        apart = lost[here, play(task, single, rows[here])]
        for seed, line in enumerate(lines):
            if rank := len(np.unique(line[: np.flatnonzero(line == project)[0]])):
                found.append(Arrival(rank, together[seed, line == project], apart[seed]))
    return found


def alone(table: Table, rows: np.ndarray) -> tuple[Table, np.ndarray]:
    """The table of these units of one project, which knows of no others' contexts; and the place in it of every unit
    of the whole table, where it has one."""
    codes, context = np.unique(table.context[rows], return_inverse=True)
    place = np.full(len(table.units), -1)
    place[rows] = np.arange(len(rows))
    single = take(table, rows)._replace(
        projects=(table.projects[table.project[rows[0]]],),
        project=np.zeros(len(rows), int),
        contexts=tuple(table.contexts[code] for code in codes),
        context=context,
    )
    return single, place


def compared(found: list[Arrival]) -> dict[str, float]:
    """Mean regret of a decision in turn and alone, and their ratio with its standard error over arrivals."""
    size = np.array([len(one.after) for one in found])
    after, own = (np.array([part.sum() for part in parts]) for parts in zip(*(one[1:] for one in found), strict=True))
    ratio = after.sum() / own.sum()
    error = (after - ratio * own).std() * np.sqrt(len(found)) / own.sum()
    means = {"after": after.sum() / size.sum(), "alone": own.sum() / size.sum()}
    return {
        "arrivals": len(found),
        **{k: float(v) for k, v in {**means, "ratio": ratio, "standard error": error}.items()},
    }


def geometric(found: dict[str, dict[str, Any]]) -> list[tuple[str, str, float]]:
    """(learner, part, geometric mean of the ratios over tables) of beginnings and whole projects."""
    learners = {learner for one in found.values() for learner in one}
    return [
        (learner, part, float(np.exp(np.mean([np.log(one[learner][part]["ratio"]) for one in found.values()]))))
        for learner in sorted(learners)
        for part in ("beginnings", "whole projects")
    ]

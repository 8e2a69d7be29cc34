"""What happened over time and in every project, as sums: a fold over the store's events that reads each of them once.

Time is in bins of equal width, which doubles where they would become too many, so that a history has one size whatever
the number of events.
"""

import math
from typing import NamedTuple

import numpy as np

from poolwise.engine.insight.trials import SAFE
from poolwise.engine.reasons import EXPLORED, read
from poolwise.engine.state.job_adjustment import costs_alone
from poolwise.store.base import DecisionColumns, OutcomeColumns, Store

MOST, CHUNK = 96, 10_000
"""Bins, and events that are read at a time."""
COLUMNS = ("decisions", "explored", "outcomes", "ok", "known", "gain", "square", "unsafe")
"""Of a bin or project: decisions, those that explored; outcomes, those that were ok, those whose gain is known, the
sums of that gain (log speed-up over the baseline) and of its square, and how many ran below 0.95 of the baseline's
speed."""
_DECISIONS = 2


class History(NamedTuple):
    """Up to two cursors of the store."""

    undone: int
    """`Store.undone` when it began: once that changes it is out of date."""
    decisions: int = 0
    outcomes: int = 0
    width: float = 1.0
    """Seconds."""
    first: int = 0
    """The first bin begins at `first * width` seconds since 1970."""
    bins: np.ndarray = np.zeros((0, len(COLUMNS)))
    """(bins, columns)"""
    projects: np.ndarray = np.zeros((0, len(COLUMNS)))
    """(projects by their code in the store, columns)"""

    def column(self, name: str) -> np.ndarray:
        """(bins,)"""
        return self.bins[:, COLUMNS.index(name)]

    def total(self, name: str) -> float:
        return float(self.column(name).sum())

    @property
    def times(self) -> np.ndarray:
        """(bins,) when each begins."""
        return (self.first + np.arange(len(self.bins))) * self.width


def begun(store: Store) -> History:
    """Empty; what was archived is left out."""
    outcomes, decisions = store.pruned()
    return History(store.undone(), decisions, outcomes)


def ahead(history: History, store: Store) -> bool:
    """Whether there is more to read."""
    return history.decisions < store.made() or history.outcomes < store.answered()


def read_on(history: History, store: Store) -> History:
    """With the next events of each kind."""
    if history.decisions < (made := store.made()):
        rows = store.decisions(history.decisions, CHUNK)
        history = after_decisions(history, rows, explored(store.names("reason")))
        history = history._replace(decisions=min(history.decisions + CHUNK, made))
    if history.outcomes < (answered := store.answered()):
        history = after_outcomes(history, store.outcomes(history.outcomes, CHUNK))
        history = history._replace(outcomes=min(history.outcomes + CHUNK, answered))
    return history


def explored(reasons: list[str]) -> np.ndarray:
    """(reasons,) bool: what was answered was to explore; in a shadow nothing is."""
    found = [read(reason) for reason in reasons]
    return np.array([one.choice == EXPLORED and one.shadow is None for one in found], dtype=bool)


def after_decisions(history: History, rows: DecisionColumns, explores: np.ndarray) -> History:
    values = np.zeros((len(rows.id), len(COLUMNS)))
    values[:, 0] = 1
    values[:, 1] = explores[rows.reason]
    return added(history, rows.time, rows.project, values)


def after_outcomes(history: History, rows: OutcomeColumns) -> History:
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = np.log(rows.baseline_cost) - np.log(rows.cost)
    gain = np.where(np.isfinite(measured), measured, rows.utility)
    known = ~costs_alone(rows) & np.isfinite(gain)
    gain = np.where(known, gain, 0.0)
    columns = (np.ones(len(gain)), rows.status == 0, known, gain, gain**2, known & (gain < SAFE))
    values = np.zeros((len(gain), len(COLUMNS)))
    values[:, _DECISIONS:] = np.array(columns, dtype=float).T
    return added(history, rows.time, rows.project, values)


def added(history: History, time: np.ndarray, project: np.ndarray, values: np.ndarray) -> History:
    """With events at these times (n,) of these projects (n,); values: (n, columns)."""
    if not len(time):
        return history
    projects = np.zeros((max(len(history.projects), int(project.max()) + 1), len(COLUMNS)))
    projects[: len(history.projects)] = history.projects
    np.add.at(projects, project, values)
    history = _spanning(history, float(time.min()), float(time.max()))
    bins = history.bins.copy()
    np.add.at(bins, np.floor(time / history.width).astype(np.int64) - history.first, values)
    return history._replace(bins=bins, projects=projects)


def _spanning(history: History, start: float, end: float) -> History:
    """With bins from a time to another, too."""
    if len(history.bins):
        start = min(start, history.first * history.width)
        end = max(end, (history.first + len(history.bins) - 1) * history.width)
    width = history.width
    while math.floor(end / width) - math.floor(start / width) >= MOST:
        width *= 2
    first, last = math.floor(start / width), math.floor(end / width)
    bins = np.zeros((last - first + 1, len(COLUMNS)))
    if len(history.bins):
        old = history.first + np.arange(len(history.bins))
        np.add.at(bins, old // round(width / history.width) - first, history.bins)
    return history._replace(width=width, first=first, bins=bins)

"""One run of a policy over a table: look, decide, and learn what the table holds for the arm that was chosen."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from poolwise.policy.base import Policy
from poolwise.replay.learner import Learner
from poolwise.replay.settings import Settings
from poolwise.table import Table, available, utility


class Run(NamedTuple):
    """What was decided, in the order of the decisions; (decisions,) each."""

    unit: np.ndarray
    """Row of the table."""
    arm: np.ndarray
    chances: np.ndarray
    """(decisions, arms) the policy's probabilities."""
    explored: np.ndarray
    """bool: another arm than the one believed to be best."""
    observed: np.ndarray
    """Utility that was learned: of one repetition where the table has several; `table.utility` is their mean."""


def drive(table: Table, order: np.ndarray, policy: Policy, seed: int, settings: Settings | None = None) -> Run:
    """Decide for the units of `order` (rows of the table), one after another, from nothing.

    Every outcome is learned `settings.delay` decisions later. A failure or time-out is learned at what the table says
    it costs. The same seed gives the same run, whatever else runs.
    """
    settings = settings or Settings()
    rng, present = np.random.default_rng([seed, 29]), available(table)
    lottery, seen = rng.random(len(order)), measured(table, rng, repeats=settings.repeats)
    project, context = (by_appearance(codes, order) for codes in (table.project, table.context))
    learner = Learner(table.family, table.baseline, settings)
    size = len(order)
    made = Run(order, np.empty(size, int), np.empty((size, len(table.arms))), np.empty(size, bool), np.empty(size))
    waiting: deque[tuple[int, int, int, float]] = deque()
    for step, unit in enumerate(order.tolist()):
        view = learner.view(project[unit], context[unit], present[unit])
        chances = policy.probabilities(policy.params, view)
        arm = drawn(chances, lottery[step])
        made.arm[step], made.chances[step] = arm, chances
        made.explored[step] = arm != np.where(view.allowed, view.mean, -np.inf).argmax()
        made.observed[step] = value = seen(unit, arm)
        waiting.append((project[unit], context[unit], arm, value))
        if len(waiting) > settings.delay:
            learner.learn(*waiting.popleft())
    return made


def by_appearance(codes: np.ndarray, order: np.ndarray) -> list[int]:
    """(units,) codes numbered in the order in which a run meets them, so that nothing is known of those to come."""
    values, first = np.unique(codes[order], return_index=True)
    rank = np.zeros(int(codes.max()) + 1, int)
    rank[values] = first.argsort().argsort()
    return rank[codes].tolist()


def measured(table: Table, rng: np.random.Generator, *, repeats: bool) -> Callable[[int, int], float]:
    """(unit, arm) -> utility: of a repetition drawn for the arm and one for the baseline, or of the means."""
    gain, single, base = utility(table), table.repeats, table.baseline
    if single is None or not repeats:
        return lambda unit, arm: float(gain[unit, arm])

    def drawn_repetition(unit: int, arm: int) -> float:
        own, other = rng.integers(single.shape[2], size=2)
        return float(single[unit, arm, own] - single[unit, base, other]) if arm != base else 0.0

    return drawn_repetition


def drawn(chances: np.ndarray, number: float) -> int:
    """Position that a uniform number in [0, 1) falls on; never one of probability 0."""
    sums = np.cumsum(chances)
    return int(np.searchsorted(sums, number * sums[-1], side="right"))

"""Runs of a policy over a table: look, decide, and learn what the table holds for the arm that was chosen."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from poolwise.policy.base import Policy
from poolwise.posterior.likeness import likeness
from poolwise.replay.hindsight import cells
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
    """Decide for the units of `order` (rows of the table), one after another, from nothing: `drive_many` of one."""
    return drive_many(table, order[None], policy, [seed], settings)[0]


def drive_many(
    table: Table, orders: np.ndarray, policy: Policy, seeds: Sequence[int], settings: Settings | None = None
) -> list[Run]:
    """One run per seed and row of `orders`, (seeds, decisions), side by side.

    Every outcome is learned `settings.delay` decisions later. A failure or time-out is learned at what the table says
    it costs. The same seed gives the same run, whatever else runs.
    """
    settings = settings or Settings()
    random = [np.random.default_rng([seed, 29]) for seed in seeds]
    lottery = np.array([rng.random(orders.shape[1]) for rng in random])
    seen = measured(table, random if settings.repeats else [])
    cell, present, (number, size) = cells(table), available(table), orders.shape
    learner = learner_of(table, settings, number)
    arms, explored = np.empty((number, size), int), np.empty((number, size), bool)
    chances, observed = np.empty((number, size, len(table.arms))), np.empty((number, size))
    waiting: deque[tuple[np.ndarray, np.ndarray, np.ndarray]] = deque()
    for step, unit in enumerate(orders.T):
        view = learner.view(cell[unit], present[unit])
        chances[:, step] = policy.probabilities(policy.params, view)
        arms[:, step] = arm = drawn(chances[:, step], lottery[:, step])
        explored[:, step] = arm != np.where(view.allowed, view.mean, -np.inf).argmax(axis=1)
        observed[:, step] = seen(unit, arm)
        waiting.append((cell[unit], arm, observed[:, step]))
        if len(waiting) > settings.delay:
            learner.learn(*waiting.popleft())
    return [Run(*parts) for parts in zip(orders, arms, chances, explored, observed, strict=True)]


def learner_of(table: Table, settings: Settings, runs: int) -> Learner:
    """For all cells of a table; arms with parameters are alike as far as these are."""
    _, first = np.unique(cells(table), return_index=True)
    alike = likeness(table.params)
    project, context = table.project[first], table.context[first]
    return Learner(project, context, table.family, table.baseline, settings, runs=runs, likeness=alike)


def measured(table: Table, random: Sequence[np.random.Generator]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """(units, arms) of all runs -> utilities: the means, or where the table has repetitions and every run a generator,
    of one repetition drawn for the arm and one for the baseline."""
    gain, single, base = utility(table), table.repeats, table.baseline
    if single is None or not random:
        return lambda unit, arm: gain[unit, arm]

    def drawn_repetitions(unit: np.ndarray, arm: np.ndarray) -> np.ndarray:
        own, other = np.array([rng.integers(single.shape[2], size=2) for rng in random]).T
        return np.where(arm == base, 0.0, single[unit, arm, own] - single[unit, base, other])

    return drawn_repetitions


def drawn(chances: np.ndarray, number: np.ndarray) -> np.ndarray:
    """(runs,) positions that uniform numbers in [0, 1) fall on; never one of probability 0."""
    sums = np.cumsum(chances, axis=1)
    return (sums <= (number * sums[:, -1])[:, None]).sum(axis=1)

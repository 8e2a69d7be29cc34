"""Pasts that a policy can live through again; of them, tables of outcomes.

In a replay of them scales are estimated on the way, and the time before they are known costs most in short histories.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from poolwise.meta import meta_features
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy.view import CUSTOM, Policy
from poolwise.replay.arrival import orders
from poolwise.replay.hindsight import PER_CELL, references
from poolwise.replay.loop import Run, run_many
from poolwise.replay.replay_posterior import LIMIT, ReplayPosterior
from poolwise.replay.settings import Settings
from poolwise.table import Table, available, utility

LITTLE = 1e-3
"""Added to every regret, in standard deviations of utility, so that ratios stay finite."""


class History(NamedTuple):
    """One past."""

    name: str
    group: str
    """Project, table or domain: histories of a group are judged by what others teach."""
    known: MetaFeatures
    play: Callable[[Policy, Sequence[int]], np.ndarray]
    """(seeds,) mean regret per decision of a policy, in standard deviations of utility; the same seed, the same luck.
    It can be sent."""
    projects: tuple[str, ...] = ()
    """That are lived through one after another and told apart, each a group of its own: (seeds, projects) regrets."""


class Played(NamedTuple):
    """How a history is lived through again."""

    horizon_known: bool = False
    """The policy is told how many decisions there are."""
    compiled: bool = True
    """By loops that take seconds to compile; otherwise step by step in NumPy, which some runs alone are sooner over
    with."""
    order: str = "shuffled"
    """Of a table's units, a kind of `replay.arrival.orders`."""


AS_SERVED = Played()


def of_table(table: Table, group: str | None = None, how: Played = AS_SERVED) -> History:
    """A table of real outcomes."""
    return History(table.name, group or table.name, characteristics(table), partial(regret, table, how=how))


def regret(table: Table, policy: Policy, seeds: Sequence[int], how: Played = AS_SERVED) -> np.ndarray:
    """(seeds,) against the best fixed arm of every project and context, as `History.play`."""
    gain = utility(table)
    best = gain[np.arange(len(gain)), references(table)[PER_CELL]]
    made = lived(table, orders(table, how.order, seeds), policy, seeds, how)
    lost = np.array([(best[one.unit] - gain[one.unit, one.arm]).mean() for one in made])
    return np.maximum(lost / float(np.nanstd(gain)), 0.0) + LITTLE


def lived(table: Table, order: np.ndarray, policy: Policy, seeds: Sequence[int], how: Played) -> list[Run]:
    """A run for every seed and row of `order`."""
    settings = Settings(horizon=float(len(table.units)) if how.horizon_known else None)
    return run_many(table, order, policy if how.compiled else policy._replace(spec=CUSTOM), seeds, settings)


def characteristics(table: Table) -> MetaFeatures:
    """Of a whole table, all arms of all units taken to be known."""
    unit, arm = np.nonzero(available(table))
    value = utility(table)[unit, arm]
    believer = believed(table.project[unit], table.context[unit], arm, value, table.family, table.baseline)
    scales = believer.posterior.hyperparameters.gaussian.scales
    frequency, projects = np.bincount(table.context), len(np.unique(table.project))
    worth = np.ones(len(frequency))
    if table.cost is not None:
        worth = np.bincount(table.context, table.cost[:, table.baseline]) / np.maximum(frequency, 1)
    met, every = frequency > 0, float(len(table.units))
    return meta_features.of(scales, len(table.arms), frequency[met], worth[met], every / projects, every)


def believed(
    project: np.ndarray, context: np.ndarray, arm: np.ndarray, value: np.ndarray, family: np.ndarray, baseline: int
) -> ReplayPosterior:
    """What is believed after all outcomes, with scales estimated from them."""
    made = ReplayPosterior(family, baseline, int(project.max()) + 1, int(context.max()) + 1, None)
    value = np.clip(value, -LIMIT, LIMIT)
    made.posterior.update_many(project, context, arm, value, np.ones(len(value), bool))
    made.posterior.reestimate()
    return made

"""Simple online learners over a Table, the ones every user could write: what Poolwise is measured against.

Every learner sees one stream of units per seed and the reward of the arm it chose, nothing else, in two forms:
`raw` (centred by the table's mean) and `differenced` (the baseline's reward on the same unit subtracted). Both are
divided by the table's standard deviation, known in hindsight: a favour to the peers, whose constants assume unit
scale. All seeds run side by side, each with its own generator, so a seed's result does not depend on the others.
"""

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from poolwise.table import Table, available, utility

EPSILON = 0.1
QUANTILE = -1.2815515655446004
"""Standard normal quantile of EPSILON: a normal draw below it is the coin that says explore."""
CHUNK = 256
FORMS = ("raw", "differenced")
Scores = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(count, total, noise) -> (seeds, arms): outcomes and their sum in the present context; the highest score is chosen.

Noise is standard normal, (seeds, arms + 1).
"""


class Learner(NamedTuple):
    """How arms are scored, and on which outcomes."""

    scores: Scores
    by_context: bool = False
    """Learn in every context separately; otherwise one learner for all units."""


def uniform_scores(_count: np.ndarray, _total: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Any arm, with equal probability."""
    return noise[:, :-1]


def epsilon_greedy_scores(count: np.ndarray, total: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The best mean so far, 0 where there is none; with probability EPSILON any arm."""
    greedy = total / np.maximum(count, 1) + 1e-9 * noise[:, :-1]
    return np.where(noise[:, -1:] < QUANTILE, noise[:, :-1], greedy)


def ucb1_scores(count: np.ndarray, total: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """mean + sqrt(2 ln t / n) (Auer, Cesa-Bianchi and Fischer 2002); every arm once at first, in random order."""
    used = np.maximum(count, 1)
    bonus = np.sqrt(2 * np.log(np.maximum(count.sum(axis=1, keepdims=True), 1)) / used)
    return np.where(count > 0, total / used + bonus, 1e6 + noise[:, :-1])


def thompson_scores(count: np.ndarray, total: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """A draw from Normal(total / (n + 1), 1 / (n + 1)) per arm (Agrawal and Goyal 2013): prior and noise N(0, 1)."""
    return total / (count + 1) + noise[:, :-1] / np.sqrt(count + 1)


TABULAR = {
    "epsilon-greedy": Learner(epsilon_greedy_scores),
    "UCB1": Learner(ucb1_scores),
    "Thompson per context": Learner(thompson_scores, by_context=True),
    "Thompson pooled": Learner(thompson_scores),
}


def scaled_reward(table: Table, form: str) -> np.ndarray:
    """(units, arms) reward as the peers see it: unit standard deviation; raw is centred, differenced is not."""
    reward = utility(table) if form == "differenced" else table.reward
    centre = 0.0 if form == "differenced" else np.nanmean(reward)
    return (reward - centre) / max(float(np.nanstd(reward)), 1e-12)


def generator(peer: str, seed: int) -> np.random.Generator:
    """The random numbers of one peer and seed, the same whatever else runs."""
    return np.random.default_rng([seed, zlib.crc32(peer.encode())])


def play_tabular(table: Table, reward: np.ndarray, orders: np.ndarray, seeds: list[int], peer: str) -> np.ndarray:
    """(seeds, units) arm chosen at every step by a learner of TABULAR, or by `uniform`."""
    learner = TABULAR.get(peer, Learner(uniform_scores))
    groups = table.context if learner.by_context else np.zeros(len(table.units), int)
    shape = (len(seeds), int(groups.max()) + 1, len(table.arms))
    count, total = np.zeros(shape), np.zeros(shape)
    generators = [generator(peer, seed) for seed in seeds]
    absent, rows = ~available(table), np.arange(len(seeds))
    some_absent = bool(absent.any())
    chosen = np.empty(orders.shape, int)
    for step in range(orders.shape[1]):
        if step % CHUNK == 0:
            noise = np.stack([one.standard_normal((CHUNK, shape[2] + 1)) for one in generators], axis=1)
        unit = orders[:, step]
        where = rows, groups[unit]
        scores = learner.scores(count[where], total[where], noise[step % CHUNK])
        if some_absent:
            scores = np.where(absent[unit], -np.inf, scores)
        arm = scores.argmax(axis=1)
        chosen[:, step] = arm
        count[*where, arm] += 1
        total[*where, arm] += reward[unit, arm]
    return chosen


def references(table: Table) -> dict[str, Any]:
    """(units,) arm of every choice made in hindsight; the first two are the peers that no learner can be.

    The best arm of a group of units is the one with the highest mean utility among the arms all its units have.
    """
    gain, present = utility(table), available(table)
    pairs = np.unique(np.stack([table.project, table.context]), axis=1, return_inverse=True)[1]
    groups = {
        "single best": np.zeros(len(table.units), int),
        "best per context": table.context,
        "best per project and context": pairs,
        "virtual best": np.arange(len(table.units)),
    }
    return {name: best_of_groups(gain, present, group) for name, group in groups.items()}


def best_of_groups(gain: np.ndarray, present: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(units,) best arm in hindsight of the unit's group."""
    count = np.bincount(group)
    total = np.zeros((len(count), gain.shape[1]))
    held = np.zeros_like(total)
    np.add.at(total, group, np.where(present, gain, 0.0))
    np.add.at(held, group, present)
    return np.where(held == count[:, None], total, -np.inf).argmax(axis=1)[group]

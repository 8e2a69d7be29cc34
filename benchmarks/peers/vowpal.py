"""Vowpal Wabbit's `cb_explore_adf` as an online learner over a Table: its defaults, context and project against arm."""

import numpy as np

from benchmarks.peers.tabular import generator
from poolwise.table import Table, available

VOWPAL = "Vowpal Wabbit"
OPTIONS = "--cb_explore_adf --epsilon 0.1 -q ca -q pa -q cf -q pf --quiet --random_seed {seed}"


def play_vowpal(table: Table, reward: np.ndarray, orders: np.ndarray, seeds: list[int], peer: str) -> np.ndarray:
    """(seeds, units) arm chosen at every step; cost is -reward, probabilities are those that Vowpal Wabbit states."""
    return np.stack([play_one(table, reward, order, seed, peer) for order, seed in zip(orders, seeds, strict=True)])


def play_one(table: Table, reward: np.ndarray, order: np.ndarray, seed: int, peer: str) -> np.ndarray:
    """(units,) arms chosen for one seed."""
    from vowpalwabbit import Workspace

    workspace = Workspace(OPTIONS.format(seed=seed))
    rng, present = generator(peer, seed), available(table)
    lines = [f"|a a{arm} |f f{family}" for arm, family in enumerate(table.family)]
    chosen = np.empty(len(order), int)
    for step, unit in enumerate(order):
        allowed = np.flatnonzero(present[unit])
        shared = f"shared |c c{table.context[unit]} |p p{table.project[unit]}"
        example = [shared, *(lines[arm] for arm in allowed)]
        chances = np.asarray(workspace.predict(example))
        place = rng.choice(len(allowed), p=chances / chances.sum())
        arm = chosen[step] = allowed[place]
        example[place + 1] = f"0:{-reward[unit, arm]:.6f}:{chances[place]:.6f} {lines[arm]}"
        workspace.learn(example)
    workspace.finish()
    return chosen

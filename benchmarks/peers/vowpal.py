"""Vowpal Wabbit's `cb_explore_adf` as an online learner over a Table: its defaults, context and project against arm."""

import numpy as np

from benchmarks.peers.tabular import generator
from poolwise.table import Table, available

VOWPAL = "Vowpal Wabbit"
OPTIONS = "--epsilon 0.1 -q ca -q pa -q cf -q pf"
LEAST = 1e-4
"""Probability with which a choice is taken to be made at least: some of its explorers state 0, or less."""


def play_vowpal(table: Table, reward: np.ndarray, orders: np.ndarray, seeds: list[int], peer: str) -> np.ndarray:
    """(seeds, units) arm chosen at every step."""
    shared = [f"shared {labels}" for labels in of_places(table)]
    runs = zip(orders, seeds, strict=True)
    return np.stack([explored(table, reward, order, seed, peer, OPTIONS, shared) for order, seed in runs])


def of_places(table: Table) -> list[str]:
    """Context and project of every unit, as namespaces."""
    return [f"|c c{context} |p p{project}" for context, project in zip(table.context, table.project, strict=True)]


def explored(
    table: Table, reward: np.ndarray, order: np.ndarray, seed: int, peer: str, options: str, shared: list[str]
) -> np.ndarray:
    """(units,) arms chosen for one seed; cost is -reward, probabilities are those that Vowpal Wabbit states.

    shared: what is known of every unit, as its line of an example.
    """
    from vowpalwabbit import Workspace

    workspace = Workspace(f"--cb_explore_adf {options} --quiet --random_seed {seed}")
    rng, present = generator(peer, seed), available(table)
    lines = [f"|a a{arm} |f f{family}" for arm, family in enumerate(table.family)]
    chosen = np.empty(len(order), int)
    for step, unit in enumerate(order):
        allowed = np.flatnonzero(present[unit])
        example = [shared[unit], *(lines[arm] for arm in allowed)]
        chances = np.maximum(workspace.predict(example), 0.0)
        place = rng.choice(len(allowed), p=chances / chances.sum())
        arm = chosen[step] = allowed[place]
        example[place + 1] = f"0:{-reward[unit, arm]:.6f}:{max(chances[place], LEAST):.6f} {lines[arm]}"
        workspace.learn(example)
    workspace.finish()
    return chosen

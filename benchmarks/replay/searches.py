"""One searcher over one parameter space on one machine, all seeds; Poolwise from nothing and with other machines known.

Regret of a trial is log(time of the configuration / best time), in mean times, so it is exact; what a searcher sees is
one launch.
"""

from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import spaces
from benchmarks.peers.searchers import SEARCHERS, measured
from benchmarks.replay.learners import resolve
from poolwise.replay import NOTHING, Observations
from poolwise.table import Table

TRIALS = 200
KNOWLEDGE = ("nothing", "random trials", "complete")
"""What Poolwise knows of the other machines: nothing, TRIALS random launches on each, or every configuration."""
FILES = ("searchers.py",)


class SpaceTask(NamedTuple):
    """One searcher over one space and machine."""

    root: Path
    space: str
    unit: int
    machine: str
    searcher: str
    """A name in SEARCHERS, or `Poolwise, ` and a name in KNOWLEDGE."""
    seeds: tuple[int, ...]
    policy: str


def run(task: SpaceTask) -> dict[str, Any]:
    """Cumulative regret of TRIALS trials and the best configuration found, per seed; mean curve; seconds a seed."""
    table = next(source for source in spaces(task.root) if source.name == task.space).load()
    started = perf_counter()
    chosen = np.stack([search(task, table, seed) for seed in task.seeds])
    seconds = (perf_counter() - started) / len(task.seeds)
    lost = table.reward[task.unit].max() - table.reward[task.unit, chosen]
    return {
        "regret": [round(float(one), 4) for one in lost.sum(axis=1)],
        "best": [round(float(np.exp(-one)), 4) for one in lost.min(axis=1)],
        "curve": [round(float(part.mean()), 4) for part in np.array_split(lost, 20, axis=1)],
        "seconds": round(seconds, 3),
    }


def search(task: SpaceTask, table: Table, seed: int) -> np.ndarray:
    """(trials,) arms."""
    if task.searcher in SEARCHERS:
        return SEARCHERS[task.searcher](table, task.unit, TRIALS, seed)
    known = knowledge(table, task.unit, task.searcher.removeprefix("Poolwise, "), seed)
    return resolve(task.policy)(table, task.unit, TRIALS, seed, known)


def knowledge(table: Table, unit: int, kind: str, seed: int) -> Observations:
    """Outcomes on the other machines."""
    others = np.array([other for other in range(len(table.units)) if other != unit], int)
    arms, rng = len(table.arms), np.random.default_rng([seed, unit, 3])
    if kind == "nothing":
        return NOTHING
    if kind == "complete":
        where = np.repeat(others, arms), np.tile(np.arange(arms), len(others))
        return Observations(*where, table.reward[where])
    units = np.repeat(others, min(TRIALS, arms))
    tried = np.concatenate([rng.permutation(arms)[:TRIALS] for _ in others])
    return Observations(
        units, tried, np.array([measured(table, *where, rng) for where in zip(units, tried, strict=True)])
    )


def searchers(peers: bool, policy: str) -> list[str]:
    """Everything that runs."""
    own = [] if policy == "none" else [f"Poolwise, {kind}" for kind in KNOWLEDGE]
    return own + (list(SEARCHERS) if peers else [])

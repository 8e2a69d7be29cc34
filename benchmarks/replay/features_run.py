"""One learner with features over one ASlib scenario and one seed, and what is kept of it."""

import zlib
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import replay_sets
from benchmarks.harness.machine import ROOT
from benchmarks.peers.features.problem import Problem
from benchmarks.peers.features.settings import PEERS
from poolwise.replay import orders, run_poolwise
from poolwise.table import Table, utility

POOLWISE = "Poolwise"
NOISE, FIRST = 20, 100
"""Columns of noise; jobs at the beginning that are scored on their own."""
VARIANTS = ("without", "with", "noise added", "only noise")
MEASURES = ("all", "last third", "first hundred", "gap", "gap, last third")
"""Regret against the best arm of every job, in three parts; share of PAR10's gap between the single best arm and the
best of every job that is closed, in two."""


class Task(NamedTuple):
    """One run."""

    root: Path
    data_set: str
    learner: str
    """A name in PEERS, or POOLWISE."""
    value: str
    """Of the peer's knob, or one of VARIANTS."""
    seed: int


def run(task: Task) -> dict[str, Any]:
    """MEASURES and seconds."""
    table = loaded(task.root, task.data_set)
    order = orders(table, "shuffled", (task.seed,))[0]
    started = perf_counter()
    chosen = play(task, order)
    return {"measures": scored(table, order, chosen), "seconds": round(perf_counter() - started, 3)}


def play(task: Task, order: np.ndarray) -> np.ndarray:
    """(units,) arms."""
    if task.learner == POOLWISE:
        return run_poolwise(variant(loaded(task.root, task.data_set), task.value), order, task.seed)
    peer = PEERS[task.learner]
    problem = problem_of(task.root, task.data_set, "raw" if task.value.endswith("raw") else "differenced")
    return peer.play(problem, order, task.seed, peer.values[task.value])


@lru_cache(2)
def loaded(root: Path, data_set: str) -> Table:
    return next(source for source in replay_sets(root, features=True) if source.name == data_set).load()


@lru_cache(2)
def problem_of(root: Path, data_set: str, form: str) -> Problem:
    return Problem(loaded(root, data_set), form)


def variant(table: Table, name: str) -> Table:
    """The table with its features as one of VARIANTS says."""
    if name == "with":
        return table
    if name == "without" or table.features is None:
        return table._replace(features=None, feature_names=())
    noise = np.random.default_rng(99).standard_normal((len(table.units), NOISE))
    names = tuple(f"noise {place}" for place in range(NOISE))
    if name == "only noise":
        return table._replace(features=noise, feature_names=names)
    return table._replace(features=np.hstack([table.features, noise]), feature_names=(*table.feature_names, *names))


def scored(table: Table, order: np.ndarray, chosen: np.ndarray) -> list[float]:
    """MEASURES of one run."""
    gain, cost = utility(table)[order], (-table.reward if table.cost is None else table.cost)[order]
    rows = np.arange(len(order))
    lost = np.nanmax(gain, axis=1) - gain[rows, chosen]
    single = int(np.nanmean(cost, axis=0).argmin())
    last = slice(2 * len(order) // 3, None)

    def gap(part: slice) -> float:
        fixed, best = cost[part, single].mean(), np.nanmin(cost[part], axis=1).mean()
        return float((fixed - cost[rows, chosen][part].mean()) / (fixed - best))

    return [float(lost.mean()), float(lost[last].mean()), float(lost[:FIRST].mean()), gap(slice(None)), gap(last)]


def mark(task: Task) -> str:
    """What a result that is kept depends on: the task, the data, the code of its learner."""
    return "|".join((*task[1:4], str(task.seed), fingerprint(task.root, task.data_set), code(task.learner == POOLWISE)))


@cache
def fingerprint(root: Path, data_set: str) -> str:
    table = loaded(root, data_set)
    features = b"" if table.features is None else np.nan_to_num(table.features).tobytes()
    return f"{zlib.crc32(np.nan_to_num(table.reward).tobytes() + table.context.tobytes() + features):08x}"


@cache
def code(poolwise: bool) -> str:
    """Of the learners' sources."""
    rooms = [ROOT / "src" / "poolwise" / room for room in ("posterior", "policy", "replay", "table")]
    folders = rooms if poolwise else [ROOT / "benchmarks" / "peers" / "features"]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return f"{zlib.crc32(b''.join(path.read_bytes() for path in files)):08x}"

"""One learner over one table of single jobs, all seeds: orders, the run, and what is kept of it."""

import importlib
import zlib
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import replay_sets
from benchmarks.harness.machine import ROOT
from benchmarks.peers.linear import LINEAR, play_linear
from benchmarks.peers.tabular import FORMS, TABULAR, play_tabular, references, scaled_reward
from benchmarks.peers.vowpal import VOWPAL, play_vowpal
from poolwise.replay import orders
from poolwise.table import Table, utility

PARTS = 20
"""A run's learning curve is kept as the mean utility of this many equal parts."""
HERE = ROOT / "benchmarks" / "peers"
PEER_FILES = ("tabular.py", "linear.py", "vowpal.py")
PEERS: dict[str, Callable[..., np.ndarray]] = {
    **dict.fromkeys(("uniform", *TABULAR), play_tabular),
    **dict.fromkeys(LINEAR, play_linear),
    VOWPAL: play_vowpal,
}
"""`play(table, reward, orders, seeds, name) -> (seeds, units)` arms."""


class Task(NamedTuple):
    """One learner over one data set."""

    root: Path
    data_set: str
    learner: str
    """A name in PEERS, or `Poolwise`."""
    form: str
    """A name in FORMS; empty for learners without one."""
    order: str
    seeds: tuple[int, ...]
    policy: str


def run(task: Task) -> dict[str, Any]:
    """Mean utility per seed, share of choices at most 5 % below the baseline, mean learning curve, seconds a seed."""
    table = next(source for source in replay_sets(task.root) if source.name == task.data_set).load()
    started = perf_counter()
    order = orders(table, task.order, task.seeds)
    chosen = play(task, table, order)
    seconds = (perf_counter() - started) / len(task.seeds)
    gained = utility(table)[order, chosen]
    if np.isnan(gained).any():
        raise RuntimeError(f"{task.learner} chose an absent arm on {task.data_set}; a learner may choose what is there")
    parts = np.array_split(gained, min(PARTS, gained.shape[1]), axis=1)
    return {
        "utility": [round(float(one), 6) for one in gained.mean(axis=1)],
        "safe share": round(float((gained >= np.log(0.95)).mean()), 4),
        "curve": [round(float(part.mean()), 4) for part in parts],
        "seconds": round(seconds, 4),
    }


def play(task: Task, table: Table, order: np.ndarray) -> np.ndarray:
    """(seeds, units) arms chosen in these orders."""
    if task.learner == "Poolwise":
        if together := resolve(f"{task.policy}_many"):
            return together(table, order, list(task.seeds))
        decide = resolve(task.policy)
        return np.stack([decide(table, one, seed) for one, seed in zip(order, task.seeds, strict=True)])
    return PEERS[task.learner](table, scaled_reward(table, task.form), order, list(task.seeds), task.learner)


def resolve(policy: str) -> Any:
    """`module:function` -> the function, or None where the module has none of that name. `function(table, order,
    seed)` gives the arms of one run; where there is a `function_many(table, orders, seeds)`, it is asked instead."""
    module, _, name = policy.partition(":")
    return getattr(importlib.import_module(module), name, None)


def about(table: Table) -> dict[str, Any]:
    """Sizes and the mean utility of every choice in hindsight."""
    gain, rows = utility(table), np.arange(len(table.units))
    hindsight = {name: round(float(gain[rows, arm].mean()), 6) for name, arm in references(table).items()}
    sizes = {name: len(getattr(table, name)) for name in ("units", "projects", "contexts", "families", "arms")}
    return {**sizes, "measure": table.measure, "references": hindsight, "notes": list(table.notes)}


def fingerprint(table: Table, files: tuple[str, ...] = PEER_FILES) -> str:
    """Changes with the data and with the peers' code: what a cached result depends on."""
    code = b"".join((HERE / name).read_bytes() for name in files)
    data = np.nan_to_num(table.reward).tobytes() + table.context.tobytes() + table.project.tobytes()
    return f"{zlib.crc32(data):08x}-{zlib.crc32(code):08x}"


def label(task: Task) -> str:
    """The learner's name in tables: `LinUCB (raw)`."""
    return f"{task.learner} ({task.form})" if task.form else task.learner


def learners(peers: bool, policy: str, vowpal: bool) -> list[tuple[str, str]]:
    """(learner, form) of everything that runs; the peers in both forms of reward."""
    made = [] if policy == "none" else [("Poolwise", "")]
    if peers:
        made.append(("uniform", ""))
        made += [(name, form) for name in PEERS if name != "uniform" for form in FORMS if vowpal or name != VOWPAL]
    return made

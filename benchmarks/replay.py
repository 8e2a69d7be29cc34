"""Poolwise and simple learners over every public table of real outcomes: one table, one plot, regret exact.

    python benchmarks/replay.py --data ../shared/data --seeds 10 --peers --json benchmarks/results/replay.json

Regret is measured per decision against the best fixed arm of every (project, context) in hindsight; the best arm per
context, the single best and the virtual best stand beside it. The ratio of a data set is Poolwise's regret over that of
the best learner there, chosen in hindsight among all peers and both forms of reward.
"""

import argparse
import importlib
import itertools
import json
import multiprocessing
import platform
import re
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from data import DEFAULT_ROOT, replay_sets
from linear_peers import LINEAR, play_linear
from peers import FORMS, TABULAR, play_tabular, references, scaled_reward
from poolwise.table import Table, utility
from replay_report import plot, print_table, summary
from vowpal_peer import VOWPAL, play_vowpal

PARTS = 20
"""A run's learning curve is kept as the mean utility of this many equal parts."""
HERE = Path(__file__).resolve().parent
PEER_FILES = ("peers.py", "linear_peers.py", "vowpal_peer.py")
PACKAGES = ("poolwise", "numpy", "scipy", "pandas", "jax", "vowpalwabbit", "optuna", "mabwiser")


class Task(NamedTuple):
    """One learner over one data set, all seeds: the unit of parallel work. Picklable."""

    root: Path
    data_set: str
    learner: str
    form: str
    order: str
    seeds: tuple[int, ...]
    policy: str


def players() -> dict[str, Callable[..., np.ndarray]]:
    """Every peer by name: `play(table, reward, orders, seeds, name) -> (seeds, units)` arms."""
    return {
        **dict.fromkeys((*TABULAR, "uniform"), play_tabular),
        **dict.fromkeys(LINEAR, play_linear),
        VOWPAL: play_vowpal,
    }


def orders(table: Table, kind: str, seeds: tuple[int, ...]) -> np.ndarray:
    """(seeds, units) order of the units: `shuffled`, `time` (as in the source), or `project` after project."""
    units = len(table.units)
    if kind == "time":
        return np.tile(np.arange(units), (len(seeds), 1))
    shuffles = np.stack([np.random.default_rng([seed, 17]).permutation(units) for seed in seeds])
    if kind == "shuffled":
        return shuffles
    ranks = np.stack([np.random.default_rng([seed, 23]).permutation(len(table.projects)) for seed in seeds])
    by_project = [
        np.argsort(rank[table.project[mix]], kind="stable") for rank, mix in zip(ranks, shuffles, strict=True)
    ]
    return np.stack([mix[place] for mix, place in zip(shuffles, by_project, strict=True)])


def resolve(policy: str) -> Callable[[Table, np.ndarray, int], np.ndarray]:
    """`module:function` -> the function `(table, order, seed) -> (units,) arms chosen, in order`."""
    module, _, name = policy.partition(":")
    return getattr(importlib.import_module(module), name)


def play(task: Task, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Orders and the arms chosen, both (seeds, units)."""
    order = orders(table, task.order, task.seeds)
    if task.learner == "Poolwise":
        run = resolve(task.policy)
        return order, np.stack([run(table, one, seed) for one, seed in zip(order, task.seeds, strict=True)])
    reward = scaled_reward(table, task.form)
    return order, players()[task.learner](table, reward, order, list(task.seeds), task.learner)


def run(task: Task) -> tuple[Task, dict[str, Any]]:
    """What is kept of one learner on one data set (`outcome`)."""
    table = next(source for source in replay_sets(task.root) if source.name == task.data_set).load()
    started = time.perf_counter()
    order, chosen = play(task, table)
    seconds = (time.perf_counter() - started) / len(task.seeds)
    gained = utility(table)[order, chosen]
    if np.isnan(gained).any():
        raise RuntimeError(
            f"{task.learner} chose an absent arm on {task.data_set}; a learner may choose available arms only"
        )
    return task, outcome(gained, seconds)


def outcome(gained: np.ndarray, seconds: float) -> dict[str, Any]:
    """Mean utility per seed, share of choices at most 5 % below the baseline, mean learning curve, seconds a seed."""
    parts = np.array_split(gained, min(PARTS, gained.shape[1]), axis=1)
    return {
        "utility": [round(float(one), 6) for one in gained.mean(axis=1)],
        "safe share": round(float((gained >= np.log(0.95)).mean()), 4),
        "curve": [round(float(part.mean()), 4) for part in parts],
        "seconds": round(seconds, 4),
    }


def about(table: Table) -> dict[str, Any]:
    """Sizes and the mean utility of every choice in hindsight."""
    gain, rows = utility(table), np.arange(len(table.units))
    hindsight = {name: float(gain[rows, arm].mean()) for name, arm in references(table).items()}
    sizes = {name: len(getattr(table, name)) for name in ("units", "projects", "contexts", "families", "arms")}
    return {**sizes, "measure": table.measure, "references": hindsight, "notes": list(table.notes)}


def fingerprint(table: Table) -> str:
    """Changes with the data and with the peers' code: what a cached result depends on."""
    code = b"".join((HERE / name).read_bytes() for name in PEER_FILES)
    return f"{zlib.crc32(np.nan_to_num(table.reward).tobytes()):08x}-{zlib.crc32(code):08x}"


def label(task: Task) -> str:
    """The learner's name in tables: `LinUCB (raw)`."""
    return f"{task.learner} ({task.form})" if task.form else task.learner


def tasks_for(data_set: str, options: argparse.Namespace) -> list[Task]:
    """Every learner that runs on one data set."""
    seeds = tuple(range(options.seeds))
    make = [] if options.policy == "none" else [("Poolwise", "")]
    if options.peers:
        installed = (VOWPAL,) if find_spec("vowpalwabbit") else ()
        make += [("uniform", ""), *itertools.product((*TABULAR, *LINEAR, *installed), FORMS)]
    return [Task(options.data, data_set, name, form, options.order, seeds, options.policy) for name, form in make]


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run everything that the cache does not hold; one entry per data set with all learners' runs."""
    cache = json.loads(options.cache.read_text()) if options.cache and options.cache.exists() else {}
    results: dict[str, Any] = {}
    pending: dict[Task, str] = {}
    for source in replay_sets(options.data):
        if options.only and options.only not in source.name:
            continue
        table = source.load()
        results[source.name] = {**about(table), "learners": {}}
        for task in tasks_for(source.name, options):
            key = f"{source.name}|{label(task)}|{task.order}|{task.seeds}|{fingerprint(table)}"
            if task.learner != "Poolwise" and key in cache:
                results[source.name]["learners"][label(task)] = cache[key]
            else:
                pending[task] = key
    for task, runs in work(sorted(pending, key=lambda task: -results[task.data_set]["units"]), options.jobs):
        results[task.data_set]["learners"][label(task)] = runs
        if options.cache and task.learner != "Poolwise":
            cache[pending[task]] = runs
            options.cache.write_text(json.dumps(cache))
    return results


def work(pending: list[Task], jobs: int) -> Any:
    """Results as they come; in this process where one job is asked for."""
    if jobs == 1:
        yield from map(run, pending)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run, task) for task in pending]):
            yield done.result()


def versions() -> dict[str, str]:
    """Versions of Python and of every package that takes part; absent ones are named."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def dumps(report: dict[str, Any]) -> str:
    """JSON with one line per learner and data set, so that differences between two results can be read."""
    text = json.dumps(report, indent=1)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found.group()), text)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--plot", type=Path, help="write the plot here (png or svg)")
    parser.add_argument("--only", help="only data sets whose name contains this")
    parser.add_argument("--peers", action="store_true", help="run the peers as well")
    parser.add_argument("--cache", type=Path, help="file that keeps the peers' results between runs")
    parser.add_argument("--order", choices=("shuffled", "time", "project"), default="shuffled")
    parser.add_argument("--policy", default="poolwise.replay:run_poolwise", help="module:function, or none")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    options = arguments()
    started = time.perf_counter()
    results = measure(options)
    report = {
        "versions": versions(),
        "seeds": options.seeds,
        "order": options.order,
        "seconds": time.perf_counter() - started,
        "summary": summary(results),
        "sets": results,
    }
    print_table(report)
    if options.json:
        options.json.write_text(dumps(report))
    if options.plot:
        plot(report, options.plot)


if __name__ == "__main__":
    main()

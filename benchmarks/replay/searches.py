"""Searches of parameter spaces on every machine: who searches, what it is told beforehand, and what its trials score.

What a searcher sees of a trial is one launch; scores are by mean times, so they are exact (`methodology.py`).
"""

import argparse
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, spaces
from benchmarks.harness.pieces import Work, results
from benchmarks.peers.searchers import Searcher, measured
from benchmarks.replay.learners import fingerprint
from benchmarks.replay.methodology import Scores, scores
from poolwise.replay import NOTHING, Observations
from poolwise.table import Table

TRIALS = 200
KNOWLEDGE = ("nothing", "random trials", "complete")
"""What is known of the other machines: nothing, TRIALS random launches on each, or every configuration."""
PEER_FILES = ("searchers.py", "kernel_tuner.py")
Found = dict[str, dict[str, list[Scores]]]
"""`space, machine` -> searcher -> of every seed."""


class Session(NamedTuple):
    """One searcher over one space and machine."""

    root: Path
    space: str
    unit: int
    place: str
    """`space, machine`."""
    name: str
    search: Searcher
    trials: int
    seed: int


def sessions(options: argparse.Namespace, searchers: Mapping[str, Searcher], trials: int) -> Found:
    """Of every searcher over every space and machine that the `options` name; a `cache` keeps those that are no
    Poolwise."""
    tasks = [
        Session(options.data, source.name, unit, f"{source.name}, {machine}", name, search, trials, seed)
        for source in spaces(options.data)
        if options.only in source.name
        for unit, machine in enumerate(loaded(options.data, source.name).units)
        for name, search in searchers.items()
        for seed in range(options.seeds)
    ]
    kept = getattr(options, "cache", None)
    pieces = [Work(session, task, mark(task) if kept and "Poolwise" not in task.name else None) for task in tasks]
    found: Found = {task.place: {name: [] for name in searchers} for task in tasks}
    every = results(pieces, kept, options.jobs)
    made = {(piece.task.place, piece.task.name, piece.task.seed): one for piece, one in every}
    for task in tasks:
        one = made[task.place, task.name, task.seed]
        found[task.place][task.name].append(Scores(**{**one, "best": {int(n): b for n, b in one["best"].items()}}))
    return found


def session(task: Session) -> dict[str, Any]:
    """Its scores."""
    known, began = loaded(task.root, task.space), time.process_time()
    chosen = task.search(known, task.unit, task.trials, task.seed)
    return scores(known, task.unit, chosen, time.process_time() - began)._asdict()


@cache
def loaded(root: Path, space: str) -> Table:
    return next(source for source in spaces(root) if source.name == space).load()


def mark(task: Session) -> str:
    """What a session's result depends on."""
    data = fingerprint(loaded(task.root, task.space), PEER_FILES)
    return f"{task.place}|{task.name}|{task.trials}|{task.seed}|{data}"


def stated(parser: argparse.ArgumentParser, seeds: int, jobs: int = 2) -> argparse.ArgumentParser:
    """With what every benchmark of spaces asks for."""
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--jobs", type=int, default=jobs, help="processes")
    return parser


def informed(
    search: Callable[..., np.ndarray], kind: str, table: Table, unit: int, trials: int, seed: int
) -> np.ndarray:
    """(trials,) arms of `search(table, unit, trials, seed, known)`, told beforehand what KNOWLEDGE names."""
    return search(table, unit, trials, seed, knowledge(table, unit, kind, seed))


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


def mean(found: Found, name: str, what: Callable[[Scores], float]) -> dict[str, float]:
    """`space, machine` -> mean over seeds."""
    return {place: float(np.mean([what(one) for one in entry[name]])) for place, entry in found.items()}


def ratio(regret: Mapping[str, float], other: Mapping[str, float]) -> tuple[float, str, float]:
    """Geometric mean over places of one regret over another's; the worst place, and the ratio there."""
    ratios = {place: value / other[place] for place, value in regret.items()}
    worst = max(ratios, key=ratios.__getitem__)
    return float(np.exp(np.mean(np.log([*ratios.values()])))), worst, ratios[worst]

"""A GPU tuned in a store into which trials of the other GPUs were imported: over the same search from nothing.

    python -m benchmarks.transfer.imported --seeds 5 --json benchmarks/results/transfer_imported.json

Engine and regret are those of `transfer/engine.py`; the GPU is that with the number of the seed. The others are told
200 random trials each; or 100 each of GPUs whose configurations were shuffled, which tell nothing of how one does: in
an order for every GPU, or all in one, so that the others agree about what is wrong here.
"""

import json
import time
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, spaces
from benchmarks.harness.pieces import Work, computed
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.peers.searchers import measured
from benchmarks.replay.engine_search import Tuned
from benchmarks.replay.searches import TRIALS
from benchmarks.transfer.engine import HORIZONS
from benchmarks.transfer.machines import geometric
from poolwise import Engine
from poolwise.replay import Observations
from poolwise.store.base import DecisionColumns, OutcomeColumns
from poolwise.table import Table

KINDS = {"random": 200, "shuffled": 100, "shuffled alike": 100}
"""Trials of each other GPU."""
AIMS = {"random": 0.33, "shuffled": 1.1}


class Task(NamedTuple):
    """One GPU of a space, told of the others or not."""

    root: Path
    space: str
    seed: int
    horizon: str
    """A name in HORIZONS."""
    kind: str
    """A name in KINDS, or `nothing`."""


def run(task: Task) -> float:
    """Cumulative regret."""
    known = next(source for source in spaces(task.root) if source.name == task.space).load()
    unit = task.seed % len(known.units)
    told = None if task.kind == "nothing" else others(known, unit, task.kind, task.seed)
    trials = TRIALS + (0 if told is None else len(told.unit))
    tuned = Tuned(known, TRIALS, task.seed, trials if HORIZONS[task.horizon] else None)
    if told is not None:
        imported(tuned.engine, known, tuned.names, told)
    chosen, _ = tuned(unit)
    return float((known.reward[unit].max() - known.reward[unit, chosen]).sum())


def others(known: Table, unit: int, kind: str, seed: int) -> Observations:
    """Random trials of the other GPUs: what each was worth over the baseline."""
    rng, arms, found = np.random.default_rng([seed, unit, 3]), len(known.arms), []
    order = rng.permutation(arms)
    for other in (other for other in range(len(known.units)) if other != unit):
        if kind == "shuffled":
            order = rng.permutation(arms)
        for arm in rng.permutation(arms)[: KINDS[kind]].tolist():
            source = arm if kind == "random" else int(order[arm])
            worth = measured(known, other, source, rng) - float(known.reward[other, int(known.baseline)])
            found.append((other, arm, worth))
    unit_of, arm_of, worth_of = zip(*found, strict=True)
    return Observations(np.array(unit_of), np.array(arm_of), np.array(worth_of))


def imported(engine: Engine, known: Table, names: list[str], told: Observations) -> None:
    """Trials as events of the store; each GPU is a project."""
    store, n = engine.store, len(told.unit)
    ids, zero, one = store.reserve(n) + np.arange(n), np.zeros(n, int), np.ones(n)
    made, nothing, job = np.full(n, time.time()), np.full(n, np.nan), np.full(n, -1)
    of = lambda kind, every: store.intern(kind, list(every))
    project, context = of("project", (known.units[k] for k in told.unit)), of("context", [known.name] * n)
    place = project, context, of("arm", (names[k] for k in told.arm))
    store.append_decisions(DecisionColumns(ids, *place, one, zero, made, of("reason", ["imported"] * n), job))
    store.append_outcomes(OutcomeColumns(ids, *place, job, zero.astype(np.int8), told.reward, nothing, nothing, made))
    engine.refresh()


def figures(horizon: str, kind: str, ratio: dict[str, list[float]]) -> list[Figure]:
    """Geometric means of the regret over that from nothing, of all searches and by space; the worst."""
    every = [one for values in ratio.values() for one in values]
    what = f"{kind}, horizon {horizon}"
    made = [Figure(f"{what}: regret over from nothing", geometric(every), "", AIMS.get(kind))]
    made += [Figure(f"{what}: {space}", geometric(values), "") for space, values in ratio.items()]
    return [*made, Figure(f"{what}: worst of {len(every)} searches", max(every), "")]


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--first", type=int, default=0, help="number of the first seed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of what is imported")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    names = [source.name for source in spaces(options.data) if options.only in source.name]
    seeds, kinds = range(options.first, options.first + options.seeds), ["nothing", *options.kinds.split(",")]
    tasks = [Task(options.data, *one) for one in product(names, seeds, HORIZONS, kinds)]
    found: dict[Task, float] = {}
    for piece, lost in computed([Work(run, task, None) for task in tasks], options.jobs):
        found[piece.task] = lost
        print(json.dumps([*piece.task[1:], round(lost, 2)]), flush=True)
    ratio = lambda task: found[task] / found[task._replace(kind="nothing")]
    made: list[Figure] = []
    for kind, horizon in product(kinds[1:], HORIZONS):
        here = {s: [ratio(Task(options.data, s, seed, horizon, kind)) for seed in seeds] for s in names}
        made += figures(horizon.removeprefix("horizon "), kind, here)
    print(table(made))
    about: dict[str, Any] = {"seeds": list(seeds)}
    save(options.json, {**about, "figures": rows(made)})


if __name__ == "__main__":
    main()

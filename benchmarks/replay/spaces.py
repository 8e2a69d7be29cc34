"""Parameter spaces of GPU kernels: from nothing, and with other GPUs known, beside the peers of an earlier run.

    python -m benchmarks.replay.spaces --seeds 3 --json benchmarks/results/spaces.json

Every space and GPU: cumulative regret of 200 trials and the best configuration found; see `replay/searches.py`. The
peers' ten seeds come from the result of `benchmarks/replay/tables.py --peers`. Worst ratios name where transfer
misleads.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, spaces
from benchmarks.harness.pieces import Work, results
from benchmarks.harness.result import RESULTS, Figure, arguments, rows, save, table
from benchmarks.replay.report import over
from benchmarks.replay.searches import KNOWLEDGE, SpaceTask, run
from benchmarks.replay.tables import kept

POLICY = "poolwise.replay:run_space"
TPE, NOTHING = "Optuna TPE", "Poolwise, nothing"


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """`space, machine` -> result of Poolwise with every kind of knowledge, and of the peers."""
    found: dict[str, Any] = json.loads(options.peers.read_text())["spaces"]
    found = {where: {TPE: entry[TPE]} for where, entry in found.items() if options.only in where}
    tasks = [
        SpaceTask(options.data, source.name, unit, machine, f"Poolwise, {kind}", tuple(range(options.seeds)), POLICY)
        for source in spaces(options.data)
        if options.only in source.name
        for unit, machine in enumerate(source.load().units)
        for kind in KNOWLEDGE
    ]
    for piece, result in results([Work(run, task, None) for task in tasks], None, options.jobs):
        found[f"{piece.task.space}, {piece.task.machine}"][piece.task.searcher] = result
    return found


def figures(found: dict[str, Any]) -> list[Figure]:
    """What issue and design ask for: geometric means and worst ratios of mean regrets, and the best found."""
    few, complete = (over(found, f"Poolwise, {kind}", NOTHING) for kind in KNOWLEDGE[1:])
    best = float(np.mean([np.mean(entry[NOTHING]["best"]) for entry in found.values()]))
    slowest = max(entry[NOTHING]["seconds"] for entry in found.values())
    worst = max((few, complete), key=lambda one: one["worst"])
    return [
        Figure("regret from nothing / Optuna TPE", over(found, NOTHING, TPE)["geometric mean"], "", 0.40),
        Figure("200 random trials of each other GPU known / from nothing", few["geometric mean"], "", 0.45),
        Figure("other GPUs known completely / from nothing", complete["geometric mean"], "", 0.15),
        Figure("best configuration found from nothing, share of the optimum", best, "", 0.96, True),
        Figure(f"worst ratio to from nothing: {worst['worst at']}", worst["worst"], "", 1.3),
        Figure("slowest search from nothing, 200 trials", slowest, "s", 5.0),
    ]


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--peers", type=Path, default=RESULTS / "peers.json")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    began = perf_counter()
    found = measured(options)
    made = figures(found)
    print(table(made))
    about = {"seeds": list(range(options.seeds))}
    means = {where: kept(one, by_seed=False) for where, one in found.items()}
    save(options.json, {**about, "seconds": perf_counter() - began, "figures": rows(made), "spaces": means})


if __name__ == "__main__":
    main()

"""Parameter spaces of GPU kernels: Poolwise's search from nothing, and with other GPUs known, over Optuna's TPE.

    python -m benchmarks.replay.spaces --seeds 4 --json benchmarks/results/spaces.json

Every space and GPU, 200 trials; see `searches.py`. TPE's regret is that of `kernels.py`'s file. Worst ratios name where
transfer misleads.
"""

import json
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.replay.kernels import FILE
from benchmarks.replay.searches import KNOWLEDGE, TRIALS, Found, informed, mean, ratio, sessions, stated
from poolwise.replay import run_space

SEARCHERS = {f"Poolwise, {kind}": partial(informed, run_space, kind) for kind in KNOWLEDGE}
NOTHING, *INFORMED = SEARCHERS


def figures(found: Found, tpe: dict[str, float]) -> list[Figure]:
    """Geometric means and worst ratios of mean regrets, and the best found. tpe: its regret in every space."""
    regret = {name: mean(found, name, lambda one: one.regret) for name in SEARCHERS}
    best = float(np.mean([*mean(found, NOTHING, lambda one: one.best[TRIALS]).values()]))
    slowest = max(one.seconds for entry in found.values() for one in entry[NOTHING])
    few, complete = (ratio(regret[name], regret[NOTHING]) for name in INFORMED)
    _, where, worst = max(few, complete, key=lambda one: one[-1])
    return [
        Figure("regret from nothing / Optuna TPE", ratio(regret[NOTHING], tpe)[0], "", 0.40),
        Figure("200 random trials of each other GPU known / from nothing", few[0], "", 0.45),
        Figure("other GPUs known completely / from nothing", complete[0], "", 0.15),
        Figure("best configuration found from nothing, share of the optimum", best, "", 0.96, True),
        Figure(f"worst ratio to from nothing: {where}", worst, "", 1.3),
        Figure("slowest search from nothing, 200 trials", slowest, "s", 5.0),
    ]


def main() -> None:
    """Measure, print, write."""
    parser = stated(arguments(__doc__), seeds=4)
    parser.add_argument("--peers", type=Path, default=FILE)
    options = parser.parse_args()
    began = perf_counter()
    found = sessions(options, SEARCHERS, TRIALS)
    made = figures(found, json.loads(options.peers.read_text())["TPE"][str(TRIALS)])
    print(table(made))
    regret = {name: mean(found, name, lambda one: one.regret) for name in SEARCHERS}
    about = {"seeds": list(range(options.seeds)), "seconds": perf_counter() - began}
    save(options.json, {**about, "figures": rows(made), "regret": regret})


if __name__ == "__main__":
    main()

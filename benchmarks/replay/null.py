"""Tables in which contexts do not matter: one arm is best everywhere, and pooling all contexts is right.

    python -m benchmarks.replay.null --json benchmarks/results/null.json

Simulated: 16 arms of 4 families, 100 contexts, 1,500 jobs; levels of arms Normal(0, 0.3^2), jobs Normal(0, 0.5^2)
around them. Regret over that of the best peer of every table, chosen in hindsight as in `tables`.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.harness.pieces import Work, results
from benchmarks.harness.result import arguments, save
from benchmarks.replay import learners
from benchmarks.replay.report import geometric_mean, mean_utility, regret
from poolwise.replay import orders
from poolwise.table import Table, from_rows, utility

ARMS, FAMILIES, CONTEXTS, JOBS = 16, 4, 100, 1_500
LEVEL, NOISE = 0.3, 0.5
POLICY = "poolwise.replay:run_poolwise"


def table(world: int) -> Table:
    """A table from nothing but its number."""
    rng = np.random.default_rng([world, 71])
    level = rng.normal(0.0, LEVEL, ARMS)
    gain = level + NOISE * rng.standard_normal((JOBS, ARMS))
    unit, arm = (part.ravel() for part in np.indices(gain.shape))
    context = rng.integers(CONTEXTS, size=JOBS)[unit]
    rows = {"unit": unit, "project": "p", "context": context, "family": arm % FAMILIES, "arm": arm}
    frame = pd.DataFrame({**rows, "cost": np.exp(-gain).ravel()})
    return from_rows(frame.astype({"unit": str, "context": str, "family": str, "arm": str}), name=f"null/{world}",
                     source="simulated", baseline="0")  # fmt: skip


def run(task: tuple[int, str, str, tuple[int, ...]]) -> dict[str, Any]:
    """Mean utility per seed of one learner in one world."""
    world, learner, form, seeds = task
    made = table(world)
    order = orders(made, "shuffled", seeds)
    chosen = learners.play(learners.Task(Path(), made.name, learner, form, "shuffled", seeds, POLICY), made, order)
    return {"utility": utility(made)[order, chosen].mean(axis=1).tolist()}


def stated() -> argparse.Namespace:
    """The command line."""
    parser = arguments(__doc__)
    parser.add_argument("--worlds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="number of the first world and seed")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--cache", type=Path, help="file that keeps the peers' results between runs")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    options = stated()
    seeds = tuple(range(options.first, options.first + options.seeds))
    worlds = range(options.first, options.first + options.worlds)
    sets: dict[str, Any] = {str(w): {**learners.about(table(w)), "learners": {}} for w in worlds}
    pieces = [
        Work(run, (w, name, form, seeds), None if name == "Poolwise" else f"{w}|{name}|{form}|{seeds}")
        for w in worlds
        for name, form in learners.learners(True, POLICY, False)
    ]
    for piece, found in results(pieces, options.cache, options.jobs):
        world, name, form, _ = piece.task
        sets[str(world)]["learners"][f"{name} ({form})" if form else name] = found
    ratios = {}
    for world, entry in sets.items():
        entry["references"]["best"] = entry["references"]["single best"]
        peer = max((n for n in entry["learners"] if n != "Poolwise"), key=lambda n: mean_utility(entry["learners"][n]))
        ratios[world] = regret(entry, "Poolwise", "best") / regret(entry, peer, "best")
        print(f"{world}: {ratios[world]:.3f} of {peer}")
    print(f"geometric mean {geometric_mean(list(ratios.values())):.3f}")
    save(options.json, {"seeds": options.seeds, "first": options.first, "ratios": ratios,
                        "ratio to the best peer": geometric_mean(list(ratios.values()))})  # fmt: skip


if __name__ == "__main__":
    main()

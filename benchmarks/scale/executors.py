"""Chains, replays and learning on two Ray workers, over the same in one process: time, and whether results agree.

    python -m benchmarks.scale.executors --json benchmarks/results/scale_executors.json
    python -m benchmarks.scale.executors --quick --only learn

Four NUTS chains of `benchmarks.calibration.refit`'s problem, smaller; sixteen seeds of a replay over a table drawn from
the hierarchy; a race of `poolwise learn` on simulated systems. Of the chains the drawing is timed, effects of all cells
included. The one process is a new one on one core, as is a worker; the same on all cores, whose threads XLA shares some
of the work among, is told beside it. Ray is started, and workers have imported what they need, before the clock.
Replays and learning are compiled before it, too, by a few seeds and a step; chains within it, once by each worker.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.calibration.refit import problem_of
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.harness.shown import say, shown
from poolwise import compute, policy
from poolwise.meta import racing, simulated, systems
from poolwise.refit.methods import nuts
from poolwise.refit.options import Options
from poolwise.replay import replay
from poolwise.run.simulated_systems import ARMS, CONTEXTS, DECISIONS, PROJECTS
from poolwise.simulate.population import Shape
from poolwise.table import Table, from_rows

WORKERS, SEED = 2, 4
RAY = compute.Executor("ray://local", WORKERS)


Found = tuple[np.ndarray, float | None]
"""Results, and the seconds that count where those are not all."""


class Part(NamedTuple):
    """Something that is run with a size on an executor."""

    run: Callable[[int, compute.Executor], Found]
    size: int
    quick: int
    before: Callable[[int, compute.Executor], Any]
    """Before the clock."""
    target: float
    close: float


def outcomes(units: int) -> Table:
    """Costs of every arm for jobs of 5 projects and 6 contexts."""
    random = np.random.default_rng(SEED)
    effect = random.normal(0, 0.3, (5, 6, 8))
    place = [(int(random.integers(5)), int(random.integers(6))) for _ in range(units)]
    lines = [(f"u{u}", f"p{p}", f"c{c}", f"f{a // 2}", f"a{a}", float(np.exp(-effect[p, c, a] + 0.2 * random.normal())))
             for u, (p, c) in enumerate(place) for a in range(8)]  # fmt: skip
    names = ["unit", "project", "context", "family", "arm", "cost"]
    return from_rows(pd.DataFrame(lines, columns=names), name="drawn", source="drawn", baseline="a0")


def chains(draws: int, executor: compute.Executor) -> Found:
    """What is judged and told of all chains together afterwards is in one process everywhere, and not in the time."""
    options = Options(chains=4, draws=draws, seed=SEED, executor=executor.address, workers=executor.workers)
    made = nuts.run(problem_of((60, 20, 6), 20_000), options)
    return np.asarray(made.chains["tau_arm_level"]), float(made.notes["sampling_seconds"])


def replayed(units: int, executor: compute.Executor, seeds: int = 16) -> Found:
    return replay(outcomes(units), seeds=seeds, executor=executor).log["probability"].to_numpy(), None


def learned(number: int, executor: compute.Executor) -> Found:
    """From so many systems of the largest size that `poolwise learn` simulates."""
    shape = Shape(projects=PROJECTS, decisions=DECISIONS, contexts=CONTEXTS, arms=ARMS)
    drawn = systems.sample(np.random.default_rng(SEED), number, None, shape)
    usual, past = policy.default(), simulated.of_systems(drawn, shape)
    with compute.opened(executor) as pool:
        made = racing.race(past, usual, racing.grid(usual), range(3), np.inf, pool)
    return made.log_ratio, None


def imported(_: int) -> str:
    """A task that takes so long that every worker has one; where it is found it imports what this file does."""
    time.sleep(0.5)
    return nuts.__name__


def ready(_: int, executor: compute.Executor) -> None:
    with compute.opened(executor) as pool:
        compute.mapped(pool, imported, range(4 * executor.workers))


PARTS = {
    "4 NUTS chains": Part(chains, 1_000, 50, ready, 1.8, 1e-6),
    "replay, 16 seeds": Part(replayed, 1_500, 150, partial(replayed, seeds=4), 1.7, 0.0),
    "learn": Part(learned, 16, 2, lambda _, executor: learned(2, executor), 1.7, 0.0),
}


def timed(part: Part, size: int, executor: compute.Executor) -> tuple[np.ndarray, float]:
    part.before(size, executor)
    began = time.perf_counter()
    found, seconds = part.run(size, executor)
    return found, time.perf_counter() - began if seconds is None else seconds


def alone(what: str, size: int, cores: int) -> tuple[np.ndarray, float]:
    """In a new process on so many cores."""
    use = ",".join(map(str, sorted(os.sched_getaffinity(0))[:cores]))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "found.npz"
        command = [sys.executable, "-m", "benchmarks.scale.executors", "--only", what, "--size", str(size)]
        subprocess.run(["taskset", "--cpu-list", use, *command, "--child", str(path)], check=True)
        with np.load(path) as file:
            return file["found"], float(file["seconds"])


def compared(what: str, size: int) -> list[Figure]:
    """One process, then two workers; the cluster runs."""
    say(f"{what}: one process on one core")
    _, one = alone(what, size, 1)
    say(f"{what}: one process on {WORKERS} cores ({one:.1f} s on one)")
    first, wide = alone(what, size, WORKERS)
    say(f"{what}: {WORKERS} Ray workers ({wide:.1f} s on {WORKERS} cores)")
    found, over = timed(PARTS[what], size, RAY)
    return [
        Figure(f"{what}: one process over two Ray workers", one / over, "times", PARTS[what].target, at_least=True),
        Figure(f"{what}: one process on two cores over two Ray workers", wide / over, "times"),
        Figure(f"{what}: largest difference of the results", float(np.abs(first - found).max()), "", PARTS[what].close),
        Figure(f"{what}: time of one process", one, "s"),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--only", choices=list(PARTS), help="this part")
    parser.add_argument("--quick", action="store_true", help="small sizes, for a look whether it runs")
    parser.add_argument("--size", type=int, help="draws, units or steps of the part that is asked for")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        found, seconds = timed(PARTS[options.only], options.size, compute.LOCAL)
        np.savez(options.child, found=found, seconds=seconds)
        return
    shown()
    chosen = [options.only] if options.only else list(PARTS)
    sizes = {what: options.size or (PARTS[what].quick if options.quick else PARTS[what].size) for what in chosen}
    with compute.opened(RAY):
        found = [figure for what, size in sizes.items() for figure in compared(what, size)]
    print(table(found))
    save(options.json, {"case": {"sizes": sizes, "seed": SEED, "workers": WORKERS}, "figures": rows(found)})


if __name__ == "__main__":
    main()

"""Chains, replays and learning on two Ray workers, over the same in one process: time, and whether results agree.

    python -m benchmarks.scale.executors --json benchmarks/results/scale_executors.json

Four NUTS chains of `benchmarks.calibration.refit`'s problem, smaller; sixteen seeds of a replay over a table drawn from
the hierarchy; steps of `poolwise learn` on simulated systems. Ray is started before the clock; programs are compiled
within it, by each worker for itself.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.calibration.refit import problem_of
from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise import compute, policy
from poolwise.meta import learning
from poolwise.meta.losses import Task
from poolwise.refit.methods import nuts
from poolwise.refit.options import Options
from poolwise.replay import replay
from poolwise.simulate.population import Shape
from poolwise.table import Table, from_rows

WORKERS, SEED = 2, 4
RAY = compute.Executor("ray://local", WORKERS)


def outcomes(units: int) -> Table:
    """Costs of every arm for jobs of 5 projects and 6 contexts."""
    random = np.random.default_rng(SEED)
    effect = random.normal(0, 0.3, (5, 6, 8))
    place = [(int(random.integers(5)), int(random.integers(6))) for _ in range(units)]
    lines = [(f"u{u}", f"p{p}", f"c{c}", f"f{a // 2}", f"a{a}", float(np.exp(-effect[p, c, a] + 0.2 * random.normal())))
             for u, (p, c) in enumerate(place) for a in range(8)]  # fmt: skip
    names = ["unit", "project", "context", "family", "arm", "cost"]
    return from_rows(pd.DataFrame(lines, columns=names), name="drawn", source="drawn", baseline="a0")


def chains(executor: compute.Executor, draws: int) -> np.ndarray:
    options = Options(chains=4, draws=draws, seed=SEED, executor=executor.address, workers=executor.workers)
    return np.asarray(nuts.run(problem_of((60, 10, 6), 20_000), options).chains["tau_arm_level"])


def replayed(executor: compute.Executor, units: int) -> np.ndarray:
    return replay(outcomes(units), seeds=16, executor=executor).log["probability"].to_numpy()


def learned(executor: compute.Executor, steps: int) -> np.ndarray:
    task = Task(policy.default(), Shape(projects=3, decisions=40, contexts=4, arms=8), seed=SEED, batch=128)
    with compute.opened(executor) as pool:
        return np.array([step.loss for step in learning.learn(task, steps, pool=pool)])


def compared(what: str, run: Callable[[compute.Executor], np.ndarray], target: float, close: float) -> list[Figure]:
    """One process, then two workers."""
    times, found = [], []
    for executor in (compute.LOCAL, RAY):
        began = time.perf_counter()
        found.append(run(executor))
        times.append(time.perf_counter() - began)
    off = float(np.abs(found[0] - found[1]).max())
    return [
        Figure(f"{what}: one process over two Ray workers", times[0] / times[1], "times", target, at_least=True),
        Figure(f"{what}: largest difference of the results", off, "", close),
        Figure(f"{what}: time of one process", times[0], "s"),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--units", type=int, default=1_500)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    parts: dict[str, tuple[Any, float, float]] = {
        "4 NUTS chains": (lambda executor: chains(executor, options.draws), 1.8, 1e-6),
        "replay, 16 seeds": (lambda executor: replayed(executor, options.units), 1.7, 0.0),
        "learn": (lambda executor: learned(executor, options.steps), 1.7, 0.0),
    }
    with compute.opened(RAY):
        found = [figure for what, part in parts.items() for figure in compared(what, *part)]
    print(table(found))
    case = {"draws": options.draws, "units": options.units, "steps": options.steps, "seed": SEED, "workers": WORKERS}
    save(options.json, {"case": case, "figures": rows(found)})


if __name__ == "__main__":
    main()

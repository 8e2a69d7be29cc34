"""Kernel Tuner's own strategies on tables of measured configurations, in its simulation mode; needs the extra
`kernel-tuner`.

    python -m benchmarks.peers.kernel_tuner --seeds 2 --json benchmarks/results/kernel_tuner.json

Every space and GPU of `benchmarks/replay/kernels.py`, thinned as there; a space is the configurations of its table, and
a strategy sees their mean times. Scores as in `replay/methodology.py`, over different configurations in the order of
their first evaluation, which is how Kernel Tuner counts; one that ends early keeps its last one. `--strategies` takes
any of Kernel Tuner's, `bayes_opt` too, which is slow, and `Poolwise` for `PoolwiseStrategy`.
"""

import contextlib
import io
import json
import random
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, spaces
from benchmarks.harness.result import RESULTS, Figure, arguments, save, table
from benchmarks.replay.methodology import AT, Scores, scores
from poolwise import compute
from poolwise.table import Table

OURS = "Poolwise"
STRATEGIES = ("simulated_annealing", "genetic_algorithm", "adaptive_tabu_greywolf", "greedy_ils", "random_sample")
CLOCKS = ("compile_time", "verification_time", "benchmark_time", "strategy_time", "framework_time")
Key = tuple[Any, ...]


def values(known: Table) -> dict[str, list[Any]]:
    """Values of every parameter."""
    return {name: sorted({one[name] for one in known.params}) for name in known.params[0]}


def cache(known: Table, unit: int, path: Path) -> None:
    """A cache file of mean times."""
    made = {}
    for params, reward in zip(known.params, known.reward[unit].tolist(), strict=True):
        took = float(np.exp(-reward))
        entry = {**params, "time": took, "times": [took], **dict.fromkeys(CLOCKS, 1.0)}
        made[",".join(map(str, params.values()))] = {**entry, "timestamp": "2026-01-01 00:00:00.000000+00:00"}
    space = {"tune_params_keys": list(values(known)), "tune_params": values(known), "objective": "time"}
    head = {"schema_version": "1.1.0", "device_name": known.units[unit], "kernel_name": "kernel", "problem_size": 1000}
    path.write_text(json.dumps({**head, **space, "cache": made}))


def tuned(known: Table, unit: int, strategy: str, trials: int, seed: int) -> np.ndarray:
    """(trials,) arms."""
    import kernel_tuner

    from poolwise.integrations.kernel_tuner import PoolwiseStrategy

    names, chosen_strategy = list(values(known)), PoolwiseStrategy(seed) if strategy == OURS else strategy
    arms: dict[Key, int] = {tuple(one[name] for name in names): arm for arm, one in enumerate(known.params)}

    def measured_ones(params: dict[str, Any]) -> bool:
        return tuple(params[name] for name in names) in arms

    random.seed(seed)  # the strategies draw from the global generators
    np.random.seed(seed)  # noqa: NPY002
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "cache.json"
        cache(known, unit, path)
        found, _ = kernel_tuner.tune_kernel(
            "kernel", "__global__ void kernel(float *c) { c[0] = 1.0f; }", 1000, [np.zeros(1, np.float32)],
            values(known), restrictions=measured_ones, lang="CUDA", cache=str(path), quiet=True,
            simulation_mode=True, strategy=chosen_strategy, strategy_options={"max_fevals": trials}, verbose=False,
        )  # fmt: skip
    chosen = list(dict.fromkeys(arms[tuple(one[name] for name in names)] for one in found))[:trials]
    return np.array(chosen + chosen[-1:] * (trials - len(chosen)))


def measured(task: tuple[Path, str, int, str, int, int]) -> Scores:
    """Of one session."""
    root, name, unit, strategy, trials, seed = task
    known = next(source for source in spaces(root) if source.name == name).load()
    return scores(known, unit, tuned(known, unit, strategy, trials, seed))


def summary(found: dict[str, list[Scores]], tpe: dict[str, float], trials: int) -> dict[str, float]:
    """Means over spaces of means over seeds."""
    best = {at: [np.mean([run.best[at] for run in runs]) for runs in found.values()] for at in AT if at <= trials}
    every = [run for runs in found.values() for run in runs]
    made = {f"best found after {at}": float(np.mean(one)) for at, one in best.items()}
    if trials == 200:
        ratios = [np.mean([run.regret for run in runs]) / tpe[where] for where, runs in found.items()]
        made["regret over Optuna TPE's"] = float(np.exp(np.mean(np.log(ratios))))
    return {
        **made,
        "worst space": float(min(best[trials])),
        "distinct": float(np.mean([run.distinct for run in every])),
        "methodology score": float(np.mean([run.score for run in every])),
    }


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--peers", type=Path, default=RESULTS / "peers.json")
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    peers, made = json.loads(options.peers.read_text())["spaces"], dict[str, dict[str, float]]()
    places = [(source.name, unit, machine) for source in spaces(options.data) if options.only in source.name
              for unit, machine in enumerate(source.load().units)]  # fmt: skip
    tpe = {
        f"{name}, {machine}": np.mean(peers[f"{name}, {machine}"]["Optuna TPE"]["regret"])
        for name, _, machine in places
    }
    for strategy in options.strategies.split(","):
        tasks = [(options.data, name, unit, strategy, options.trials, seed)
                 for name, unit, _ in places for seed in range(options.seeds)]  # fmt: skip
        with compute.opened(workers=options.jobs) as pool:
            runs = compute.mapped(pool, measured, tasks)
        found = {where: runs[k * options.seeds : (k + 1) * options.seeds] for k, where in enumerate(tpe)}
        made[strategy] = summary(found, tpe, options.trials)
        print(table([Figure(f"{strategy}: {what}", value, "") for what, value in made[strategy].items()]), flush=True)
    save(options.json, {"seeds": list(range(options.seeds)), "strategies": made})


if __name__ == "__main__":
    main()

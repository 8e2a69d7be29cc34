"""Kernel Tuner's own strategies on tables of measured configurations, in its simulation mode; needs the extra
`kernel-tuner`, and scikit-learn for `bayes_opt`.

A space is the configurations of its table, and a strategy sees their mean times; trials are different configurations in
the order of their first evaluation, which is how Kernel Tuner counts. One that ends early keeps the best that it found.
Left out are `minimize` and `dual_annealing`, which end in the first local optimum after a handful of trials, and those
that need skopt, pyATF or pymoo; `random_sample` is random search.
"""

import contextlib
import io
import json
import random
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.searchers import Searcher
from poolwise.table import Table

NAMES = {
    "simulated annealing": "simulated_annealing",
    "genetic algorithm": "genetic_algorithm",
    "tabu and grey wolf": "adaptive_tabu_greywolf",
    "hybrid of neighbourhoods": "hybrid_vndx",
    "iterated local search": "greedy_ils",
    "multi-start local search": "greedy_mls",
    "differential evolution": "diff_evo",
    "particle swarm": "pso",
    "firefly": "firefly_algorithm",
    "basin hopping": "basinhopping",
    "Bayesian optimisation": "bayes_opt",
}
"""What its strategies are called here, and there."""
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


def ours(known: Table, unit: int, trials: int, seed: int) -> np.ndarray:
    """(trials,) arms of Poolwise as a strategy."""
    from poolwise.integrations.kernel_tuner import PoolwiseStrategy

    return strategy(PoolwiseStrategy(seed), known, unit, trials, seed)


def strategy(chosen: Any, known: Table, unit: int, trials: int, seed: int) -> np.ndarray:
    """(trials,) arms. chosen: the name of a strategy, or an object with a method `tune`."""
    import kernel_tuner

    names = list(values(known))
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
            simulation_mode=True, strategy=chosen, strategy_options={"max_fevals": trials}, verbose=False,
        )  # fmt: skip
    tried = list(dict.fromkeys(arms[tuple(one[name] for name in names)] for one in found))[:trials]
    best = max(tried, key=lambda arm: known.reward[unit, arm])
    return np.array(tried + [best] * (trials - len(tried)))


STRATEGIES: dict[str, Searcher] = {f"Kernel Tuner {name}": partial(strategy, there) for name, there in NAMES.items()}

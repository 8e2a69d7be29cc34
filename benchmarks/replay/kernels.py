"""GPU kernels tuned through the engine, as a user would: from nothing, beside Optuna's TPE of an earlier run.

    python -m benchmarks.replay.kernels --json benchmarks/results/surface_kernels.json

Every space and GPU of `benchmarks/replay/spaces.py`, 200 trials of one launch each, one project and context;
utilities over the kernel's default configuration; default policy, horizon known. Numbers with three values or more
are numbers, on a log scale if they span a factor of 8; all else is a choice. Regret as in `replay/searches.py`.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, spaces
from benchmarks.harness.machine import stay_on_one_core
from benchmarks.harness.result import RESULTS, Figure, arguments, rows, save, table
from poolwise import ArmSpace, Choice, Engine, Family, Real
from poolwise.engine import Settings
from poolwise.space import Arm, arm_id
from poolwise.space.parameters import Parameter
from poolwise.table import Table

TRIALS, WIDE = 200, 8


def parameter(values: list[Any]) -> Parameter:
    """As a user would state it."""
    if len(values) < 3 or not all(isinstance(one, int | float) for one in values):
        return Choice(values)
    low, high = float(min(values)), float(max(values))
    return Real(low, high, log=low > 0 and high / low >= WIDE)


def space(known: Table) -> tuple[ArmSpace, dict[str, int]]:
    """The configurations of a table, and which of them each arm is."""
    names = list(dict.fromkeys(name for params in known.params for name in params))
    values = {name: list(dict.fromkeys(p[name] for p in known.params if name in p)) for name in names}
    family = Family("kernel", {name: parameter(found) for name, found in values.items()}, limit=1)
    arms = tuple(Arm(arm_id("kernel", params), "kernel", dict(params)) for params in known.params)
    index = {arm.id: k for k, arm in enumerate(arms)}
    strange = frozenset(arm.id for arm in family.arms() if arm.id not in index)
    return ArmSpace([family], arms[int(known.baseline)].id, arms, strange), index


def tuned(known: Table, unit: int, seed: int) -> tuple[float, float, float]:
    """Cumulative regret, the best configuration found as a share of the optimum, seconds of processor time."""
    began = time.process_time()
    chosen, _ = Tuned(known, TRIALS, seed, TRIALS)(unit)
    lost = known.reward[unit].max() - known.reward[unit, chosen]
    return float(lost.sum()), float(np.exp(-lost.min())), time.process_time() - began


class Tuned:
    """One engine that tunes one machine (unit) after another, each a project; in memory, default policy."""

    def __init__(self, known: Table, trials: int, seed: int, horizon: int | None) -> None:
        arms, self._index = space(known)
        settings = Settings(horizon=horizon, log_views=False, estimate="inline")
        self._engine = Engine.open("memory://", arms, seed=seed, settings=settings)
        self._known, self._trials, self._seed = known, trials, seed

    def __call__(self, unit: int) -> tuple[np.ndarray, np.ndarray]:
        """(trials,) arms, and what a launch of each was worth over the baseline."""
        known, random = self._known, np.random.default_rng([self._seed, unit])
        launches = known.reward[unit, :, None] if known.repeats is None else known.repeats[unit]
        chosen, told = np.empty(self._trials, int), np.empty(self._trials)
        for trial in range(self._trials):
            decision = self._engine.decide(known.units[unit], known.name)
            k = chosen[trial] = self._index[decision.arm]
            told[trial] = random.choice(launches[k]) - known.reward[unit, int(known.baseline)]
            self._engine.observe(decision.id, utility=float(told[trial]))
        return chosen, told


def _means(one: dict[str, Any]) -> dict[str, float]:
    """What is written of a space: means over seeds."""
    regret, best, _ = np.mean(one["runs"], axis=0).tolist()
    return {"regret": regret, "best": best, "Optuna TPE": one["Optuna TPE"]}


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--peers", type=Path, default=RESULTS / "peers.json")
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    stay_on_one_core()
    peers, found = json.loads(options.peers.read_text())["spaces"], {}
    for source in (one for one in spaces(options.data) if options.only in one.name):
        known = source.load()
        for unit, machine in enumerate(known.units):
            runs = [tuned(known, unit, seed) for seed in range(options.seeds)]
            tpe = float(np.mean(peers[f"{source.name}, {machine}"]["Optuna TPE"]["regret"]))
            found[f"{source.name}, {machine}"] = {"runs": runs, "Optuna TPE": tpe}
            print(
                f"{source.name}, {machine}: regret {np.mean([r for r, *_ in runs]):.1f}, Optuna TPE {tpe:.1f}",
                flush=True,
            )
    ratios = [float(np.mean([r for r, *_ in one["runs"]])) / one["Optuna TPE"] for one in found.values()]
    every = np.array([run for one in found.values() for run in one["runs"]])
    figures = [
        Figure("regret / Optuna TPE, geometric mean", float(np.exp(np.mean(np.log(ratios)))), ""),
        Figure("worst ratio", max(ratios), ""),
        Figure("best configuration found, share of the optimum", float(every[:, 1].mean()), ""),
        Figure("200 trials, slowest", float(every[:, 2].max()), "s"),
    ]
    print(table(figures))
    body = {"figures": rows(figures), "spaces": {where: _means(one) for where, one in found.items()}}
    save(options.json, body)


if __name__ == "__main__":
    main()

"""GPU kernels tuned through the engine, as a user would: from nothing, beside Optuna's TPE of an earlier run.

    python -m benchmarks.replay.kernels --json benchmarks/results/surface_kernels.json

Every space and GPU of `benchmarks/replay/spaces.py`, 200 and 400 trials of one launch each, one project and context;
utilities over the kernel's default configuration; default policy, horizon known, either goal. Numbers with three values
or more are numbers, on a log scale if they span a factor of 8; all else is a choice. Scores as in
`replay/methodology.py`.
"""

import json
import time
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, spaces
from benchmarks.harness.result import RESULTS, Figure, arguments, rows, save, table
from benchmarks.replay.methodology import Scores, scores
from poolwise import ArmSpace, Choice, Engine, Family, Real, compute
from poolwise.engine import Settings
from poolwise.space import Arm, arm_id
from poolwise.space.parameters import Parameter
from poolwise.table import Table

TRIALS, WIDE = 200, 8
Goal = Literal["earn", "best"]
GOALS: tuple[Goal, ...] = ("earn", "best")
TARGETS: dict[Goal, Any] = {
    "earn": (0.45, {200: 0.960, 400: 0.970}, 0.82, 1.0, 0.40),
    "best": (0.70, {200: 0.978, 400: 0.987}, 0.88, 1.3, 0.52),
}
"""Regret over TPE's, best found, the same in the worst space, worst regret over TPE's, methodology score."""


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


def tuned(known: Table, unit: int, seed: int, goal: Goal, trials: int) -> tuple[Scores, float]:
    """Scores, and seconds of processor time."""
    began = time.process_time()
    chosen, _ = Tuned(known, trials, seed, trials, goal)(unit)
    return scores(known, unit, chosen), time.process_time() - began


class Tuned:
    """One engine that tunes one machine (unit) after another, each a project; in memory, default policy."""

    def __init__(self, known: Table, trials: int, seed: int, horizon: int | None, goal: Goal = "earn") -> None:
        arms, self._index = space(known)
        settings = Settings(horizon=horizon, goal=goal, log_views=False, estimate="inline")
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


def measured(task: tuple[Path, str, int, tuple[int, ...], Goal, int]) -> dict[str, Any]:
    """Means over seeds of one space and machine."""
    root, name, unit, seeds, goal, trials = task
    known = next(source for source in spaces(root) if source.name == name).load()
    runs = [tuned(known, unit, seed, goal, trials) for seed in seeds]
    every = [one for one, _ in runs]
    return {
        "regret": float(np.mean([one.regret for one in every])),
        "best": {number: float(np.mean([one.best[number] for one in every])) for number in every[0].best},
        "distinct": float(np.mean([one.distinct for one in every])),
        "score": float(np.mean([one.score for one in every])),
        "seconds": max(seconds for _, seconds in runs),
    }


def figures(found: dict[str, dict[str, Any]], tpe: dict[str, float], goal: Goal, trials: int) -> list[Figure]:
    """Of all spaces and machines, under one goal."""
    name, (most, least, worst, ratio, score) = f'"{goal}", {trials} trials', TARGETS[goal]
    ratios = {where: one["regret"] / tpe[where] for where, one in found.items()}
    best = {where: one["best"][trials] for where, one in found.items()}
    apart = 150.0 if goal == "best" and trials == TRIALS else None
    figures = [
        Figure(f"{name}: best configuration found, share of the optimum", mean(best.values()), "", least[trials], True),
        Figure(
            f"{name}: the same, worst space: {min(best, key=best.__getitem__)}", min(best.values()), "", worst, True
        ),
        Figure(f"{name}: distinct configurations", mean(one["distinct"] for one in found.values()), "", apart, True),
        Figure(f"{name}: methodology score", mean(one["score"] for one in found.values()), "", score, True),
    ]
    if trials != TRIALS:
        return figures
    return [
        Figure(
            f"{name}: regret / Optuna TPE, geometric mean", float(np.exp(mean(map(np.log, ratios.values())))), "", most
        ),
        Figure(
            f"{name}: the same, worst space: {max(ratios, key=ratios.__getitem__)}", max(ratios.values()), "", ratio
        ),
        *figures,
        Figure(f"{name}: slowest", max(one["seconds"] for one in found.values()), "s"),
    ]


def mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--peers", type=Path, default=RESULTS / "peers.json")
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", default="200,400", help="lengths of a session")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    peers = json.loads(options.peers.read_text())["spaces"]
    made: list[Figure] = []
    places = [
        (source.name, unit, machine)
        for source in spaces(options.data)
        if options.only in source.name
        for unit, machine in enumerate(source.load().units)
    ]
    tpe = {
        f"{name}, {machine}": float(np.mean(peers[f"{name}, {machine}"]["Optuna TPE"]["regret"]))
        for name, _, machine in places
    }
    for goal, trials in product(GOALS, map(int, options.trials.split(","))):
        tasks = [(options.data, name, unit, tuple(range(options.seeds)), goal, trials) for name, unit, _ in places]
        with compute.opened(workers=options.jobs) as pool:
            found = dict(zip(tpe, compute.mapped(pool, measured, tasks), strict=True))
        made += figures(found, tpe, goal, trials)
        print(table(made), flush=True)
    save(options.json, {"seeds": options.seeds, "figures": rows(made)})


if __name__ == "__main__":
    main()

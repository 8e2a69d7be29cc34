"""Spaces of a million configurations and more, as a user states them: what is found, and how long calls take.

    python -m benchmarks.replay.large_spaces --seeds 5 --json benchmarks/results/large_spaces.json

The systems are those of `large_systems.py`, a launch with a noise of 0.03 in log units. Poolwise is an engine as it is
opened by default, for 200 trials, under either goal, and once more with `renew = "never"`, as it was before. Peers are
Optuna's TPE, over the same ranges, and random search. Times are of a store on disk, scales estimated beside, trials of
50 ms: of `decide` and `observe` as whole calls.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import optuna

from benchmarks.harness.pieces import Work, computed
from benchmarks.harness.result import Figure, arguments, percentiles, save, table
from benchmarks.replay.large_systems import SYSTEMS, System
from poolwise import ArmSpace, Choice, Engine, Family
from poolwise.engine import Settings
from poolwise.space.candidates import anywhere

NOISE, LIMIT, PAUSE = 0.03, 256, 0.05
FAILURE = float(np.log(0.5))
Trial = Callable[[dict[str, Any]], float]
"""Runs a configuration; NaN: it failed."""


class Task(NamedTuple):
    """One searcher on one system."""

    system: str
    searcher: str
    trials: int
    seed: int


def launched(system: System, random: np.random.Generator, had: list[float]) -> Trial:
    """Trials of a system, whose worth is noted in `had`."""

    def trial(params: dict[str, Any]) -> float:
        worth = system.worth(params) if params else 0.0
        had.append(FAILURE if np.isnan(worth) else worth)
        return worth + NOISE * float(random.normal())

    return trial


def engine(url: str, system: System, seed: int, **settings: Any) -> Engine:
    """As a user opens it."""
    space = ArmSpace([Family("default"), system.family(LIMIT)], "default")
    return Engine.open(url, space, seed=seed, settings=Settings(**settings))


def step(served: Engine, trial: Trial) -> tuple[float, float]:
    """One trial; seconds that the two calls took."""
    began = time.perf_counter()
    decision = served.decide("machine", "job")
    decided = time.perf_counter() - began
    told = trial(decision.params)
    began = time.perf_counter()
    if np.isnan(told):
        served.observe(decision.id, status="failed")
    else:
        served.observe(decision.id, utility=told)
    return decided, time.perf_counter() - began


def poolwise(system: System, trial: Trial, trials: int, seed: int, **settings: Any) -> None:
    served = engine("memory://", system, seed, horizon=float(trials), estimate="inline", log_views=False, **settings)
    for _ in range(trials):
        step(served, trial)


def tpe(system: System, trial: Trial, trials: int, seed: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))

    def objective(asked: optuna.Trial) -> float:
        told = trial({name: suggested(asked, name, one) for name, one in system.parameters.items()})
        return FAILURE if np.isnan(told) else told

    study.optimize(objective, n_trials=trials)


def suggested(asked: optuna.Trial, name: str, one: Any) -> Any:
    if isinstance(one, Choice):
        return asked.suggest_categorical(name, one.grid())
    suggest = asked.suggest_int if isinstance(one.low, int) else asked.suggest_float
    return suggest(name, one.low, one.high, log=one.log)


def at_random(system: System, trial: Trial, trials: int, seed: int) -> None:
    for arm in anywhere(system.family(LIMIT), trials, np.random.default_rng([seed, 9])):
        trial(arm.params)


SEARCHERS: dict[str, Callable[[System, Trial, int, int], None]] = {
    'Poolwise, goal = "earn"': partial(poolwise, goal="earn"),
    'Poolwise, goal = "best"': partial(poolwise, goal="best"),
    'Poolwise, goal = "best", renew = "never"': partial(poolwise, goal="best", renew="never"),
    "Optuna TPE": tpe,
    "random search": at_random,
}


def searched(task: Task) -> dict[str, Any]:
    """Regret added up, and how far the best that was tried lies below the best there is, after 50, 100 and all."""
    system, had = SYSTEMS[task.system], list[float]()
    trial = launched(system, np.random.default_rng([task.seed, 5]), had)
    began = time.process_time()
    SEARCHERS[task.searcher](system, trial, task.trials, task.seed)
    below = system.best - np.maximum.accumulate(had)
    at = sorted({min(n, len(had)) for n in (50, 100, task.trials)})
    return {
        "regret": float(np.sum(system.best - np.array(had))),
        "below": {n: float(max(below[n - 1], 0.0)) for n in at},
        "seconds": time.process_time() - began,
    }


def timed(trials: int) -> dict[str, Any]:
    """Milliseconds of whole calls, on a store on disk, scales estimated beside."""
    system, had = SYSTEMS["matrix product"], list[float]()
    trial, random = None, np.random.default_rng(6)
    with tempfile.TemporaryDirectory() as folder:
        served, times = engine(f"sqlite:///{folder}/events.db", system, 0, horizon=float(trials)), []
        with served:
            trial = launched(system, random, had)
            for _ in range(trials):
                times.append(step(served, trial))
                time.sleep(PAUSE)
    decided, observed = 1e3 * np.array(times).T
    return {"decide": percentiles(decided), "observe": percentiles(observed), "longest": float(decided.max())}


def summary(found: dict[str, dict[str, list[dict[str, Any]]]], trials: int) -> dict[str, Any]:
    """Of every searcher: regret over TPE's, geometric mean over the systems; means below the best there is."""
    regret = {
        name: [np.mean([one["regret"] for one in system[name]]) for system in found.values()] for name in SEARCHERS
    }
    made = {}
    for name in SEARCHERS:
        runs = [one for system in found.values() for one in system[name]]
        below = {n: float(np.mean([one["below"][n] for one in runs])) for n in runs[0]["below"]}
        over = np.log(regret[name]) - np.log(regret["Optuna TPE"])
        worst = max((float(np.mean([one["below"][trials] for one in s[name]])), where) for where, s in found.items())
        made[name] = {
            "regret": float(np.exp(over.mean())), "below": below, "worst": worst[0], "worst at": worst[1],
            "seconds": float(np.mean([one["seconds"] for one in runs])),
        }  # fmt: skip
    return made


def figures(made: dict[str, Any], times: dict[str, Any], trials: int) -> list[Figure]:
    found = []
    for name, one in made.items():
        found.append(Figure(f"{name}: regret / TPE's", one["regret"], ""))
        found.append(Figure(f"{name}: best tried, below the best there is", one["below"][trials], "log units"))
        found.append(Figure(f"{name}: the same, worst: {one['worst at']}", one["worst"], "log units"))
    for call, most in (("decide", 20.0), ("observe", 5.0)):
        found.append(Figure(f"{call}, p50", times[call]["p50"], "ms", most))
        found.append(Figure(f"{call}, p99", times[call]["p99"], "ms"))
    return [*found, Figure("longest decision", times["longest"], "ms")]


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    found, seeds = all_of_them(options)
    made, times = summary(found, options.trials), timed(options.trials)
    print(table(figures(made, times, options.trials)))
    case = {"seeds": seeds, "first": options.first, "trials": options.trials, "limit": LIMIT, "noise": NOISE}
    sizes = {name: system.family(LIMIT).size for name, system in SYSTEMS.items()}
    save(options.json, {"case": case, "sizes": sizes, "searchers": made, "times": times})


def all_of_them(options: argparse.Namespace) -> tuple[dict[str, dict[str, list[dict[str, Any]]]], int]:
    seeds = range(options.first, options.first + options.seeds)
    tasks = [Task(system, name, options.trials, seed) for system in SYSTEMS for name in SEARCHERS for seed in seeds]
    found: dict[str, dict[str, list[dict[str, Any]]]] = {s: {name: [] for name in SEARCHERS} for s in SYSTEMS}
    for piece, one in computed([Work(searched, task, None) for task in tasks], options.jobs):
        found[piece.task.system][piece.task.searcher].append(one)
    return found, len(seeds)


if __name__ == "__main__":
    main()

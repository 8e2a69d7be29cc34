"""The sampler inside an Optuna study beside the search that it is made of, on the same GPU kernels; needs the extra
`optuna`.

    python -m benchmarks.replay.sampler --seeds 3 --json benchmarks/results/sampler.json

Every space and GPU: cumulative regret of 200 trials, each one launch, from nothing and with 200 random trials of
every other GPU known, which the study finds as other studies of its storage. Ratios are paired by space, GPU and
seed; an error is one standard error over the pairs of space and GPU.
"""

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.datasets.roots import DEFAULT_ROOT, spaces
from benchmarks.harness.pieces import Work, results
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.peers.searchers import measured
from benchmarks.replay.searches import KNOWLEDGE, SpaceTask, run
from poolwise.replay import Observations
from poolwise.table import Table

SEARCHES = {"search": "poolwise.replay:run_space", "sampler": "benchmarks.replay.sampler:in_study"}
KINDS = KNOWLEDGE[:2]


def in_study(table: Table, unit: int, trials: int, seed: int, known: Observations) -> np.ndarray:
    """(trials,) arms of a study whose sampler is Poolwise's, and may try nothing but the measured configurations."""
    import optuna

    from poolwise.integrations.optuna import PoolwiseSampler

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    kinds, rng = distributions(table), np.random.default_rng([seed, unit, 2])
    candidates = [{name: arm[name] for name in kinds} for arm in table.params]
    arms = {tuple(one.values()): arm for arm, one in enumerate(candidates)}
    storage = optuna.storages.InMemoryStorage()
    for other in np.unique(known.unit):
        study, mine = optuna.create_study(storage=storage), np.flatnonzero(known.unit == other)
        study.add_trials([trial(kinds, candidates[known.arm[row]], np.exp(-known.reward[row])) for row in mine])
    own = int(rng.integers(2**31))  # machines of one kernel share no draws
    sampler = PoolwiseSampler(trials=trials, goal="earn", space=kinds, candidates=candidates, seed=own)
    study, chosen = optuna.create_study(storage=storage, sampler=sampler), np.empty(trials, int)
    for number in range(trials):
        asked = study.ask(kinds)
        arm = chosen[number] = arms[tuple(asked.params[name] for name in kinds)]
        study.tell(asked, float(np.exp(-measured(table, unit, arm, rng))))
    return chosen


def distributions(table: Table) -> dict[str, Any]:
    """Of every parameter that varies: whole numbers as such, others by name."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    made: dict[str, Any] = {}
    for name in table.params[0]:
        levels = {arm[name] for arm in table.params}
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in levels)
        if len(levels) > 1:
            made[name] = IntDistribution(min(levels), max(levels)) if whole else CategoricalDistribution(sorted(levels))
    return made


def trial(kinds: dict[str, Any], params: dict[str, Any], value: float) -> Any:
    """A finished trial."""
    import optuna

    return optuna.trial.create_trial(params=params, distributions=kinds, value=float(value))


def compared(options: argparse.Namespace) -> dict[str, Any]:
    """`space, machine` -> `kind, search` -> what `searches.run` gives."""
    tasks = [
        SpaceTask(options.data, source.name, unit, machine, f"Poolwise, {kind}", tuple(range(options.seeds)), policy)
        for source in spaces(options.data)
        if options.only in source.name
        for unit, machine in enumerate(source.load().units)
        for kind in options.kinds.split(",")
        for policy in SEARCHES.values()
    ]
    name, found = {policy: search for search, policy in SEARCHES.items()}, {}
    for piece, result in results([Work(run, task, None) for task in tasks], None, options.jobs):
        task = piece.task
        place = found.setdefault(f"{task.space}, {task.machine}", {})
        place[f"{task.searcher.removeprefix('Poolwise, ')}, {name[task.policy]}"] = result
    return found


def ratio(found: dict[str, Any], kind: str) -> tuple[float, float]:
    """Geometric mean of the sampler's regret over the search's, and the standard error of its logarithm."""
    logs = np.array(
        [
            np.mean(np.log(one[f"{kind}, sampler"]["regret"]) - np.log(one[f"{kind}, search"]["regret"]))
            for one in found.values()
        ]
    )
    return float(np.exp(logs.mean())), float(logs.std(ddof=1) / np.sqrt(len(logs)))


def figures(found: dict[str, Any], kinds: list[str]) -> list[Figure]:
    """Ratios with their errors, and what is found."""
    made = []
    for kind in kinds:
        mean, error = ratio(found, kind)
        made += [
            Figure(f"regret in a study / of the search, {kind} known of other GPUs", mean, ""),
            Figure(f"standard error of its logarithm, {kind}", error, ""),
            Figure(f"distance from 1 in standard errors, {kind}", float(abs(np.log(mean)) / error), "", 2.0),
        ]
    shares = {
        name: np.mean([np.mean(one[f"{kinds[0]}, {name}"]["best"]) for one in found.values()]) for name in SEARCHES
    }
    for name, share in shares.items():
        made.append(
            Figure(f"best configuration found by the {name}, {kinds[0]}, share of the optimum", float(share), "")
        )
    return made


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_ROOT, help="root of the data folders")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", default=",".join(KINDS), help="what is known of other GPUs")
    parser.add_argument("--only", default="", help="only kernels whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    began = perf_counter()
    found = compared(options)
    made = figures(found, options.kinds.split(","))
    print(table(made))
    kept = {where: {name: {"regret": r["regret"]} for name, r in one.items()} for where, one in found.items()}
    about = {"seeds": list(range(options.seeds)), "seconds": perf_counter() - began}
    save(options.json, {**about, "figures": rows(made), "spaces": kept})


if __name__ == "__main__":
    main()

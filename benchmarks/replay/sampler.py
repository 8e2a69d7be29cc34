"""The sampler inside an Optuna study beside the search that it is made of, on the same GPU kernels; needs the extra
`optuna`.

    python -m benchmarks.replay.sampler --seeds 3 --json benchmarks/results/sampler.json

Every space and GPU: cumulative regret of 200 trials, each one launch, from nothing and with 200 random trials of
every other GPU known, which the study finds as other studies of its storage. Ratios are paired by space, GPU and
seed; an error is one standard error over the pairs of space and GPU.
"""

from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.peers.searchers import measured
from benchmarks.replay.searches import KNOWLEDGE, TRIALS, Found, informed, mean, sessions, stated
from poolwise.replay import Observations, run_space
from poolwise.table import Table

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


def searchers(kinds: list[str]) -> dict[str, Any]:
    """Both, with every kind of knowledge."""
    ways = {"search": run_space, "sampler": in_study}
    return {f"Poolwise, {kind}, {way}": partial(informed, run, kind) for kind in kinds for way, run in ways.items()}


def ratio(found: Found, kind: str) -> tuple[float, float]:
    """Geometric mean of the sampler's regret over the search's, and the standard error of its logarithm."""
    log = lambda way: mean(found, f"Poolwise, {kind}, {way}", lambda one: float(np.log(one.regret)))
    apart = np.subtract([*log("sampler").values()], [*log("search").values()])
    return float(np.exp(apart.mean())), float(apart.std(ddof=1) / np.sqrt(len(apart)))


def figures(found: Found, kinds: list[str]) -> list[Figure]:
    """Ratios with their errors, and what is found."""
    made = []
    for kind in kinds:
        middle, error = ratio(found, kind)
        made += [
            Figure(f"regret in a study / of the search, {kind} known of other GPUs", middle, ""),
            Figure(f"standard error of its logarithm, {kind}", error, ""),
            Figure(f"distance from 1 in standard errors, {kind}", float(abs(np.log(middle)) / error), "", 2.0),
        ]
    for way in ("search", "sampler"):
        best = mean(found, f"Poolwise, {kinds[0]}, {way}", lambda one: one.best[TRIALS])
        share = float(np.mean([*best.values()]))
        made.append(Figure(f"best configuration found by the {way}, {kinds[0]}, share of the optimum", share, ""))
    return made


def main() -> None:
    """Measure, print, write."""
    parser = stated(arguments(__doc__), seeds=3)
    parser.add_argument("--kinds", default=",".join(KINDS), help="what is known of other GPUs")
    options = parser.parse_args()
    began, kinds = perf_counter(), options.kinds.split(",")
    found = sessions(options, searchers(kinds), TRIALS)
    made = figures(found, kinds)
    print(table(made))
    regret = {name: mean(found, name, lambda one: one.regret) for name in searchers(kinds)}
    about = {"seeds": list(range(options.seeds)), "seconds": perf_counter() - began}
    save(options.json, {**about, "figures": rows(made), "regret": regret})


if __name__ == "__main__":
    main()

"""A made-up crossover: which of three ways is fastest depends on the size of the job. 300 decisions.

    python -m benchmarks.replay.crossover --json benchmarks/results/crossover.json

Sizes are log-uniform from 100 to 1,000,000. Beside the baseline, whose cost is linear in the size, one way has an
exponent above 1 (best when small), one a dear start (best when large); log costs carry noise of 0.3. Regret is against
the way that is fastest in truth at every size. Poolwise is run as a user gets it: without the size, with it as a
feature, and with contexts made by hand, four bucketings of which the best counts in hindsight; LinUCB on the log size
and on its square, with its knob chosen in hindsight.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.harness.result import Figure, arguments, rows, save
from benchmarks.harness.result import table as lines
from benchmarks.peers.features.linear import Ridges
from poolwise.replay import run_poolwise
from poolwise.table import Table, from_rows

DECISIONS, NOISE, SIZES = 300, 0.3, (1e2, 1e6)
ARMS = ("linear", "plain", "parallel")
ALPHAS = (0.03, 0.1, 0.3, 1.0)
BUCKETS = (2, 3, 4, 8)


class World(NamedTuple):
    """One stream of jobs."""

    size: np.ndarray
    """(jobs,)"""
    truth: np.ndarray
    """(jobs, arms) utility without noise: log of the baseline's cost over the arm's."""
    table: Table


def world(seed: int) -> World:
    random = np.random.default_rng([seed, 31])
    size = np.exp(random.uniform(*np.log(SIZES), DECISIONS))
    ratio = ratios(size)
    cost = size[:, None] * ratio * np.exp(NOISE * random.standard_normal(ratio.shape) * (np.arange(len(ARMS)) > 0))
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(DECISIONS), len(ARMS)),
            "project": "p",
            "context": "c",
            "family": np.tile(ARMS, DECISIONS),
            "arm": np.tile(ARMS, DECISIONS),
            "cost": cost.ravel(),
            "f_size": np.repeat(size, len(ARMS)),
        }
    )
    return World(size, -np.log(ratio), from_rows(frame, name="crossover", source="crossover", baseline=ARMS[0]))


def ratios(size: np.ndarray) -> np.ndarray:
    """(jobs, arms) true cost over the baseline's."""
    size = size / np.sqrt(SIZES[0] * SIZES[1])
    return np.stack([np.ones_like(size), np.exp(0.2) * size**0.25, 0.3 + 0.9 * size**-0.45], axis=1)


def bucketed(made: World, count: int) -> Table:
    """With as many contexts, of equal width in the log size, and no feature."""
    place = (np.log(made.size) - np.log(SIZES[0])) / np.log(SIZES[1] / SIZES[0])
    context = np.minimum((place * count).astype(int), count - 1)
    names = tuple(f"size {number}" for number in range(count))
    return made.table._replace(contexts=names, context=context, features=None, feature_names=())


def linucb(made: World, alpha: float, degree: int) -> np.ndarray:
    """(jobs,) arms of LinUCB on powers of the log size, which is scaled to -1 .. 1."""
    scaled = np.interp(np.log(made.size), np.log(SIZES), (-1.0, 1.0))
    ridges = Ridges(scaled[:, None] ** np.arange(degree + 1), len(ARMS), 1.0)
    utility = made.table.reward - made.table.reward[:, [0]]
    chosen = np.empty(DECISIONS, int)
    for unit in range(DECISIONS):
        score = ridges.mean[:, unit] + alpha * np.sqrt(ridges.variance[:, unit])
        arm = chosen[unit] = score.argmax()
        ridges.learn(unit, arm, utility[unit, arm])
    return chosen


def regret(made: World, chosen: np.ndarray) -> float:
    return float((made.truth.max(axis=1) - made.truth[np.arange(DECISIONS), chosen]).sum())


def poolwise(made: World, table: Table, seed: int) -> float:
    return regret(made, run_poolwise(table, np.arange(DECISIONS), seed))


def of_seed(seed: int) -> dict[str, float]:
    """Regret of every learner."""
    made = world(seed)
    without = made.table._replace(features=None, feature_names=())
    found = {
        "the baseline always": regret(made, np.zeros(DECISIONS, int)),
        "Poolwise without the size": poolwise(made, without, seed),
        "Poolwise with the size": poolwise(made, made.table, seed),
    }
    found |= {f"Poolwise, {count} buckets": poolwise(made, bucketed(made, count), seed) for count in BUCKETS}
    for degree, name in ((1, "linear"), (2, "quadratic")):
        found |= {f"LinUCB, {name}, {alpha}": regret(made, linucb(made, alpha, degree)) for alpha in ALPHAS}
    return found


def best(mean: dict[str, float], start: str) -> float:
    """The lowest among those whose names begin so."""
    return min(value for name, value in mean.items() if name.startswith(start))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first seed")
    options = parser.parse_args()
    runs: list[dict[str, Any]] = [of_seed(seed) for seed in range(options.first, options.first + options.seeds)]
    mean = {name: float(np.mean([run[name] for run in runs])) for name in runs[0]}
    error = {name: float(np.std([run[name] for run in runs]) / np.sqrt(max(len(runs) - 1, 1))) for name in runs[0]}
    judged = [
        Figure("regret of 300 decisions: the baseline always", mean["the baseline always"], ""),
        Figure("  Poolwise without the size", mean["Poolwise without the size"], ""),
        Figure("  Poolwise, the best of four bucketings by hand", best(mean, "Poolwise, "), ""),
        Figure("  LinUCB on the log size, best alpha", best(mean, "LinUCB, linear"), ""),
        Figure("  LinUCB on the log size and its square, best alpha", best(mean, "LinUCB, quadratic"), ""),
        Figure("  Poolwise with the size", mean["Poolwise with the size"], "", 8.0),
    ]
    print(lines(judged))
    seeds = {"seeds": options.seeds, "first": options.first}
    save(options.json, {**seeds, "figures": rows(judged), "regret": {k: [mean[k], error[k]] for k in mean}})


if __name__ == "__main__":
    main()

"""Exploration learned on simulated systems, judged on others: other scales, deviations, numbers of contexts and arms.

    python -m benchmarks.simulation.learning --json benchmarks/results/learning.json

Learned by a race of settings of the engine's default policy: 4 projects of 50 decisions, 4 contexts, 6 arms, scales
around the hyperprior's medians. Judged: 3 projects of 80 decisions, 5 contexts, 8 arms, at deviations of the projects
of 0.05 to 0.6 around contexts of 0.4, the same luck for every policy, the setting as the card recommends it to who
knows what it is like, over the engine's default. Nobody is told how many decisions are to come. `--oracle` tries a grid
of constants on the very systems of every deviation: what the best of them gains is more than choosing constants by
deviation can gain. Times are wall and user seconds, on whatever else the machine does.
"""

import json
import os
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise import policy as policies
from poolwise.meta import policy_card as cards
from poolwise.meta import racing, recommendation, simulated, systems
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy import Policy
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales
from poolwise.simulate import Shape

GRID = {"own": (0.1, 0.25, 0.5, 1.0), "shared": (0.0, 0.3, 1.0), "temperature": (0.02, 0.1, 0.3, 0.6)}
TRAINED, JUDGED = Shape(4, 50, 4, 6), Shape(3, 80, 5, 8)
DEVIATIONS = (0.05, 0.15, 0.30, 0.60)


def scales_at(deviation: float) -> GaussianHyperparameters:
    """Arms all alike; project and cell share the deviation as 1 : 3 in variance."""
    none = TierScales(0.0, 0.0, 0.0, 0.0)
    return GaussianHyperparameters(TierScales(0.25, 0.4, 0.5 * deviation, 0.87 * deviation), none, none, np.array(0.2))


def spent(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, wall and user seconds."""
    wall, user = time.perf_counter(), os.times().user
    return function(), time.perf_counter() - wall, os.times().user - user


Losses = tuple[np.ndarray, np.ndarray]
"""Regret and share of unsafe decisions, (systems,)."""


def judged(
    card: dict[str, Any], policy: Policy, deviation: float, batch: int, seed: int, oracle: bool
) -> dict[str, Any]:
    """The card's policy against the engine's default, and the best constants of the grid."""
    found = systems.sample(np.random.default_rng((seed, 9)), batch, scales_at(deviation), JUDGED, project_spread=0.0)
    unknown = {"horizon": np.nan, "rest": np.nan}
    chosen = [advised(card, MetaFeatures(*known)._replace(**unknown)) for known in found.known]

    def play(by: Policy, constants: list[dict[str, float]]) -> Losses:
        names, keys = tuple(by.params), jax.random.split(jax.random.key(seed), batch)
        each = np.array([[one[name] for name in names] for one in constants])
        return simulated.played(by, names, each, found.population, JUDGED, keys)

    ours, usual = play(policy, chosen), play(policy, [policy.params] * batch)
    body: dict[str, Any] = {"regret": float(ours[0].mean()), "unsafe": float(ours[1].mean())}
    body["engine default"] = against(ours, usual)
    if oracle:
        tried = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
        made = [play(policy, [{**policy.params, **one}] * batch) for one in tried]
        best = int(np.argmin([regret.mean() for regret, _ in made]))
        body["oracle"] = {**against(made[best], usual), "constants": tried[best]}
    return body


def advised(card: dict[str, Any], known: MetaFeatures) -> dict[str, float]:
    """All constants that a card has for a system; those it started from where no history is like it."""
    strange = recommendation.outside(known, cards.arrays(card).rows)
    setting = {} if strange else card["settings"][cards.recommended(card, known).setting]
    return {**card["policy"]["params"], **setting}


def against(ours: Losses, theirs: Losses) -> dict[str, float]:
    """Ratio of mean regrets with its standard error, and the difference in safety."""
    ratio = ours[0].mean() / theirs[0].mean()
    return {
        "ratio": float(ratio),
        "ratio_se": float((ours[0] - ratio * theirs[0]).std() / theirs[0].mean() / len(ours[0]) ** 0.5),
        "unsafe_difference": float((ours[1] - theirs[1]).mean()),
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    shown = [
        Figure("learning, wall", result["learning"][0], "s", 600),
        Figure("learning, user", result["learning"][1], "s", 1_200),
        Figure("left out, over the default", float(np.exp(result["held_out"]["log_ratio"])), ""),
    ]
    if any("oracle" in one for one in result["populations"].values()):
        ratios = [one["oracle"]["ratio"] for one in result["populations"].values()]
        shown.append(Figure("best constants per deviation in hindsight", float(np.exp(np.log(ratios).mean())), ""))
    part = [one["engine default"] for one in result["populations"].values()]
    ratios, excess = [one["ratio"] for one in part], max(one["unsafe_difference"] for one in part)
    return [
        *shown,
        Figure("geometric mean regret ratio to the engine default", float(np.exp(np.log(ratios).mean())), "", 0.85),
        Figure("largest regret ratio to the engine default", max(ratios), "", 1.02),
        Figure("largest excess of unsafe decisions over the engine default", excess, "", 0.0),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--systems", type=int, default=32, help="to learn from")
    parser.add_argument("--seeds", type=int, default=12, help="of 16 worlds each, of a system")
    parser.add_argument("--judged", type=int, default=384, help="systems per deviation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--oracle", action="store_true", help="try a grid of constants on the systems judged")
    options = parser.parse_args()
    policy = policies.default()
    drawn = systems.sample(np.random.default_rng((options.seed, 0)), options.systems, None, TRAINED)
    past = simulated.of_systems(drawn, TRAINED)
    seeds = range(100, 100 + options.seeds)
    race, wall, user = spent(lambda: racing.race(past, policy, racing.grid(policy), seeds, np.inf))
    card = cards.of_race(race)
    print("\n".join(cards.sentences(card)))
    result: dict[str, Any] = {"learning": (wall, user), "held_out": card["held_out"]}
    result["populations"] = {
        f"{d:.2f}": judged(card, policy, d, options.judged, options.seed + 1, options.oracle) for d in DEVIATIONS
    }
    print(json.dumps(result["populations"], indent=1))
    shown = figures(result)
    print(table(shown))
    case = {
        "systems": options.systems,
        "seeds": options.seeds,
        "judged": options.judged,
        "seed": options.seed,
        "policy": policy.spec,
    }
    body = {"case": case, **result, "figures": rows(shown)}
    save(options.json, body)


if __name__ == "__main__":
    main()

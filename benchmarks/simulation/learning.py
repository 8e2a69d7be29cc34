"""Exploration learned on simulated systems, judged on others: other scales, deviations, numbers of contexts and arms.

    python -m benchmarks.simulation.learning --json benchmarks/results/learning.json

Trained from the constants of the engine's default policy: 4 projects of 50 decisions, 4 contexts, 6 arms, scales around
the hyperprior's medians. Judged: 3 projects of 80 decisions, 5 contexts, 8 arms, at deviations of the projects of 0.05
to 0.6 around contexts of 0.4, the same luck for every policy, constants as a card gives them (outside of its range: the
default's). Nobody is told how many decisions are to come. Compared with the engine's default, and with curiosity and
coverage around it. `--oracle` tries a grid of constants on the very systems of every deviation: what the best of them
gains is more than choosing constants by deviation can gain. Times are wall and user seconds, on whatever else the
machine does.
"""

import json
import os
import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise import policy as policies
from poolwise.meta import exploration, held_out, learning, systems
from poolwise.meta import policy_card as cards
from poolwise.meta.learning import Task
from poolwise.meta.meta_features import MetaFeatures
from poolwise.policy import Policy
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales
from poolwise.simulate import Shape

COMPOSED = "covered(curious(knowledge_gradient))"
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


def speed(task: Task) -> tuple[float, float]:
    """Simulated decisions per wall and per user second, once compiled."""
    found = systems.sample(np.random.default_rng(1), task.batch, task.scales, task.shape)
    names = exploration.start(task.policy.params, found.known).names
    given = np.tile([task.policy.params[name] for name in names], (task.batch, 1))
    learning.losses(task, found, given, names, 0)
    times = [spent(lambda: learning.losses(task, found, given, names, 1))[1:] for _ in range(5)]
    wall, user = (min(column) for column in zip(*times, strict=True))
    made = task.batch * task.shape.projects * task.shape.decisions
    return made / wall, made / user


Losses = tuple[np.ndarray, np.ndarray]
"""Regret and share of unsafe decisions, (systems,)."""


def judged(
    card: dict[str, Any], policy: Policy, deviation: float, batch: int, seed: int, oracle: bool
) -> dict[str, Any]:
    """The card's policy against the engine's default and the composed one, and the best constants of the grid."""
    rng, scales = np.random.default_rng((seed, 9)), scales_at(deviation)
    found = systems.sample(rng, batch, scales, JUDGED, project_spread=0.0)
    chosen = [cards.policy(card, MetaFeatures(*known))[0].params for known in found.known]
    composed = policies.parse(COMPOSED, policy.params)

    def play(by: Policy, constants: list[dict[str, float]]) -> Losses:
        task, names = Task(by, JUDGED, scales, discount=1.0), tuple(by.params)
        return learning.losses(task, found, np.array([[one[name] for name in names] for one in constants]), names, seed)

    ours, usual = play(policy, chosen), play(policy, [policy.params] * batch)
    body: dict[str, Any] = {"regret": float(ours[0].mean()), "unsafe": float(ours[1].mean())}
    body["engine default"] = against(ours, usual)
    body["composed default"] = against(ours, play(composed, [composed.params] * batch))
    if oracle:
        tried = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
        made = [play(policy, [{**policy.params, **one}] * batch) for one in tried]
        best = int(np.argmin([regret.mean() for regret, _ in made]))
        body["oracle"] = {**against(made[best], usual), "constants": tried[best]}
    return body


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
        Figure("simulated decisions per wall second", result["speed"][0], "1/s", 100_000, True),
        Figure("simulated decisions per user second", result["speed"][1], "1/s"),
        Figure("training, wall", result["training"][0], "s", 600),
        Figure("training, user", result["training"][1], "s", 1_200),
    ]
    if any("oracle" in one for one in result["populations"].values()):
        ratios = [one["oracle"]["ratio"] for one in result["populations"].values()]
        shown.append(Figure("best constants per deviation in hindsight", float(np.exp(np.log(ratios).mean())), ""))
    for name in ("engine default", "composed default"):
        part = [one[name] for one in result["populations"].values()]
        ratios = [one["ratio"] for one in part]
        shown += [
            Figure(f"geometric mean regret ratio to the {name}", float(np.exp(np.log(ratios).mean())), "", 0.85),
            Figure(f"largest regret ratio to the {name}", max(ratios), "", 1.02),
            Figure(
                f"largest excess of unsafe decisions over the {name}",
                max(o["unsafe_difference"] for o in part),
                "",
                0.0,
            ),
        ]
    return shown


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--judged", type=int, default=512, help="systems per deviation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--oracle", action="store_true", help="try a grid of constants on the systems judged")
    options = parser.parse_args()
    policy = policies.default()
    task = Task(policy, TRAINED, seed=options.seed, batch=options.batch)
    made, wall, user = spent(lambda: list(learning.learn(task, options.steps)))
    model = made[-1].model
    result: dict[str, Any] = {"training": (wall, user), "speed": speed(task._replace(batch=1_024))}
    card = held_out.evaluate(task, model)
    print("\n".join(cards.sentences(card)))
    result["held_out"] = card["held_out"]
    result["populations"] = {
        f"{d:.2f}": judged(card, policy, d, options.judged, options.seed + 1, options.oracle) for d in DEVIATIONS
    }
    middle = exploration.constants(model, model.centre[None])[0]
    result["constants"] = dict(zip(model.names, middle.tolist(), strict=True))
    print(json.dumps({"populations": result["populations"], "constants": result["constants"]}, indent=1))
    shown = figures(result)
    print(table(shown))
    case = {
        "steps": options.steps,
        "batch": options.batch,
        "judged": options.judged,
        "seed": options.seed,
        "policy": policy.spec,
    }
    body = {"case": case, **result, "figures": rows(shown)}
    save(options.json, body)


if __name__ == "__main__":
    main()

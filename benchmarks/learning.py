"""Exploration learned on simulated systems, judged on others: other scales, deviations, numbers of contexts and arms.

    python benchmarks/learning.py --json benchmarks/results/learning.json

Trained: 4 projects of 50 decisions, 4 contexts, 6 arms, scales around the hyperprior's medians. Judged: 3 projects of
80 decisions, 5 contexts, 8 arms, at deviations of the projects of 0.05 to 0.6 around contexts of 0.4, the same luck for
every policy. Two comparisons: with the composed policy at the constants that it started from, and with the engine's
default, `policy.default()`, which is tuned already. Times are wall and user seconds, on whatever else the machine does.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from machine import Figure, described, rows, table
from poolwise import policy as policies
from poolwise.meta import exploration, learning, systems
from poolwise.meta.learning import Task
from poolwise.posterior.hyper import Hyper, Tier
from poolwise.simulate import Shape

SPEC = "covered(curious(knowledge_gradient))"
TRAINED, JUDGED = Shape(4, 50, 4, 6), Shape(3, 80, 5, 8)
DEVIATIONS = (0.05, 0.15, 0.30, 0.60)


def hyper_at(deviation: float) -> Hyper:
    """Arms all alike; project and cell share the deviation as 1 : 3 in variance."""
    none = Tier(0.0, 0.0, 0.0, 0.0)
    return Hyper(Tier(0.25, 0.4, 0.5 * deviation, 0.87 * deviation), none, none, np.array(0.2))


def spent(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, wall and user seconds."""
    wall, user = time.perf_counter(), os.times().user
    return function(), time.perf_counter() - wall, os.times().user - user


def speed(task: Task) -> tuple[float, float]:
    """Simulated decisions per wall and per user second, once compiled."""
    found = systems.sample(np.random.default_rng(1), task.batch, task.hyper, task.shape)
    names = exploration.start(task.policy.params, found.known).names
    given = np.tile([task.policy.params[name] for name in names], (task.batch, 1))
    learning.losses(task, found, given, names, 0)
    times = [spent(lambda: learning.losses(task, found, given, names, 1))[1:] for _ in range(5)]
    wall, user = (min(column) for column in zip(*times, strict=True))
    made = task.batch * task.shape.projects * task.shape.decisions
    return made / wall, made / user


def judged(
    model: exploration.Model, policy: policies.Policy, deviation: float, batch: int, seed: int
) -> dict[str, Any]:
    """Learned against started from, and against the engine's default: ratio of mean regrets, difference in safety."""
    usual = policies.default()
    composed = Task(policy, JUDGED, hyper_at(deviation), seed, batch, discount=1.0)
    plain = composed._replace(policy=usual)
    found = systems.sample(np.random.default_rng((seed, 9)), batch, composed.hyper, JUDGED)
    start = np.tile([policy.params[name] for name in model.names], (batch, 1))
    names = tuple(usual.params)
    ours = learning.losses(composed, found, exploration.constants(model, found.known), model.names, seed)
    runs = {
        "composed default": learning.losses(composed, found, start, model.names, seed),
        "engine default": learning.losses(plain, found, np.tile(list(usual.params.values()), (batch, 1)), names, seed),
    }
    return {
        "regret": float(ours[0].mean()),
        "unsafe": float(ours[1].mean()),
        **{
            name: {
                "ratio": float(ours[0].mean() / other[0].mean()),
                "ratio_se": float((ours[0] - other[0]).std() / other[0].mean() / batch**0.5),
                "unsafe_difference": float((ours[1] - other[1]).mean()),
            }
            for name, other in runs.items()
        },
    }


def figures(result: dict[str, Any]) -> list[Figure]:
    shown = [
        Figure("simulated decisions per wall second", result["speed"][0], "1/s", 100_000, True),
        Figure("simulated decisions per user second", result["speed"][1], "1/s"),
        Figure("training, wall", result["training"][0], "s", 600),
        Figure("training, user", result["training"][1], "s", 1_200),
    ]
    for name in ("composed default", "engine default"):
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--judged", type=int, default=512, help="systems per deviation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    machine = described(("poolwise", "jax", "jaxlib", "optax", "numpy"))
    print(", ".join(f"{key} {value}" for key, value in {**machine, "device": "cpu, no GPU was at hand"}.items()))
    policy = policies.parse(SPEC, policies.default().params)
    task = Task(policy, TRAINED, seed=options.seed, batch=options.batch)
    made, wall, user = spent(lambda: list(learning.learn(task, options.steps)))
    model = made[-1].model
    result: dict[str, Any] = {"training": (wall, user), "speed": speed(task._replace(batch=1_024))}
    result["populations"] = {f"{d:.2f}": judged(model, policy, d, options.judged, options.seed + 1) for d in DEVIATIONS}
    middle = exploration.constants(model, model.centre[None])[0]
    result["constants"] = dict(zip(model.names, middle.tolist(), strict=True))
    print(json.dumps({"populations": result["populations"], "constants": result["constants"]}, indent=1))
    shown = figures(result)
    print(table(shown))
    if options.json:
        case = {
            "steps": options.steps,
            "batch": options.batch,
            "judged": options.judged,
            "seed": options.seed,
            "policy": SPEC,
        }
        body = {"machine": machine, "case": case, **result, "figures": rows(shown)}
        options.json.write_text(json.dumps(body, indent=1) + "\n")


if __name__ == "__main__":
    main()

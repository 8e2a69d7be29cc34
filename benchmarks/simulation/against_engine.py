"""The same simulated worlds lived through by an `Engine` and by the simulator: do both fare alike?

    python -m benchmarks.simulation.against_engine --json benchmarks/results/against_engine.json

Worlds as `learn` draws them: 4 projects of 50 decisions, 4 contexts, 6 arms, every kind of stress. The engine is opened
as a user opens it and estimates its scales on the way; the simulator is told them with an error. Both meet the same
jobs, with the same number picking the arm.
"""

from typing import Any

import jax
import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise import ArmSpace, Engine, Family, policy
from poolwise.engine.settings import Settings
from poolwise.meta import systems
from poolwise.policy.randomness import uniforms
from poolwise.simulate import Shape
from poolwise.simulate.loop import Episode, decide, episodes

SHAPE = Shape(4, 50, 4, 6)


def lived(given: Episode, seed: int) -> float:
    """Regret of an engine's decisions."""
    space = ArmSpace([Family(f"arm {number}") for number in range(SHAPE.arms)], baseline="arm 0")
    engine = Engine.open("memory://", space, settings=Settings(estimate="inline", backend="numpy"), seed=seed)
    names, total = {f"arm {number}": number for number in range(SHAPE.arms)}, 0.0
    for job, context in enumerate(given.context.tolist()):
        made = engine.decide(f"project {job // SHAPE.decisions}", f"context {context}")
        arm = names[made.arm]
        ok, utility = bool(given.ok[job, arm]), float(np.clip(given.utility[job, arm], -5.0, 5.0))
        told: dict[str, Any] = {"utility": utility} if ok else {"status": "failed"}
        engine.observe(made.id, **told)
        total += float(given.value[job].max() - given.value[job, arm])
    engine.close()
    return total


def simulated(given: Episode) -> np.ndarray:
    """(worlds,): regret of the simulator's decisions."""
    play = jax.jit(jax.vmap(lambda one: decide(policy.default(), one, SHAPE).arm))
    arm = np.asarray(play(given))
    chosen = np.take_along_axis(given.value, arm[..., None], 2)[..., 0]
    return np.asarray((given.value.max(2) - chosen).sum(1), float)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = systems.sample(np.random.default_rng(options.seed), options.worlds, None, SHAPE)
    keys = jax.random.split(jax.random.key(options.seed), options.worlds)
    given = jax.tree.map(np.asarray, episodes(SHAPE)(keys, found.population))
    numbers = np.arange(1, SHAPE.projects * SHAPE.decisions + 1)
    given = given._replace(lottery=np.array([uniforms(seed, numbers) for seed in range(options.worlds)], np.float32))
    ours = simulated(given)
    engines = np.array([lived(Episode(None, *(part[k] for part in given[1:])), k) for k in range(len(ours))])
    unit = np.sqrt(sum(np.square(scale) for tier in found.population.scales[:3] for scale in tier))
    ours, engines = ours / unit, engines / unit
    ratio = ours.mean() / engines.mean()
    error = (ours - ratio * engines).std() / engines.mean() / len(ours) ** 0.5
    shown = [
        Figure("regret of the simulator over the engine's, same worlds", float(ratio), ""),
        Figure("its standard error", float(error), ""),
        Figure("regret of the engine, in standard deviations of a cell", float(engines.mean()), ""),
    ]
    print(table(shown))
    case = {"worlds": options.worlds, "seed": options.seed, "policy": policy.default().spec, "shape": SHAPE._asdict()}
    save(options.json, {"case": case, "figures": rows(shown)})


if __name__ == "__main__":
    main()

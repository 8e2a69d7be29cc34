"""What not knowing how long projects go on costs: regret by what is expected, over regret when it is told.

    python -m benchmarks.simulation.horizon --json benchmarks/results/horizon.json

Projects of one length, one after another, in worlds drawn as in `simulation/learning.py` (deviation 0.3, every kind of
stress), decided by the default policy with the same luck. How many decisions are to come depends on nothing that is
decided, so each rule is a column of numbers that takes the place of the engine's: twice as many as have been made;
`learned`, the engine's own (`policy.constraints.lifetimes`); `told`, the number of all decisions, as a user states it;
and `known`, the length of every project too, the ceiling. Ratios of means, and geometric means over worlds.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.simulation.learning import scales_at
from poolwise import policy as policies
from poolwise.meta import systems
from poolwise.policy.constraints.usage import UsageCounts
from poolwise.policy.view import Params, Policy, View
from poolwise.simulate import Shape
from poolwise.simulate.loop import episodes, play

SHAPES = {(1, 60): 1_024, (1, 300): 512, (1, 1_000): 192, (5, 60): 384, (4, 150): 192, (3, 300): 192}
"""(projects, decisions each): worlds."""
CONTEXTS, ARMS, DEVIATION, PART = 4, 6, 0.3, 32
SMALL = 0.5
"""Added to regrets before their logarithm, in standard deviations of a cell's utility."""


def expected(shape: Shape) -> dict[str, np.ndarray]:
    """Of every rule, (jobs, 2): decisions to come of the project, and of all."""
    usage, every = UsageCounts(None), shape.projects * shape.decisions
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("twice the past", "learned", "told", "known")}
    for total in range(every):
        project, made = divmod(total, shape.decisions)
        met, left = project + (made > 0), float(every - total)
        twice = max(2.0 * total, 10.0)
        found["twice the past"].append((min(max(2.0 * made + 1.0, 2.0 * total / max(met, 1)), twice), twice))
        own = usage.context(project, 0)
        found["learned"].append((own.remaining_project, own.remaining_all))
        found["told"].append((min(max(made + 1.0, left / max(met, 1)), left), left))
        found["known"].append((float(shape.decisions - made), left))
        usage.decided(project, 0)
    return {name: np.array(pairs) for name, pairs in found.items()}


def instead(policy: Policy, every: int, ahead: Any) -> Policy:
    """The policy that expects `ahead`, (jobs, 2), where the loop, which is told of `every` decision, says how many are
    left."""

    def probabilities(params: Params, view: View) -> Any:
        seen = view.context
        now = jnp.clip(jnp.round(every - seen.remaining_all), 0, every - 1).astype("int32")
        project, rest = ahead[now]
        here = project * (seen.decisions + 1.0) / (seen.project_decisions + 2.0)
        elsewhere = seen.remaining_elsewhere * rest / seen.remaining_all
        changed = seen._replace(
            remaining=here, remaining_project=project, remaining_all=rest, remaining_elsewhere=elsewhere
        )
        return policy.probabilities(params, view._replace(context=changed))

    return policy._replace(probabilities=probabilities)


def regrets(shape: Shape, worlds: int, seed: int) -> dict[str, np.ndarray]:
    """Of every rule, (worlds,), in standard deviations of a cell's utility."""
    drawn = systems.sample(np.random.default_rng((seed, 30)), worlds, scales_at(DEVIATION), shape, project_spread=0.0)
    given = episodes(shape)(jax.random.split(jax.random.key(seed), worlds), drawn.population)
    unit = np.sqrt(sum(np.square(scale) for tier in drawn.population.scales[:3] for scale in tier))
    run = _player(shape)
    return {
        name: np.asarray(run(given, jnp.asarray(ahead, jnp.float32)), float) / unit
        for name, ahead in expected(shape).items()
    }


def _player(shape: Shape) -> Callable[[Any, Any], Any]:
    """Compiled once for all rules."""
    policy, every = policies.default(), shape.projects * shape.decisions

    def one(given: Any, ahead: Any) -> Any:
        return play(instead(policy, every, ahead), given, shape, horizon_known=True).regret.sum()

    return jax.jit(lambda given, ahead: jax.lax.map(lambda each: one(each, ahead), given, batch_size=PART))


def compared(ours: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Ratio of means with its standard error, and of geometric means."""
    ratio = ours.mean() / other.mean()
    error = (ours - ratio * other).std() / other.mean() / math.sqrt(len(ours))
    return {"ratio": ratio, "ratio_se": error, "geometric": geometric((ours + SMALL) / (other + SMALL))}


def geometric(ratios: Any) -> float:
    return float(np.exp(np.log(ratios).mean()))


PAIRS = {
    "twice the past over told": ("twice the past", "told"),
    "learned over told": ("learned", "told"),
    "learned over twice the past": ("learned", "twice the past"),
    "known over twice the past": ("known", "twice the past"),
}
TARGETS = {"learned over told": 1.03, "learned over twice the past": 0.94}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--part", type=float, default=1.0, help="share of the worlds")
    options = parser.parse_args()
    result: dict[str, dict[str, Any]] = {}
    for (projects, decisions), worlds in SHAPES.items():
        made = regrets(Shape(projects, decisions, CONTEXTS, ARMS), max(int(worlds * options.part), PART), options.seed)
        name = f"{projects} x {decisions}"
        result[name] = {pair: compared(made[ours], made[other]) for pair, (ours, other) in PAIRS.items()}
        for pair, one in result[name].items():
            print(f"{name:10}{pair:32}{one['ratio']:.3f} +-{one['ratio_se']:.3f} {one['geometric']:.3f}", flush=True)
    shown = [
        Figure(f"{pair}, {kind}", geometric([one[pair][key] for one in result.values()]), "", TARGETS.get(pair))
        for pair in PAIRS
        for kind, key in (("means", "ratio"), ("geometric means", "geometric"))
    ]
    print(table(shown))
    kept = {
        name: {pair: {k: round(v, 3) for k, v in one.items()} for pair, one in of.items()}
        for name, of in result.items()
    }
    save(options.json, {"case": {"seed": options.seed, "part": options.part}, "streams": kept, "figures": rows(shown)})


if __name__ == "__main__":
    main()

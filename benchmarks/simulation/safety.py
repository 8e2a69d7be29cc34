"""What safety and exploration cost in time, and whether they do what they promise, in a live engine.

    python -m benchmarks.simulation.safety --json benchmarks/results/safety.json

A made-up system: 8 arms, contexts with utilities Normal(0, 0.35^2) apart from the baseline's 0, outcomes with standard
deviation 0.2, in memory, one core. `composed` is floored(safe(covered(curious(thompson)))). Targets are those of the
design of exploration and safety. The guarantee is tried on the simulated prover and four worlds made of it
(`safety_world.py`), 1,000 runs of flat Gaussian Thompson sampling in each; the rare context on the simulated prover,
where it has most of the cost and a twentieth of the jobs, in the engine.
"""

import json
import math
import time
from functools import partial

import numpy as np
from scipy.stats import chi2

from benchmarks.harness.machine import stay_on_one_core
from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from benchmarks.simulation.prover import SHIPPED, poolwise_run
from benchmarks.simulation.safety_world import compared
from benchmarks.simulation.world import figures as run_figures
from benchmarks.simulation.world import read
from poolwise import ArmSpace, Engine, Family, policy
from poolwise.engine import Exploration, Safety, Settings
from poolwise.engine.insight.explain import view_of
from poolwise.policy.constraints.conservative import Settings as Conservative
from poolwise.policy.constraints.constraints import constrain, from_arrays
from poolwise.policy.constraints.coverage_guarantee import Guarantee

SPACE = ArmSpace([Family(f"arm-{i}") for i in range(8)], "arm-0")
COMPOSED = "floored(safe(covered(curious(thompson))))"
GUARDED = Settings(log_views=False, estimate="inline", safety=Safety(delta=None), exploration=Exploration())
RULES = {"unsafe": None, "guaranteed": Conservative(), "guaranteed, worst 0.3 known": Conservative(worst=0.3)}
NOISE, SPREAD, CONTEXTS = 0.2, 0.35, 4


class World:
    """Arms whose utilities are known, and an engine that is to find them out."""

    def __init__(self, seed: int, settings: Settings, spec: str, contexts: int = CONTEXTS) -> None:
        self.engine = Engine.open("memory://", SPACE, seed=seed, policy=policy.parse(spec), settings=settings)
        self.random = np.random.default_rng(seed)
        self.gain = self.random.normal(0, SPREAD, (contexts, len(SPACE.arms)))
        self.gain[:, 0] = 0.0

    def step(self, context: int | None = None):
        """One job, in a context at random unless it is given."""
        c = int(self.random.integers(len(self.gain))) if context is None else context
        made = self.engine.decide("project", f"context {c}")
        utility = self.gain[c, SPACE.index[made.arm]] + self.random.normal(0, NOISE)
        self.engine.observe(made.id, utility=float(utility))
        return made

    def context(self, name: str):
        return next(row for row in self.engine.overview()["contexts"] if row["context"] == name)


def latencies(count: int) -> dict[str, dict[str, float]]:
    """Microseconds: the composed policy on one view, and whole decisions with and without the layers."""
    unlogged = Settings(log_views=False)
    everything = Settings(
        log_views=False,
        safety=Safety(conservative=Conservative()),
        exploration=Exploration(0.5, 0.5, coverage=Guarantee()),
    )
    found = {}
    for name, settings, spec in (
        ("composed", unlogged, COMPOSED),
        ("composed, guarded", GUARDED, COMPOSED),
        ("composed, every layer", everything, "floored(covered(curious(thompson)))"),
    ):
        world = World(1, settings, spec)
        for _ in range(400):
            world.step()
        engine, serving = world.engine, world.engine.serving
        allowed = np.ones(len(SPACE.arms), dtype=bool)
        view, chances = serving.belief.view(0, 0, allowed, np.array(serving.usage.context(0, 0)))
        found[f"{name}: policy and layers"] = timed(
            lambda s=serving, v=view, c=chances: s.policy_gate.choice(("project", "context 0"), (0, 0), v, c), count
        )
        found[f"{name}: cached decision"] = timed(lambda e=engine: e.decide("project", "context 0"), count)
        found[f"{name}: uncached decision"] = timed(
            lambda e=engine: (e.serving.cells.clear(), e.decide("project", "context 0")), count
        )
    return found


def timed(call, count: int, blocks: int = 20) -> dict[str, float]:
    """Microseconds of processor time in the quietest of so many blocks: neighbours on the machine are not measured."""
    found = []
    for _ in range(blocks):
        times = []
        for _ in range(max(count // blocks, 1)):
            began = time.process_time_ns()
            call()
            times.append((time.process_time_ns() - began) / 1e3)
        found.append(percentiles(times))
    return min(found, key=lambda row: row["p50"])


def agreement(count: int) -> dict[str, float]:
    """Chi-square of the arms that were chosen in `count` decisions against the probabilities that their views give."""
    world = World(2, GUARDED._replace(log_views=True), COMPOSED, contexts=1)
    for _ in range(60):
        world.step()
    counts, expected = np.zeros(len(SPACE.arms)), np.zeros(len(SPACE.arms))
    for _ in range(max(count // 100_000, 1)):
        made = world.engine.decide_many("project", ["context 0"] * 100_000)
        counts += np.bincount(made.arm, minlength=len(counts))
        for key, number in zip(*np.unique(made.view, return_counts=True), strict=True):
            expected += number * probabilities(world.engine, int(key))
    chosen = expected > 0
    assert not counts[~chosen].any()
    statistic = float(((counts - expected)[chosen] ** 2 / expected[chosen]).sum())
    return {"decisions": float(counts.sum()), "chi-square": statistic, "p": float(chi2.sf(statistic, chosen.sum() - 1))}


def probabilities(engine: Engine, key: int) -> np.ndarray:
    """The vector that a logged view leads to, limits included."""
    logged = engine.store.view(key)
    return constrain(engine.policy, view_of(logged), from_arrays(logged.arrays)).probabilities


def catastrophe(seed: int) -> dict[str, float]:
    """The best arm falls to half the baseline's speed, and recovers as soon as it is in quarantine."""
    world = World(seed, GUARDED, "floored(covered(curious(thompson)))", contexts=1)
    world.gain[0, 1] = 0.9
    for _ in range(150):
        world.step()
    world.gain[0, 1], trials = math.log(0.5), 0
    while not away(world):
        trials += world.step().arm == "arm-1"
    world.gain[0, 1], absent = 0.9, 0
    while away(world):
        world.step()
        absent += 1
    again = absent
    while world.step().arm != "arm-1":
        again += 1
    favourite = again
    while world.context("context 0")["favourite"] != "arm-1" and favourite < 2000:
        world.step()
        favourite += 1
    return {"trials": trials, "away": absent, "chosen again": again, "favourite again": favourite}


def away(world: World) -> bool:
    return any(
        row["arm"] == "arm-1" and row["state"].startswith("quarantined")
        for row in world.engine.overview()["quarantined"]
    )


def stationary(seed: int) -> dict[str, list[float]]:
    """Mass off the favourite where it is known to be best, and decisions until it is back above 10 % after a drift."""
    world = World(seed, GUARDED, "covered(curious(thompson))")
    for _ in range(150 * CONTEXTS):
        world.step()
    sure = [row for row in world.engine.overview()["contexts"] if row["confidence"] > 0.99]
    if not sure:
        return {"mass": [], "after drift": []}
    c = int(sure[0]["context"].split()[1])
    world.gain[c, SPACE.index[sure[0]["favourite"]]] -= 1.0
    number = 0
    while world.context(f"context {c}")["exploring"] <= 0.1 and number < 30:
        world.step(c)
        number += 1
    return {"mass": [row["exploring"] for row in sure], "after drift": [number]}


def conservative(seed: int, decisions: int = 300) -> dict[str, float]:
    """Every arm but the baseline is worse: least of what was expected over 0.9 of the baseline's, at any time."""
    settings = Settings(
        log_views=False,
        estimate="inline",
        safety=Safety(delta=None, conservative=Conservative()),
        exploration=Exploration(),
    )
    world = World(seed, settings, "covered(curious(thompson))")
    world.gain[:, 1:] = -np.abs(world.gain[:, 1:]) - 0.1
    speed, left = [], 0
    for _ in range(decisions):
        c = int(world.random.integers(CONTEXTS))
        arm = SPACE.index[world.step(c).arm]
        speed.append(math.exp(world.gain[c, arm] + NOISE**2 / 2 * (arm > 0)))
        left += arm > 0
    jobs = np.arange(1, decisions + 1)
    return {"margin": float((np.cumsum(speed) - 0.9 * jobs).min()), "left": left / decisions}


def rare(seeds: int) -> dict[str, float]:
    """The rarest context of the simulated prover, its jobs so long that no other is more important."""
    problem = read(SHIPPED)
    weights = np.where(problem.frequency == problem.frequency.min(), 40.0, 1.0)
    name = problem.contexts[int(problem.frequency.argmin())]
    found = {}
    for kind, guarantee in (("without", None), ("with", Guarantee(0.1, 10, 100))):
        change = {"policy": "floored(covered(curious(thompson)))", "exploration": Exploration(coverage=guarantee)}
        chance, made = poolwise_run(problem, range(seeds), change, weights)
        result = run_figures(problem, chance, made)
        found |= {f"found, {kind}": result[f"found in {name}"], f"regret, {kind}": result["regret"]}
    return found


def rare_figures(body: dict) -> list[Figure]:
    return [
        Figure("best arm of the rare context found", body["rare"]["found, with"], "", 0.8, True),
        Figure("the same without the coverage guarantee", body["rare"]["found, without"], ""),
    ]


def guarantee_figures(body: dict) -> list[Figure]:
    """Of every world: violations, and what the guarantee costs."""
    made = []
    for world, found in body["guarantee"].items():
        for name, row in found.items():
            target = None if name == "unsafe" else 0.05
            made.append(
                Figure(f"{world}, {name}: runs below 0.9 of the baseline at any time", row["broken"], "", target)
            )
            made.append(Figure(f"{world}, {name}: regret of 300 decisions", row["regret"], ""))
            made.append(Figure(f"{world}, {name}: decisions that left the baseline", row["away"], ""))
    return made


def figures(body: dict) -> list[Figure]:
    times, harm, calm = body["latencies in us"], body["catastrophe"], body["stationary"]
    margins = [row["margin"] for row in body["conservative"]]
    window = GUARDED.safety.quarantine.window
    return [
        Figure("composed policy, one view, p50", times["composed: policy and layers"]["p50"], "us", 60),
        *(Figure(f"{name}, p50", spent["p50"], "us") for name, spent in times.items()),
        Figure("frequencies against logged probabilities, p-value", body["agreement"]["p"], "", 1e-3, True),
        Figure("trials of a catastrophic arm until quarantine, median", median(harm, "trials"), "", 5),
        Figure("outcomes until it may return, largest", max(row["away"] for row in harm), "", 2 * window),
        Figure("decisions until it is chosen again, median", median(harm, "chosen again"), ""),
        Figure("decisions until it is the favourite again, median", median(harm, "favourite again"), ""),
        Figure("mass off a favourite known with 99 %, largest", max(calm["mass"]), "", 0.02),
        Figure("decisions after a drift until 10 % explores, median", float(np.median(calm["after drift"])), "", 10),
        Figure("decisions after a drift until 10 % explores, largest", max(calm["after drift"]), "", 10),
        Figure("runs that fell below 0.9 of the baseline at any time", float(np.mean(np.less(margins, 0))), "", 0.05),
        Figure(
            "decisions that left the baseline in them",
            float(np.mean([row["left"] for row in body["conservative"]])),
            "",
        ),
        *(rare_figures(body) if body["rare"] else ()),
        *(guarantee_figures(body) if body["guarantee"] else ()),
    ]


def median(found: list[dict[str, float]], name: str) -> float:
    return float(np.median([row[name] for row in found]))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=1_000, help="of the guarantee in each world")
    parser.add_argument("--rare", type=int, default=100, help="seeds of the rare context")
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--parts", nargs="*", help="measure these anew, the others as --json has them (default: all)")
    options = parser.parse_args()
    stay_on_one_core()
    before = json.loads(options.json.read_text()) if options.json and options.parts else {}
    body = {name: before.get(name) for name in PARTS}
    sizes = before.get("sizes", {})
    for name in options.parts or PARTS:
        size = getattr(options, SIZES.get(name, "seeds"))
        body[name], sizes[name] = PARTS[name](size), size
    result = figures(body)
    print(table(result))
    whole = {"sizes": sizes, "figures": rows(result), **body}
    save(options.json, whole)


def each(made, seeds: int) -> list:
    return [made(seed) for seed in range(seeds)]


def calm(seeds: int) -> dict[str, list[float]]:
    found = each(stationary, seeds)
    return {name: [x for row in found for x in row[name]] for name in ("mass", "after drift")}


PARTS = {
    "latencies in us": lambda seeds: latencies(3000),
    "agreement": agreement,
    "catastrophe": partial(each, catastrophe),
    "stationary": calm,
    "conservative": partial(each, conservative),
    "rare": rare,
    "guarantee": lambda runs: compared(read(SHIPPED), runs, RULES, policy.thompson()),
}
SIZES = {"agreement": "decisions", "rare": "rare", "guarantee": "runs"}
"""Which option says how much of a part; the others go by --seeds."""


if __name__ == "__main__":
    main()

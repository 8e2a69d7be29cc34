"""Latency of a decision with features of the job, right after an outcome, beside the same without features.

    python -m benchmarks.serving.features --json benchmarks/results/feature_latency.json

In memory, one core, as opened by default but for the backend; 10 arms, 30 contexts, one project, 1,000 outcomes before.
16 features, of which eight decide, so that slopes serve on as many directions as there may be; that they do is checked.
Both answer from the compiled call, by turns.
"""

import numpy as np

from benchmarks.harness.machine import stay_on_one_core
from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from benchmarks.serving.engine import timed
from poolwise import ArmSpace, Engine, Family
from poolwise.engine import Settings

SEED, ARMS, CONTEXTS, FEATURES, DECIDE = 11, 10, 30, 16, 8
BEFORE = 1_000
NAMES = [f"size {k}" for k in range(FEATURES)]


def begun(features: bool) -> Engine:
    """An engine that has learned from jobs whose features decide."""
    space = ArmSpace([Family(f"arm-{k}") for k in range(ARMS)], "arm-0")
    declared = {name: {"type": "real"} for name in NAMES} if features else None
    engine = Engine.open("memory://", space, seed=SEED, features=declared, settings=Settings(backend="jax"))
    random = np.random.default_rng(SEED)
    for _ in range(BEFORE):
        turn(engine, random, features)
    engine.refit()
    return engine


def turn(engine: Engine, random: np.random.Generator, features: bool) -> float:
    """Decide and observe one job; microseconds of the decision that follows, in the same context."""
    context, size = f"context {random.integers(CONTEXTS)}", random.standard_normal((2, FEATURES))
    known = [dict(zip(NAMES, one.tolist(), strict=True)) if features else None for one in size]
    made = engine.decide("project", context, features=known[0])
    arm = int(made.arm[4:])
    slope = np.random.default_rng(arm).standard_normal(DECIDE) * (arm > 0)
    engine.observe(made.id, utility=float(0.3 * size[0, :DECIDE] @ slope + 0.2 * random.standard_normal()))
    return timed(lambda: engine.decide("project", context, features=known[1]))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=2_000)
    options = parser.parse_args()
    stay_on_one_core()
    engines = {features: begun(features) for features in (True, False)}
    directions = engines[True].serving.belief.posterior.hyperparameters.features
    assert directions is not None, "no slopes serve: there is nothing to measure"
    random = {features: np.random.default_rng(SEED + 1) for features in engines}
    found: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(options.count):
        for features, engine in engines.items():
            found[features].append(turn(engine, random[features], features))
    known = {features: percentiles(np.array(times)) for features, times in found.items()}
    figures = [
        Figure("decide with 16 features after an outcome, p50", known[True]["p50"], "us", 400),
        Figure("decide with 16 features after an outcome, p99", known[True]["p99"], "us"),
        Figure("the same without features, p50", known[False]["p50"], "us"),
        Figure("directions", directions.map.size, ""),
    ]
    print(table(figures))
    save(options.json, {"seed": SEED, "figures": rows(figures)})


if __name__ == "__main__":
    main()

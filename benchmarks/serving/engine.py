"""Latency of one decision, decisions a second in bulk, and how long start-up takes.

    python -m benchmarks.serving.engine --json benchmarks/results/engine.json

In memory, one core, default policy and settings but for the log of views, which is on in `benchmarks/serving/store.py`.
`undisturbed`: nothing that the cell rests on has changed since its last decision. `after an outcome`: an outcome of the
same context came in between, so belief, knowledge gradient and probabilities are computed again, by the compiled call.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.harness.machine import stay_on_one_core
from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise import ArmSpace, Engine, Family
from poolwise.engine import Settings
from poolwise.posterior.posterior import WARM

SEED, COMPILED = 3, 60.0
"""Seconds of waiting for the compiled call, at most."""
SYSTEMS = {"8 arms, 50 contexts": (8, 50), "64 arms, 1,000 contexts": (64, 1_000)}
SCRIPTS = str(Path(sys.executable).parent / "poolwise")


def warmed(arms: int, contexts: int, outcomes: int) -> Engine:
    """An engine that has learned so many outcomes, once the compiled call answers where there is one for its size:
    before, for some seconds of a process, NumPy does."""
    space = ArmSpace([Family(f"arm-{i}") for i in range(arms)], "arm-0")
    engine = Engine.open("memory://", space, seed=SEED, settings=Settings(log_views=False))
    random = np.random.default_rng(SEED)
    for _ in range(4):
        names = [f"context {i}" for i in random.integers(0, contexts, outcomes // 4)]
        made = engine.decide_many("project", names)
        engine.observe_many(made.id, utility=0.3 * np.sin(made.arm) + random.normal(0, 0.25, len(names)))
    after_outcome(engine, contexts, 2 * WARM)
    posterior, began = engine.serving.belief.posterior, time.monotonic()
    while posterior.serving().form is None and posterior.backend == "numpy" and time.monotonic() - began < COMPILED:
        time.sleep(0.1)
    return engine


def undisturbed(engine: Engine, contexts: int, count: int) -> list[float]:
    """Microseconds of each decision, contexts at random; every cell was decided in before."""
    for i in range(contexts):
        engine.decide("project", f"context {i}")
    names = [f"context {i}" for i in np.random.default_rng(SEED).integers(0, contexts, count)]
    return [timed(lambda name=name: engine.decide("project", name)) for name in names]


def after_outcome(engine: Engine, contexts: int, count: int) -> list[float]:
    """Microseconds of the decision that follows an outcome in the same context."""
    random, times = np.random.default_rng(SEED), []
    for i in random.integers(0, contexts, count):
        name = f"context {i}"
        engine.observe(engine.decide("project", name).id, utility=float(random.normal(0, 0.25)))
        times.append(timed(lambda name=name: engine.decide("project", name)))
    return times


def bulk(engine: Engine, contexts: int, count: int) -> float:
    """Decisions a second of `decide_many`, median of 20 calls."""
    names = [f"context {i}" for i in np.random.default_rng(SEED).integers(0, contexts, count)]
    return count / float(np.median([timed(lambda: engine.decide_many("project", names)) for _ in range(20)])) * 1e6


def timed(call) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e6


def started(command: list[str]) -> float:
    """Seconds of a process, median of seven."""
    return (
        float(np.median([timed(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(7)]))
        / 1e6
    )


def figures(found: dict[str, dict], rates: dict[str, float], starts: dict[str, float]) -> list[Figure]:
    small, large = SYSTEMS
    quiet, changed = "undisturbed", "after an outcome"
    return [
        Figure(f"decide, {small}, {quiet}, p50", found[small][quiet]["p50"], "us", 10),
        Figure(f"decide, {small}, {quiet}, p99", found[small][quiet]["p99"], "us", 60),
        Figure(f"decide, {small}, {changed}, p50", found[small][changed]["p50"], "us", 150),
        Figure(f"decide, {large}, {quiet}, p50", found[large][quiet]["p50"], "us", 25),
        Figure(f"decide, {large}, {quiet}, p99", found[large][quiet]["p99"], "us", 150),
        Figure(f"decide, {large}, {changed}, p50", found[large][changed]["p50"], "us"),
        Figure(f"decide_many, {small}", rates[small], "/s", 2e6, True),
        Figure(f"decide_many, {large}", rates[large], "/s"),
        Figure("import poolwise", starts["import"], "s", 0.8),
        Figure("poolwise --help", starts["help"], "s", 0.4),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=5_000)
    options = parser.parse_args()
    stay_on_one_core()
    found, rates = {}, {}
    for name, (arms, contexts) in SYSTEMS.items():
        engine = warmed(arms, contexts, 20_000)
        quiet = percentiles(undisturbed(engine, contexts, options.count))
        rates[name] = bulk(engine, contexts, 100_000)
        changed = percentiles(after_outcome(engine, contexts, options.count // 5))
        found[name] = {"undisturbed": quiet, "after an outcome": changed}
    starts = {"import": started([sys.executable, "-c", "import poolwise"]), "help": started([SCRIPTS, "--help"])}
    result = figures(found, rates, starts)
    print(table(result))
    body = {"seed": SEED, "figures": rows(result), "latencies in us": found}
    save(options.json, body)


if __name__ == "__main__":
    main()

"""Thousands of configurations in the engine: what a decision and an outcome cost, and the regret with and without.

    python -m benchmarks.serving.surface --json benchmarks/results/surface.json

One family of 2,500 configurations (a scaled number, a number, a choice) beside a baseline, over 3 projects x 4 contexts
whose optima differ somewhat. Every decision follows an outcome, so that belief and probabilities are computed again.
Processor time of one core, in memory, views logged; memory is what the process has grown by. Regret: 200 trials of one
project and context from nothing, utilities with noise 0.1, horizon known. At size: a session of 200 trials among 10,000
arms, an even selection of 1,290,240 allowed configurations.
"""

import resource
import time

import numpy as np

from benchmarks.harness.machine import stay_on_one_core
from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise import ArmSpace, Choice, Engine, Family, Integer, Real
from poolwise.engine import Settings

PROJECTS, CONTEXTS, NOISE, TRIALS = 3, 4, 0.1, 200
LARGE = {
    **{name: Integer(1, 64, log=True, levels=7) for name in ("rows", "columns")},
    "depth": Integer(1, 16, levels=16),
    "share": Real(0, 1, levels=21),
    "order": Choice(list("abcdefgh")),
    "shared": Choice([False, True]),
    "unroll": Integer(1, 8),
}
SPACE = ArmSpace(
    [
        Family("default"),
        Family(
            "kernel",
            {"tile": Real(1, 64, log=True, levels=25), "ratio": Real(0, 1, levels=20), "mode": Choice(list("abcde"))},
            limit=2500,
        ),
    ],
    "default",
)


def truths(shift: float = 0.0) -> np.ndarray:
    """(arms,): a bowl with a ripple, whose optimum moves with `shift`; the baseline is worth 0."""
    found = np.zeros(len(SPACE.arms))
    for k, arm in enumerate(SPACE.arms[1:], start=1):
        x, y = np.log(arm.params["tile"]) / np.log(64), arm.params["ratio"]
        bowl = 3 * (x - 0.7 - shift) ** 2 + 2 * (y - 0.3 + shift) ** 2
        found[k] = 1.2 - bowl - 0.25 * "abcde".index(arm.params["mode"]) + 0.3 * np.sin(6 * x * y)
    return found


def regret(seed: int, surface: str) -> tuple[float, float]:
    """Cumulative, and of the configuration believed best at the end."""
    random, truth = np.random.default_rng(seed), truths()
    engine = Engine.open("memory://", SPACE, seed=seed, settings=Settings(surface=surface, horizon=TRIALS))
    chosen = []
    for _ in range(TRIALS):
        decision = engine.decide("project", "context")
        chosen.append(SPACE.index[decision.arm])
        engine.observe(decision.id, utility=float(truth[chosen[-1]] + random.normal(0, NOISE)))
    best = SPACE.index[engine.beliefs().set_index("arm")["mean"].idxmax()]
    return float((truth.max() - truth[chosen]).sum()), float(truth.max() - truth[best])


def served(outcomes: int) -> dict[str, dict[str, float]]:
    """Milliseconds of processor time of every decision and outcome, by the number of outcomes before; megabytes."""
    random, names = np.random.default_rng(1), [(p, c) for p in range(PROJECTS) for c in range(CONTEXTS)]
    truth = {(p, c): truths(0.1 * (p - 1) + 0.05 * c) for p, c in names}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    engine = Engine.open("memory://", SPACE, seed=1, settings=Settings(log_views=False))
    spent: dict[str, list[float]] = {"decide": [], "observe": []}
    for _ in range(outcomes):
        p, c = names[random.integers(len(names))]
        began = time.process_time()
        decision = engine.decide(f"project {p}", f"context {c}")
        middle = time.process_time()
        y = float(truth[p, c][SPACE.index[decision.arm]] + random.normal(0, NOISE))
        engine.observe(decision.id, utility=y)
        spent["decide"].append((middle - began) * 1e3)
        spent["observe"].append((time.process_time() - middle) * 1e3)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    half = outcomes // 2
    parts = {"first half": slice(half), "second half": slice(half, None)}
    found = {f"{what}, {part}": percentiles(times[at]) for what, times in spent.items() for part, at in parts.items()}
    cells = int((engine.beliefs()["n"] > 0).sum())
    return {
        **found,
        "size": {"megabytes": grown, "distinct cells tried": cells, "seconds": sum(map(sum, spent.values())) / 1e3},
    }


def at_size() -> dict[str, dict[str, float]]:
    """Milliseconds of processor time of decisions, estimates within them, and outcomes."""
    random = np.random.default_rng(3)
    kernel = Family("kernel", LARGE, forbidden=[{"rows": 64, "columns": 64}], limit=10_000)
    settings = Settings(horizon=TRIALS, goal="best", log_views=False, estimate="inline")
    engine = Engine.open("memory://", ArmSpace([Family("default"), kernel], "default"), seed=1, settings=settings)
    spent: dict[str, list[float]] = {"decide": [], "observe": []}
    for _ in range(TRIALS):
        began = time.process_time()
        decision = engine.decide("project", "context")
        middle = time.process_time()
        at = decision.params or {"rows": 1, "share": 0.0}
        y = 1 - (np.log2(at["rows"]) - 3) ** 2 / 9 - (at["share"] - 0.4) ** 2 + random.normal(0, NOISE)
        engine.observe(decision.id, utility=float(y))
        spent["decide"].append((middle - began) * 1e3)
        spent["observe"].append((time.process_time() - middle) * 1e3)
    return {what: percentiles(times) for what, times in spent.items()}


def main() -> None:
    """Measure, print, write."""
    parser = arguments(__doc__)
    parser.add_argument("--outcomes", type=int, default=2_000)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    stay_on_one_core()
    times, large = served(options.outcomes), at_size()
    lost = {rule: [regret(seed, rule) for seed in range(options.seeds)] for rule in ("auto", "never")}
    total = {rule: float(np.mean([one for one, _ in found])) for rule, found in lost.items()}
    figures = [
        Figure("decide after an outcome, 2,501 arms x 12 cells, p50", times["decide, second half"]["p50"], "ms", 10),
        Figure("observe, p50", times["observe, second half"]["p50"], "ms", 5),
        Figure("observe, p99 (rows set up again, scales estimated)", times["observe, second half"]["p99"], "ms"),
        Figure(f"all of {options.outcomes:,} decisions and outcomes", times["size"]["seconds"], "s"),
        Figure("memory", times["size"]["megabytes"], "MB", 500),
        Figure("decide, 10,000 arms of 1.3 million allowed, p50", large["decide"]["p50"], "ms", 20),
        Figure("observe there, p50", large["observe"]["p50"], "ms", 5),
        Figure("regret of 200 trials with the surface / without", total["auto"] / total["never"], "", 0.5),
        Figure("regret of the configuration believed best, with", float(np.mean([b for _, b in lost["auto"]])), ""),
        Figure("the same without", float(np.mean([b for _, b in lost["never"]])), ""),
    ]
    print(table(figures))
    body = {"figures": rows(figures), "processor time in ms": times, "regret": lost}
    save(options.json, body)


if __name__ == "__main__":
    main()

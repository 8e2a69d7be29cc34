"""Events per second that survive `kill -9`: decide + observe pairs of an engine on a SQLite file, and the store alone.

    python -m benchmarks.serving.store --json benchmarks/results/store.json

8 arms and 50 contexts of one project, the store's and the engine's default settings, utilities drawn from a seed. A
pair counts once both calls have returned: both events are on file then (`benchmarks/robustness/crash.py` checks
that). Whatever belongs to a pair is in its time: probabilities after the last outcome, the logged view, learning,
scales estimated again on schedule. One core.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.harness.machine import stay_on_one_core
from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise import ArmSpace, Engine, Family
from poolwise.schema import Decision, Outcome
from poolwise.store import DecisionColumns, OutcomeColumns, Store, open_store

SEED = 11
ARMS, CONTEXTS, BATCH = 8, 50, 10_000
NAMES = [f"context {i}" for i in range(CONTEXTS)]


def opened(folder: Path, name: str) -> Engine:
    arms = ArmSpace([Family(f"arm-{i}") for i in range(ARMS)], "arm-0")
    return Engine.open(f"sqlite:///{folder / name}.db", arms, seed=SEED)


def outcome_of(arm: np.ndarray, context: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Utilities: what an arm is worth differs between contexts, noise 0.25."""
    return np.sin(1.0 + arm * (1.0 + context)) * 0.3 + 0.25 * random.standard_normal(len(context))


def singles(folder: Path, pairs: int) -> dict[str, dict[str, float]]:
    """Microseconds of every pair, of its decide and of its observe, and pairs per second over all of them."""
    engine, random = opened(folder, "singles"), np.random.default_rng(SEED)
    contexts = random.integers(0, CONTEXTS, pairs)
    worth = np.array([outcome_of(np.full(pairs, arm), contexts, random) for arm in range(ARMS)]).T
    stamps = np.empty((pairs, 3))
    for i, context in enumerate(contexts.tolist()):
        stamps[i, 0] = time.perf_counter()
        decision = engine.decide("project", NAMES[context])
        stamps[i, 1] = time.perf_counter()
        engine.observe(decision.id, utility=float(worth[i, int(decision.arm[-1])]))
        stamps[i, 2] = time.perf_counter()
    engine.close()
    steps = np.diff(stamps, axis=1) * 1e6
    parts = {"decide": steps[:, 0], "observe": steps[:, 1], "pair": steps.sum(1)}
    found = {name: percentiles(times) for name, times in parts.items()}
    late = steps[pairs // 2 :].sum(1)
    found["rate"] = {"all": 1e6 * pairs / steps.sum(), "second half": 1e6 * len(late) / late.sum()}
    return found


def batches(folder: Path, count: int) -> dict[str, dict[str, float]]:
    """Milliseconds of every batch of decide_many + observe_many, and pairs per second over all of them."""
    engine, random = opened(folder, "batches"), np.random.default_rng(SEED)
    times = []
    for _ in range(count):
        contexts = random.integers(0, CONTEXTS, BATCH)
        names = [NAMES[context] for context in contexts]
        began = time.perf_counter()
        made = engine.decide_many("project", names)
        decided = time.perf_counter()
        utility = outcome_of(made.arm, contexts, random)
        drawn = time.perf_counter()
        engine.observe_many(made.id, utility=utility)
        times.append((decided - began, time.perf_counter() - drawn))
    engine.close()
    steps = np.array(times) * 1e3
    parts = {"decide_many": steps[:, 0], "observe_many": steps[:, 1], "batch": steps.sum(1)}
    found = {name: percentiles(part) for name, part in parts.items()}
    found["rate"] = {"all": 1e3 * BATCH * count / steps.sum(), "median batch": 1e3 * BATCH / found["batch"]["p50"]}
    return found


def store_alone(folder: Path, events: int, count: int) -> dict[str, dict[str, float]]:
    """Microseconds of one event, milliseconds of a batch of columns: nothing but the log."""
    store = open_store(f"sqlite:///{folder / 'alone'}.db", seed=SEED)
    ids = [store.reserve(1) for _ in range(events)]
    decide = lambda id: store.append_decision(
        Decision(id, "project", NAMES[id % CONTEXTS], "arm", {}, "arm", 0.5, "explored", time.time())
    )
    observe = lambda id: store.append_outcome(Outcome(id, "ok", 0.1, 1.0, 2.0, time.time()))
    found = {"append_decision": each(decide, ids, 1e6), "append_outcome": each(observe, ids, 1e6)}
    columns = [decision_columns(store) for _ in range(count)]
    found["append_decisions"] = each(store.append_decisions, columns, 1e3)
    found["append_outcomes"] = each(store.append_outcomes, [outcome_columns(made) for made in columns], 1e3)
    found["outcomes"] = each(store.outcomes, [events + BATCH * i for i in range(count)][-1:] * count, 1e3)
    store.close()
    return found


def each(call: Callable, arguments: list, unit: float) -> dict[str, float]:
    """Percentiles of the time of a call, and its mean."""
    times = []
    for argument in arguments:
        began = time.perf_counter()
        call(argument)
        times.append((time.perf_counter() - began) * unit)
    return percentiles(times) | {"mean": float(np.mean(times))}


def decision_columns(store: Store) -> DecisionColumns:
    first, code, one = store.reserve(BATCH), np.zeros(BATCH, dtype=np.int64), np.ones(BATCH)
    return DecisionColumns(np.arange(first, first + BATCH), code, code, code, one, code, one, code, code - 1)


def outcome_columns(made: DecisionColumns) -> OutcomeColumns:
    none, nan = np.full(BATCH, -1), np.full(BATCH, np.nan)
    return OutcomeColumns(made.id, none, none, none, none, made.arm.astype(np.int8), made.time, nan, nan, made.time)


def figures(single: dict, batch: dict, alone: dict) -> list[Figure]:
    log = alone["append_decision"]["mean"] + alone["append_outcome"]["mean"]
    block = alone["append_decisions"]["mean"] + alone["append_outcomes"]["mean"]
    return [
        Figure("decide + observe, one by one, all", single["rate"]["all"], "pairs/s", 5_000, True),
        Figure("same, second half of the run", single["rate"]["second half"], "pairs/s"),
        *(Figure(f"{what}, {p}", single[what][p], "us") for what in ("decide", "observe") for p in ("p50", "p99")),
        Figure(f"decide_many + observe_many, {BATCH:,} a batch, all", batch["rate"]["all"], "pairs/s", 100_000, True),
        Figure("same, median batch", batch["rate"]["median batch"], "pairs/s"),
        *(Figure(f"{what}, p50", batch[what]["p50"], "ms") for what in ("decide_many", "observe_many")),
        Figure("store alone: append_decision + append_outcome", 1e6 / log, "pairs/s"),
        Figure("store alone: append_decisions + append_outcomes", 1e3 * BATCH / block, "pairs/s"),
        *(Figure(f"store alone: {w}, p50", alone[w]["p50"], "us") for w in ("append_decision", "append_outcome")),
        Figure(f"store alone: outcomes, the last {BATCH:,}, p50", alone["outcomes"]["p50"], "ms"),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--batches", type=int, default=20)
    options = parser.parse_args()
    stay_on_one_core()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        single, batch = singles(place, options.pairs), batches(place, options.batches)
        alone = store_alone(place, options.pairs, options.batches)
    case = {"arms": ARMS, "contexts": CONTEXTS, "pairs": options.pairs, "batches": options.batches, "seed": SEED}
    found = figures(single, batch, alone)
    print(table(found))
    times = {"one by one": single, "batches": batch, "store alone": alone}
    save(options.json, {"case": case, "figures": rows(found), **times})


if __name__ == "__main__":
    main()

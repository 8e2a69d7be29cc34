"""What a store costs and stands: bytes of a pair, both durabilities, and calls under fault.

    python -m benchmarks.serving.store_operations --json benchmarks/results/store_operations.json

Bytes: the file after it was closed, 8 arms, views logged, per decide + observe pair. Durability: the store alone, one
call at a time. Faults: each write of the store under a lock that is held for longer than it waits, on a full disk, and
after the file was removed; a call is in time if it ends within `lock_wait` + 10 ms, and lost is what was acknowledged
and is not there afterwards. The full disk is a small tmpfs, which needs root; without, it is left out.
"""

import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise import ArmSpace, Engine, Family
from poolwise.errors import StoreError
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import Store, open_store

SEED, ARMS = 11, 8
SPACE = ArmSpace([Family(f"arm-{i}") for i in range(ARMS)], "arm-0")
WAIT, SLACK = 1.0, 0.010
HELD = 30.0
"""Seconds for which the lock is held."""


def pair(engine: Engine, project: int, context: int, random: np.random.Generator) -> None:
    made = engine.decide(f"project-{project}", f"context-{context}")
    arm = int(made.arm[-1])
    engine.observe(made.id, utility=float(np.sin(1.0 + arm * (1.0 + context)) * 0.3 + 0.25 * random.normal()))


def size(folder: Path, projects: int, contexts: int, pairs: int) -> float:
    """Bytes of a pair."""
    path, random = folder / f"size-{projects}.db", np.random.default_rng(SEED)
    with closing(Engine.open(f"sqlite:///{path}", SPACE, seed=SEED)) as engine:
        for _ in range(pairs):
            pair(engine, int(random.integers(projects)), int(random.integers(contexts)), random)
    return path.stat().st_size / pairs


def decide(store: Store) -> int:
    """A decision with a view of its own."""
    random = np.random.default_rng(SEED)
    arrays = {name: random.normal(size=ARMS).astype(np.float32).astype(float) for name in ("mean", "scale", "noise")}
    view = store.append_view(LoggedView(0, "p", "c", store.add_policy("thompson", {}), 0, 0, ("f",), arrays))
    id = store.reserve(1)
    store.append_decision(Decision(id, "p", "c", "f", {}, "f", 0.5, "explored", 1.0, None, view))
    return id


def durability(folder: Path, kind: str, pairs: int) -> dict[str, float]:
    """Microseconds of append_decision + append_outcome."""
    times = np.empty(pairs)
    with closing(open_store(f"sqlite:///{folder / kind}.db", seed=SEED, durability=kind)) as store:
        for i in range(pairs):
            began = time.perf_counter()
            store.append_outcome(Outcome(decide(store), "ok", 0.1, None, None, 2.0))
            times[i] = (time.perf_counter() - began) * 1e6
    return percentiles(times)


WRITES: dict[str, Callable[[Store], object]] = {
    "reserve": lambda store: store.reserve(10_000),
    "intern": lambda store: store.intern("job", [os.urandom(8).hex()]),
    "decide": decide,
    "record": lambda store: store.append_record("control", {}),
}


def calls(store: Store, until: float | None, count: int) -> dict[str, float]:
    """Every write in turn: how many were answered in time, how many of them by a StoreError, the longest in seconds."""
    made = late = refused = 0
    longest = 0.0
    while (made < count) if until is None else (time.monotonic() < until):
        began = time.monotonic()
        try:
            list(WRITES.values())[made % len(WRITES)](store)
        except StoreError:
            refused += 1
        spent = time.monotonic() - began
        made, late, longest = made + 1, late + (spent > WAIT + SLACK), max(longest, spent)
    return {"calls": made, "late": late, "refused": refused, "longest": longest}


def lock(folder: Path) -> dict[str, float]:
    path = folder / "lock.db"
    with closing(open_store(f"sqlite:///{path}", seed=SEED, lock_wait=WAIT)) as store:
        kept = [decide(store) for _ in range(100)]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            found = calls(store, time.monotonic() + HELD, 0)
            other.execute("ROLLBACK")
        kept.append(decide(store))
        return {**found, "lost": len(set(kept) - set(store.decisions().id.tolist()))}


def full(folder: Path) -> dict[str, float] | None:
    place = folder / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode:
        return None
    try:
        with closing(open_store(f"sqlite:///{place / 'a.db'}", seed=SEED, lock_wait=WAIT)) as store:
            kept = []
            try:
                while True:
                    kept.append(decide(store))
            except StoreError:
                found = calls(store, None, 1_000)
            subprocess.run(["mount", "-o", "remount,size=8m", place], check=True)
            kept.append(decide(store))
            return {**found, "lost": len(set(kept) - set(store.decisions().id.tolist()))}
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def removed(folder: Path) -> dict[str, float]:
    path = folder / "gone.db"
    with closing(open_store(f"sqlite:///{path}", seed=SEED, lock_wait=WAIT)) as store:
        decide(store)
        path.unlink()
        found = calls(store, None, 1_000)
    return {**found, "lost": found["calls"] - found["refused"]}


def figures(sizes: dict, durable: dict, faults: dict) -> list[Figure]:
    ratio = durable["power"]["p50"] / durable["process"]["p50"]
    told = [
        *(Figure(f"bytes per pair, {what}", value, "bytes", 700) for what, value in sizes.items()),
        *(Figure(f"store alone, durability {kind}, pair, p50", durable[kind]["p50"], "us") for kind in durable),
        Figure("the same, power over process", ratio, "times"),
    ]
    for what, found in faults.items():
        told += [
            Figure(f"{what}: calls answered in time", found["calls"] - found["late"], "calls", found["calls"], True),
            Figure(f"{what}: the longest call", 1e3 * found["longest"], "ms", 1e3 * (WAIT + SLACK)),
            Figure(f"{what}: acknowledged and lost", found["lost"], "events", 0),
        ]
    return told


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = {
            "1 project x 50 contexts": size(folder, 1, 50, options.pairs),
            "20 projects x 50 contexts": size(folder, 20, 50, options.pairs),
        }
        durable = {kind: durability(folder, kind, 2_000) for kind in ("process", "power")}
        faults = {f"lock held {HELD:g} s": lock(folder), "disk full": full(folder), "file removed": removed(folder)}
    faults = {what: found for what, found in faults.items() if found is not None}
    case = {"arms": ARMS, "pairs": options.pairs, "lock_wait_s": WAIT, "seed": SEED}
    found = figures(sizes, durable, faults)
    print(table(found))
    parts = {"sizes": sizes, "durability": durable, "faults": faults}
    save(options.json, {"case": case, "figures": rows(found), **parts})


if __name__ == "__main__":
    main()

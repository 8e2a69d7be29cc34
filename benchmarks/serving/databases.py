"""The store alone, on SQLite and on PostgreSQL: single events, 64 and 10,000 in a transaction, opening.

    python -m benchmarks.serving.databases --json benchmarks/results/databases.json

The same calls in turn on each, round by round, so that a busy machine is busy for all: a pair is a decision with a view
of its own and its outcome. SQLite as it is by default (what it acknowledged survives the process) and with
`durability = "power"`; PostgreSQL as it is installed (every commit waits for the disk) and with `synchronous_commit =
off`, which a role or a database may set, over a socket of the same machine.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import DecisionColumns, OutcomeColumns, Store, open_store
from tests import postgres

SEED, GROUP, BULK = 11, 64, 10_000
VIEW = {"mean": np.random.default_rng(SEED).normal(size=8)}


def view(store: Store) -> int:
    return store.append_view(LoggedView(0, "p", "c", store.add_policy("thompson", {}), 0, 0, ("f",), VIEW))


def single(store: Store) -> int:
    """One pair, two transactions."""
    id = store.reserve(1)
    store.append_decision(Decision(id, "p", "c", "f", {}, "f", 0.5, "explored", 1.0, None, view(store)))
    store.append_outcome(Outcome(id, "ok", 0.1, None, None, 2.0))
    return 1


def group(store: Store, count: int = GROUP, viewed: bool = True) -> int:
    """So many pairs, two transactions."""
    first, zero, one = store.reserve(count), np.zeros(count, dtype=np.int64), np.ones(count)
    ids, nan = np.arange(first, first + count), np.full(count, np.nan)
    views = np.array([view(store) for _ in range(count)]) if viewed else zero
    store.append_decisions(DecisionColumns(ids, zero, zero, zero, one, views, one, zero, zero - 1))
    store.append_outcomes(OutcomeColumns(ids, zero, zero, zero, zero, zero.astype(np.int8), one, nan, nan, one))
    return count


def bulk(store: Store) -> int:
    """As a batch of an engine that does not log views one by one."""
    return group(store, BULK, viewed=False)


CALLS: dict[str, tuple[Callable[[Store], int], int]] = {"single": (single, 20), "group": (group, 4), "bulk": (bulk, 1)}
"""What is called how often in a round."""


def measured(urls: dict[str, str], rounds: int) -> dict[str, dict[str, float]]:
    """Microseconds of a pair, the median of rounds, and of opening, by kind of store."""
    times: dict[str, dict[str, list[float]]] = {kind: {what: [] for what in (*CALLS, "open")} for kind in urls}
    for turn in range(rounds + 1):
        for kind, url in urls.items():
            began = time.perf_counter()
            store = open_store(url, seed=SEED, durability="power" if "power" in kind else "process", lock_wait=10)
            spent = {"open": time.perf_counter() - began}
            for what, (call, count) in CALLS.items():
                call(store)
                began = time.perf_counter()
                pairs = sum(call(store) for _ in range(count))
                spent[what] = (time.perf_counter() - began) / pairs
            store.close()
            if turn:
                for what, one in spent.items():
                    times[kind][what].append(1e6 * one)
    return {kind: {what: float(np.median(one)) for what, one in found.items()} for kind, found in times.items()}


def figures(found: dict[str, dict[str, float]]) -> list[Figure]:
    shown = []
    for kind, one in found.items():
        shown += [
            Figure(f"{kind}: pairs, one by one", 1e6 / one["single"], "pairs/s"),
            Figure(f"{kind}: pairs, {GROUP} a transaction", 1e6 / one["group"], "pairs/s"),
            Figure(f"{kind}: pairs, {BULK:,} a transaction, without views", 1e6 / one["bulk"], "pairs/s"),
            Figure(f"{kind}: {GROUP} a transaction over one by one", one["single"] / one["group"], "times"),
            Figure(f"{kind}: open a store", one["open"] / 1e3, "ms"),
        ]
    return shown


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        durable = stack.enter_context(postgres.server())
        lazy = stack.enter_context(postgres.server("-c synchronous_commit=off"))
        urls = {
            "SQLite": f"sqlite:///{folder}/process.db",
            "SQLite, power": f"sqlite:///{folder}/power.db",
            "PostgreSQL": durable.url(),
            "PostgreSQL, commits not waited for": lazy.url(),
        }
        found = measured(urls, options.rounds)
    shown = figures(found)
    print(table(shown))
    save(options.json, {"case": {"rounds": options.rounds, "seed": SEED}, "figures": rows(shown)})


if __name__ == "__main__":
    main()

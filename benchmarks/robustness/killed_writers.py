"""Writers of a store, killed with SIGKILL at random moments, on SQLite and on PostgreSQL, the store alone.

    python -m benchmarks.robustness.killed_writers --json benchmarks/results/killed_writers.json

Each writer, forked from a process that has the modules loaded, opens the store, appends decisions with their views and
their outcomes, one at a time or 64 together, and acknowledges on a pipe what was returned. It is killed while it opens
or writes. After every 100 kills all that was acknowledged must be there once, with its view, and nothing by halves.
The server of PostgreSQL keeps what it commits (fsync), and is one of the benchmark's own.
"""

import json
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise.schema import Decision, LoggedView
from poolwise.store import OutcomeColumns, open_store
from tests import postgres

TOGETHER, SEED = 100, 7
LONGEST = 0.08
"""Seconds after the first acknowledgement, within which a writer is killed; every fifth from its start."""


def write(url: str, sink: int) -> None:
    """For ever."""
    store = open_store(url, lock_wait=30)
    policy = store.add_policy("thompson", {})
    while True:
        ids = [store.reserve(1) for _ in range(random.choice([1, 1, 64]))]
        for id in ids:
            view = store.append_view(LoggedView(0, "p", "c", policy, 0, id, ("f",), {"mean": np.full(8, id / 7)}))
            store.append_decision(Decision(id, "p", "c", "f", {}, "f", 0.5, "explored", 1.0, None, view))
        os.write(sink, (json.dumps(["d", ids]) + "\n").encode())
        none, nan, ones = np.full(len(ids), -1), np.full(len(ids), np.nan), np.ones(len(ids))
        store.append_outcomes(OutcomeColumns(np.array(ids), none, none, none, none, none + 1, ones, nan, nan, ones))
        os.write(sink, (json.dumps(["o", ids]) + "\n").encode())


def killed(url: str, kills: int, seed: int) -> Iterator[tuple[str, list[int]]]:
    """What writers acknowledged, each until it was killed."""
    with closing(open_store(url, lock_wait=30)):
        """What drives the database is loaded once, and not in every process that is killed."""
    chance = random.Random(seed)
    for kill in range(kills):
        source, sink = os.pipe()
        if not (child := os.fork()):
            os.close(source)
            random.seed(seed + kill)
            write(url, sink)
        os.close(sink)
        told = [os.read(source, 1 << 16)] if kill % 5 else []
        time.sleep(chance.uniform(0, LONGEST))
        os.kill(child, signal.SIGKILL)
        while part := os.read(source, 1 << 16):
            told.append(part)
        os.waitpid(child, 0)
        os.close(source)
        yield from map(json.loads, b"".join(told).split(b"\n")[:-1])


def wrong(url: str, told: list[tuple[str, list[int]]]) -> list[str]:
    """What is not as it was acknowledged."""
    with closing(open_store(url, lock_wait=30)) as store:
        made, heard = store.decisions().id, store.outcomes().decision
        found = []
        for kind, ids in (("d", made), ("o", heard)):
            acknowledged = {id for of, some in told if of == kind for id in some}
            found += [f"{kind} {id} is lost" for id in acknowledged - set(ids.tolist())]
            found += ["an event is there twice"] * (len(np.unique(ids)) != len(ids))
        found += ["events have gaps"] * ((store.made(), store.answered()) != (len(made), len(heard)))
        for id in made[-200:].tolist():
            view = store.view(store.decision(id).view)
            found += [f"the view of {id} is another's"] * ((view.outcomes, view.arrays["mean"][0]) != (id, id / 7))
    return found


def campaign(url: str, kills: int) -> dict[str, Any]:
    """Kills on one store, looked at after every 100."""
    open_store(url, seed=SEED).close()
    told: list[tuple[str, list[int]]] = []
    faults: list[str] = []
    began = time.perf_counter()
    for first in range(0, kills, TOGETHER):
        told += killed(url, min(TOGETHER, kills - first), SEED + first)
        faults += wrong(url, told)
    events = sum(len(ids) for _, ids in told)
    return {"kills": kills, "acknowledged": events, "wrong": faults, "seconds": time.perf_counter() - began}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        found["SQLite"] = campaign(f"sqlite:///{folder}/a.db", options.kills)
    with postgres.server() as server:
        found["PostgreSQL"] = campaign(server.url(), options.kills)
    shown = []
    for kind, one in found.items():
        shown.append(Figure(f"{kind}: kills", one["kills"], "kills"))
        shown.append(Figure(f"{kind}: events acknowledged", one["acknowledged"], "events"))
        shown.append(Figure(f"{kind}: lost, doubled or halved", len(one["wrong"]), "events", 0))
    print("\n".join([table(shown), *(what for one in found.values() for what in one["wrong"][:9])]))
    save(options.json, {"case": {"seed": SEED}, "figures": rows(shown)})


if __name__ == "__main__":
    main()

"""A writer killed with SIGKILL at random moments, again and again: nothing it acknowledged is lost or counted twice.

    python -m benchmarks.robustness.crash --json benchmarks/results/crash.json

Every kill: a new process opens an engine on the file that all kills before have left, decides and observes one by one
and in batches, and acknowledges on a pipe what each call has returned. At a random time after its start it is killed,
be it while it opens, migrates, writes or waits. Then store and engine are opened on the file: every acknowledged
decision and outcome must be there once, with the arm and the utility that were acknowledged, and be learned once. What
was under way may be there without having been acknowledged. A new file is begun every few kills, so that new and old
ones are both met.
"""

import os
import select
import signal
import sqlite3
import struct
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise import ArmSpace, Engine, Family
from poolwise.errors import PoolwiseError

SEED = 23
SPACE = ArmSpace([Family(f"arm-{i}") for i in range(4)], "arm-0")
LONGEST = 0.5
"""Seconds from a writer's start within which it dies, uniformly."""
PER_FILE = 10
BATCH = 200
EVENT = struct.Struct("<cqid")
"""Decision (d) or outcome (o), id of the decision, index of the arm, utility."""


class Seen(NamedTuple):
    """What was found after one kill. Acknowledged and stored: on this file so far."""

    acknowledged: int
    stored: int
    lost: int
    twice: int
    changed: int
    """There with another arm or utility than acknowledged."""
    unlearned: int
    """Difference between the outcomes stored and those in the engine's belief."""
    sound: bool
    """SQLite's own check of every page and index."""
    seconds: float
    """To open an engine, its belief included."""


def write(url: str, seed: int, pipe: int) -> None:
    """Decide and observe until killed."""
    engine, random = Engine.open(url, SPACE, seed=SEED), np.random.default_rng(seed)
    while True:
        if random.random() < 0.02:
            batch(engine, random, pipe)
        else:
            single(engine, random, pipe)


def single(engine: Engine, random: np.random.Generator, pipe: int) -> None:
    """One pair; every twentieth outcome never comes."""
    made = engine.decide(f"project-{random.integers(3)}", f"context-{random.integers(5)}")
    os.write(pipe, EVENT.pack(b"d", made.id, SPACE.arms.index(SPACE.arm(made.arm)), 0.0))
    if random.random() < 0.95:
        utility = float(random.normal())
        engine.observe(made.id, utility=utility)
        os.write(pipe, EVENT.pack(b"o", made.id, 0, utility))


def batch(engine: Engine, random: np.random.Generator, pipe: int) -> None:
    made = engine.decide_many("project-0", [f"context-{i}" for i in random.integers(0, 5, BATCH)])
    pairs = list(zip(made.id.tolist(), made.arm.tolist(), random.normal(size=BATCH).tolist(), strict=True))
    os.write(pipe, b"".join(EVENT.pack(b"d", id, arm, 0.0) for id, arm, _ in pairs))
    engine.observe_many(made.id, utility=[utility for *_, utility in pairs])
    os.write(pipe, b"".join(EVENT.pack(b"o", id, 0, utility) for id, _, utility in pairs))


def killed(url: str, seed: int, after: float) -> bytes:
    """What a new writer acknowledged before it was killed `after` seconds from its start."""
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        try:
            write(url, seed, sink)
        finally:
            os._exit(1)
    os.close(sink)
    deadline, parts = time.monotonic() + after, []
    while (left := deadline - time.monotonic()) > 0:
        if select.select([source], [], [], left)[0]:
            parts.append(os.read(source, 1 << 16))
            if not parts[-1]:
                raise RuntimeError("the writer ended by itself: run it alone to see why")
    os.kill(child, signal.SIGKILL)
    while part := os.read(source, 1 << 16):
        parts.append(part)
    os.waitpid(child, 0)
    os.close(source)
    return b"".join(parts)


def remember(acknowledged: dict[str, dict[int, float]], data: bytes) -> None:
    """Adds whole events; a last one that was cut short was not acknowledged."""
    for kind, id, arm, utility in EVENT.iter_unpack(data[: len(data) // EVENT.size * EVENT.size]):
        acknowledged[kind.decode()][id] = arm if kind == b"d" else utility


def seen(path: Path, acknowledged: dict[str, dict[int, float]]) -> Seen:
    """Open the file as a user would, and compare."""
    began = time.perf_counter()
    engine = Engine.open(f"sqlite:///{path}", SPACE)
    seconds = time.perf_counter() - began
    made, heard = engine.store.decisions(), engine.store.outcomes()
    stored = {"d": (made.id, made.arm), "o": (heard.decision, heard.utility)}
    lost = twice = changed = 0
    for kind, (ids, values) in stored.items():
        found = dict(zip(ids.tolist(), values.tolist(), strict=True))
        lost += len(acknowledged[kind].keys() - found.keys())
        twice += len(ids) - len(found)
        changed += sum(found.get(id, value) != value for id, value in acknowledged[kind].items())
    unlearned = abs(len(heard.decision) - int(engine.beliefs()["n"].sum())) if len(made.id) else 0
    engine.close()
    count = sum(map(len, acknowledged.values()))
    return Seen(count, len(made.id) + len(heard.decision), lost, twice, changed, unlearned, sound(path), seconds)


def sound(path: Path) -> bool:
    database = sqlite3.connect(path)
    answer = database.execute("PRAGMA integrity_check").fetchall()
    database.close()
    return bool(answer == [("ok",)])


def campaign(folder: Path, kills: int) -> tuple[list[Seen], list[str], int]:
    """All kills: what was seen, why a store did not open, and how many died before their first acknowledgement."""
    random, found, refused, early = np.random.default_rng(SEED), [], [], 0
    for kill in range(kills):
        if kill % PER_FILE == 0:
            path, acknowledged = folder / f"{kill}.db", {"d": {}, "o": {}}
        data = killed(f"sqlite:///{path}", SEED + kill, random.uniform(0, LONGEST))
        early += not data
        remember(acknowledged, data)
        try:
            found.append(seen(path, acknowledged))
        except PoolwiseError as error:
            refused.append(f"kill {kill}: {error}")
    return found, refused, early


def figures(found: list[Seen], refused: list[str], early: int) -> list[Figure]:
    kills = len(found) + len(refused)
    last = found[PER_FILE - 1 :: PER_FILE]
    sums = {name: float(sum(getattr(one, name) for one in found)) for name in ("lost", "twice", "changed", "unlearned")}
    return [
        Figure("stores that opened after a kill", len(found), f"of {kills}", kills, True),
        Figure(
            "stores that SQLite's integrity check finds sound", sum(s.sound for s in found), f"of {kills}", kills, True
        ),
        Figure("acknowledged events lost", sums["lost"], "events", 0),
        Figure("events there twice", sums["twice"], "events", 0),
        Figure("acknowledged events with another arm or utility", sums["changed"], "events", 0),
        Figure("outcomes stored but not learned, or learned twice", sums["unlearned"], "events", 0),
        Figure("acknowledged events in all files", sum(one.acknowledged for one in last), "events"),
        Figure("stored without having been acknowledged", sum(one.stored - one.acknowledged for one in last), "events"),
        Figure("writers killed before their first acknowledgement", early, "writers"),
        Figure("time to open an engine after a kill, p50", 1e3 * float(np.median([s.seconds for s in found])), "ms"),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, refused, early = campaign(Path(folder), options.kills)
    case = {"kills": options.kills, "kills_per_file": PER_FILE, "longest_s": LONGEST, "batch": BATCH, "seed": SEED}
    shown = figures(found, refused, early)
    print("\n".join([table(shown), *refused]))
    opening = percentiles([one.seconds for one in found])
    result = {"case": case, "figures": rows(shown), "refused": refused, "open_s": opening}
    save(options.json, result)


if __name__ == "__main__":
    main()

"""What an operator does to a store, killed with SIGKILL at random moments: creation, imports, backups, retention.

    python -m benchmarks.robustness.crash_operations --json benchmarks/results/crash_operations.json

Every kill: a child repeats one operation and acknowledges each on a pipe, until it dies at a random time. Then
everything is opened as a user would. Creation: what was acknowledged opens with its own seed, and no draft is left.
Import: every acknowledged pack is there once, and an engine opens on the store. Backup: every acknowledged copy is
sound and holds the whole store, and no other file has a copy's name. Retention: every event is in the store or in the
archive, none is in neither, and the cursors go on.
"""

import os
import select
import shutil
import signal
import sqlite3
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise import ArmSpace, Engine, Family
from poolwise.errors import PoolwiseError
from poolwise.meta.packs import read, write
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import Checkpoint, open_store
from poolwise.store.file.copies import copy
from poolwise.store.retention import retain

SEED, LONGEST = 29, 0.6
SPACE = ArmSpace([Family(f"arm-{i}") for i in range(4)], "arm-0")
NUMBER = struct.Struct("<q")
EVENTS = 3_000


def filled(path: Path) -> None:
    """A store of events at times 0, 1, 2 .., every one with a view, all of them in a checkpoint."""
    with closing(open_store(f"sqlite:///{path}", seed=SEED)) as store:
        policy = store.add_policy("thompson", {})
        for when in range(EVENTS):
            arrays = {"mean": np.arange(4.0) + when}
            view = store.append_view(LoggedView(0, "p", f"c{when % 7}", policy, 0, when, ("f",), arrays))
            id = store.reserve(1)
            store.append_decision(Decision(id, "p", f"c{when % 7}", "f", {}, "f", 0.5, "explored", when, None, view))
            store.append_outcome(Outcome(id, "ok", 0.1, None, None, when + 0.5))
        store.save_checkpoint("statistics", Checkpoint(EVENTS, EVENTS, b""))


def create(folder: Path) -> Iterator[int]:
    for number in range(1_000_000):
        open_store(f"sqlite:///{folder / f'{number}.db'}", seed=number).close()
        yield number


def created(folder: Path, acknowledged: list[int]) -> list[str]:
    wrong = []
    for number in {*acknowledged, len(acknowledged)}:
        with closing(open_store(f"sqlite:///{folder / f'{number}.db'}", seed=number)) as store:
            wrong += [f"store {number} has seed {store.seed}"] * (store.seed != number)
    return wrong + [f"{path.name} is left" for path in folder.glob("*.new")]


def import_packs(folder: Path) -> Iterator[int]:
    with closing(Engine.open(f"sqlite:///{folder / 'a.db'}", SPACE, seed=SEED)) as engine:
        pack = read(folder / "pack.json")
        for number in range(1_000_000):
            engine.priors.adopt([pack])
            yield number


def imported(folder: Path, acknowledged: list[int]) -> list[str]:
    with closing(Engine.open(f"sqlite:///{folder / 'a.db'}", SPACE)) as engine:
        there = len(engine.store.records("prior"))
        engine.beliefs()
    late = there - len(acknowledged)
    return [f"{there} packs for {len(acknowledged)} acknowledged"] * (late not in (0, 1))


def back_up(folder: Path) -> Iterator[int]:
    for number in range(1_000_000):
        copy(folder / "a.db", folder / f"copy-{number}.db")
        yield number


def backed_up(folder: Path, acknowledged: list[int]) -> list[str]:
    wrong, there = [], {path.name for path in folder.glob("copy-*.db")}
    known = {f"copy-{number}.db" for number in {*acknowledged, len(acknowledged)}}
    wrong += [f"{name} was never begun" for name in there - known]
    wrong += [f"copy-{number}.db is missing" for number in acknowledged if f"copy-{number}.db" not in there]
    for name in there:
        with closing(open_store(f"sqlite:///{folder / name}")) as store:
            wrong += [f"{name} is not whole"] * ((store.made(), store.answered()) != (EVENTS, EVENTS))
    return wrong + [f"{folder / 'a.db'} is not sound"] * (not sound(folder / "a.db"))


def prune(folder: Path) -> Iterator[int]:
    for number, cut in enumerate(range(0, 10 * EVENTS, 150)):
        retain(folder / "a.db", folder / "archive", views=float(cut), events=float(cut) - 75)
        yield number


def pruned(folder: Path, acknowledged: list[int]) -> list[str]:
    kept: dict[str, set[int]] = {"decisions": set(), "outcomes": set(), "views": set()}
    for path in (folder / "archive").glob("*.parquet"):
        kind = path.name.split("-")[0]
        kept[kind] |= set(pq.read_table(path)["decision" if kind == "outcomes" else "id"].to_pylist())
    with closing(open_store(f"sqlite:///{folder / 'a.db'}")) as store:
        first, started = store.pruned()
        kept["decisions"] |= set(store.decisions().id.tolist())
        kept["outcomes"] |= set(store.outcomes().decision.tolist())
        ahead = len(store.outcomes(after=first).decision) + first
        cursors = (store.made(), store.answered(), ahead) == (EVENTS, EVENTS, EVENTS)
        store.decisions(after=started)
    with closing(sqlite3.connect(folder / "a.db")) as db:
        kept["views"] |= {id for (id,) in db.execute("SELECT id FROM view")}
    wrong = [f"{EVENTS - len(ids)} {kind} are nowhere" for kind, ids in kept.items() if len(ids) != EVENTS]
    return wrong + ["the cursors have changed"] * (not cursors) + ["damaged"] * (not sound(folder / "a.db"))


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        return bool(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def packed(folder: Path) -> None:
    """A store whose three projects make a pack, and the pack."""
    with closing(Engine.open(f"sqlite:///{folder / 'lender.db'}", SPACE, seed=SEED)) as engine:
        random = np.random.default_rng(SEED)
        for number in range(300):
            made = engine.decide(f"p{number % 4}", f"c{number % 3}")
            engine.observe(made.id, utility=float(random.normal()))
        write(folder / "pack.json", engine.priors.exported("four projects"))


OPERATIONS: dict[str, tuple[Callable, Callable, Callable]] = {
    "creation": (lambda folder: None, create, created),
    "import": (packed, import_packs, imported),
    "backup": (lambda folder: filled(folder / "a.db"), back_up, backed_up),
    "retention": (lambda folder: filled(folder / "a.db"), prune, pruned),
}


def killed(operation: Callable, folder: Path, after: float) -> list[int]:
    """What a new child acknowledged before it was killed."""
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        try:
            for number in operation(folder):
                os.write(sink, NUMBER.pack(number))
            signal.pause()
        finally:
            os._exit(1)
    os.close(sink)
    deadline, parts = time.monotonic() + after, []
    while (left := deadline - time.monotonic()) > 0:
        if select.select([source], [], [], left)[0]:
            parts.append(os.read(source, 1 << 16))
            if not parts[-1]:
                raise RuntimeError("the child ended by itself: run it alone to see why")
    os.kill(child, signal.SIGKILL)
    while part := os.read(source, 1 << 16):
        parts.append(part)
    os.waitpid(child, 0)
    os.close(source)
    data = b"".join(parts)
    return [number for (number,) in NUMBER.iter_unpack(data[: len(data) // NUMBER.size * NUMBER.size])]


def campaign(name: str, kills: int) -> dict[str, object]:
    """Kills of one operation, each on files of its own: what was acknowledged, what was wrong."""
    prepare, operation, check = OPERATIONS[name]
    random, acknowledged, early, wrong = np.random.default_rng(SEED), 0, 0, []
    with tempfile.TemporaryDirectory() as place:
        original = Path(place) / "original"
        original.mkdir()
        prepare(original)
        for kill in range(kills):
            folder = Path(place) / f"{kill}"
            shutil.copytree(original, folder)
            done = killed(operation, folder, random.uniform(0, LONGEST))
            acknowledged, early = acknowledged + len(done), early + (not done)
            try:
                wrong += [f"kill {kill}: {what}" for what in check(folder, done)]
            except PoolwiseError as error:
                wrong.append(f"kill {kill}: {error}")
            shutil.rmtree(folder)
    return {"kills": kills, "acknowledged": acknowledged, "early": early, "wrong": wrong}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=100, help="Of every operation.")
    parser.add_argument("--only", choices=list(OPERATIONS))
    options = parser.parse_args()
    names = [options.only] if options.only else list(OPERATIONS)
    found = {name: campaign(name, options.kills) for name in names}
    shown = []
    for name, one in found.items():
        bad = len({what.partition(":")[0] for what in one["wrong"]})
        shown.append(
            Figure(f"{name}: kills after which all was right", options.kills - bad, "kills", options.kills, True)
        )
        shown.append(Figure(f"{name}: acknowledged", one["acknowledged"], "times"))
        shown.append(Figure(f"{name}: killed before the first acknowledgement", one["early"], "kills"))
    case = {"kills_of_each": options.kills, "longest_s": LONGEST, "events": EVENTS, "seed": SEED}
    print("\n".join([table(shown), *(what for one in found.values() for what in one["wrong"])]))
    save(options.json, {"case": case, "figures": rows(shown), "found": found})


if __name__ == "__main__":
    main()

"""What is done to a store while it is killed (`crash.py`), and what must be right afterwards.

An act repeats one thing on the store `a.db` of a folder and yields what each call has returned. Its check opens the
folder as a user would, and names whatever is wrong after the acknowledged calls and, perhaps, one more.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from poolwise import ArmSpace, Engine, Family, Settings
from poolwise.engine.estimation.prior_packs import RECORD
from poolwise.engine.safeguards.damaged_records import pack_of
from poolwise.engine.state import checkpoint
from poolwise.meta.packs import read, write
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import Checkpoint, open_store
from poolwise.store.base import GONE, Store
from poolwise.store.retention import retain
from poolwise.store.sqlite.copies import copy

SEED = 29
SPACE = ArmSpace([Family(f"arm-{i}") for i in range(4)], "arm-0")
BESIDE = Settings(outliers=None, project_trust=1.0, reestimate_every=((10**6, 40),))
"""Of what outcomes tell the order does not matter then: a belief can be compared with that of the events."""
INLINE = BESIDE._replace(estimate="inline")
PROJECTS, PACKS, OUTCOMES, EVENTS, BATCH = 8, 4, 96, 1_500, 200


class Operation(NamedTuple):
    """One way of using a store."""

    prepare: Callable[[Path], Any]
    act: Callable[[Path, np.random.Generator], Iterator[Any]]
    check: Callable[[Path, list[Any]], Iterator[str]]
    longest: float
    """Seconds of its own work within which it is killed, uniformly."""
    kills: int
    """Of 1,000."""
    together: int = 1
    """Kills of one store, one after the other."""


def opened(folder: Path, settings: Settings = BESIDE, name: str = "a.db") -> Engine:
    return Engine.open(f"sqlite:///{folder / name}", SPACE, seed=SEED, settings=settings)


def nothing(folder: Path) -> None:
    """A folder without a store."""


def alone(folder: Path) -> None:
    """A store of projects."""
    random, sizes = np.random.default_rng(SEED), (("project", PROJECTS), ("task", 3))
    with opened(folder, INLINE) as engine:
        made = engine.decide_many(*[[f"{kind} number {k % size}" for k in range(OUTCOMES)] for kind, size in sizes])
        engine.observe_many(made.id, utility=random.normal(0.1 * made.arm, 0.3))


def drawn(folder: Path) -> None:
    """A store after one refit by `nuts`, whose compiled parts JAX then keeps for every process that is killed."""
    alone(folder)
    next(NUTS(folder, np.random.default_rng(SEED)))


def lived(folder: Path) -> None:
    """A store of projects and packs, a pack beside it, and what it was before anything happens to it."""
    alone(folder)
    with opened(folder, INLINE) as engine:
        pack = engine.priors.exported("pack number 0", minimum=1)
        engine.priors.adopt([pack._replace(name=f"pack number {k}") for k in range(PACKS)])
        write(folder / "pack.json", pack)
    shutil.copy(folder / "a.db", folder / "before.db")


def filled(folder: Path) -> None:
    """A store of events at times 0, 1, 2 .., every one with a view, all of them in a checkpoint."""
    with closing(open_store(f"sqlite:///{folder / 'a.db'}", seed=SEED)) as store:
        policy = store.add_policy("thompson", {})
        for when in range(EVENTS):
            arrays = {"mean": np.arange(4.0) + when}
            view = store.append_view(LoggedView(0, "p", f"c{when % 7}", policy, 0, when, ("f",), arrays))
            id = store.reserve(1)
            store.append_decision(Decision(id, "p", f"c{when % 7}", "f", {}, "f", 0.5, "explored", when, None, view))
            store.append_outcome(Outcome(id, "ok", 0.1, None, None, when + 0.5))
        store.save_checkpoint("statistics", Checkpoint(EVENTS, EVENTS, b""))


def pairs(folder: Path, random: np.random.Generator) -> Iterator[Any]:
    """Decide and observe, one by one and many; every twentieth outcome never comes, and checkpoints do."""
    checkpoint.EVERY = 100
    with opened(folder) as engine:
        while True:
            if many := random.random() < 0.02:
                made = engine.decide_many("project-0", [f"context-{i}" for i in random.integers(0, 5, BATCH)])
                yield (found := [["d", id, arm] for id, arm in zip(made.id.tolist(), made.arm.tolist(), strict=True)])
            else:
                one = engine.decide(f"project-{random.integers(3)}", f"context-{random.integers(5)}")
                yield (found := [["d", one.id, SPACE.arms.index(SPACE.arm(one.arm))]])
            told = [["o", id, float(random.normal())] for _, id, _ in found]
            if many:
                engine.observe_many(made.id, utility=[utility for *_, utility in told])
            elif random.random() < 0.95:
                engine.observe(one.id, utility=told[0][2])
            else:
                continue
            yield told


def paired(folder: Path, told: list[Any]) -> Iterator[str]:
    if not (folder / "a.db").exists():
        yield from ["the store is not there"] * bool(told)
        return
    with opened(folder, INLINE) as engine:
        made, heard = engine.store.decisions(), engine.store.outcomes()
        learned = int(engine.beliefs()["n"].sum()) if len(made.id) else 0
    columns = {"d": (made.id, made.arm), "o": (heard.decision, heard.utility)}
    found = {kind: dict(zip(*(column.tolist() for column in two), strict=True)) for kind, two in columns.items()}
    for kind, id, value in (event for events in told for event in events):
        if found[kind].get(id) != value:
            yield f"{kind} {id} is {found[kind].get(id)}, acknowledged was {value}"
    if any(len(ids) != len(found[kind]) for kind, (ids, _) in columns.items()):
        yield "an event is there twice"
    if learned != len(heard.decision):
        yield f"{learned} outcomes are learned of {len(heard.decision)}"
    yield from other_belief(folder)


def other_belief(folder: Path) -> Iterator[str]:
    """Whether the belief is not that of all events, folded again."""
    shutil.copy(folder / "a.db", folder / "again.db")
    with closing(sqlite3.connect(folder / "again.db")) as db, db:
        db.execute("DELETE FROM checkpoint")
    found = []
    for name in ("a.db", "again.db"):
        with opened(folder, INLINE, name) as engine:
            found.append(engine.beliefs())
    (folder / "again.db").unlink()
    if len(found[0]) and not np.allclose(*(table[["mean", "sd", "n"]] for table in found), rtol=0, atol=1e-6):
        yield "the belief is not that of the events"


def refit(method: str, **options: Any) -> Callable[[Path, np.random.Generator], Iterator[Any]]:
    def act(folder: Path, random: np.random.Generator) -> Iterator[Any]:
        with opened(folder) as engine:
            while True:
                place = {"folder": folder / "unfinished"} if options else {}
                yield engine.refit(method, seed=int(random.integers(2**31)), **options, **place).id

    return act


NUTS = refit("nuts", chains=1, warmup=8, draws=8)


def refitted(folder: Path, told: list[Any]) -> Iterator[str]:
    with opened(folder, INLINE) as engine:
        there = [snapshot.id for snapshot in engine.store.snapshots()]
        serving = [0, *(one.id for one in engine.store.snapshots() if one.status == "serving")]
        if engine.status()["snapshot"] != serving[-1]:
            yield "another snapshot serves than the last"
        if len(engine.store.outcomes().decision) != OUTCOMES or engine.status()["learned"] != OUTCOMES:
            yield "not every outcome is learned"
    yield from [f"snapshot {id} is not there" for id in told if id not in there]
    yield from other_belief(folder)


def create(folder: Path, random: np.random.Generator) -> Iterator[Any]:
    for number in range(1_000_000):
        open_store(f"sqlite:///{folder / f'{number}.db'}", seed=number).close()
        yield number


def created(folder: Path, told: list[Any]) -> Iterator[str]:
    for number in {*told, len(told)}:
        with closing(open_store(f"sqlite:///{folder / f'{number}.db'}", seed=number)) as store:
            if store.seed != number:
                yield f"store {number} has seed {store.seed}"
    yield from [f"{path.name} is left" for path in folder.glob("*.new")]


def import_packs(folder: Path, random: np.random.Generator) -> Iterator[Any]:
    pack = read(folder / "pack.json")
    with opened(folder, INLINE) as engine:
        while True:
            engine.priors.adopt([pack])
            yield 1


def imported(folder: Path, told: list[Any]) -> Iterator[str]:
    with opened(folder, INLINE) as engine:
        there = len(engine.store.records(RECORD)) - PACKS
    if there - len(told) not in (0, 1):
        yield f"{there} packs for {len(told)} acknowledged"
    yield from other_belief(folder)


def back_up(folder: Path, random: np.random.Generator) -> Iterator[Any]:
    for number in range(1_000_000):
        copy(folder / "a.db", folder / f"copy-{number}.db")
        yield number


def backed_up(folder: Path, told: list[Any]) -> Iterator[str]:
    there = {path.name for path in folder.glob("copy-*.db")}
    known = {f"copy-{number}.db" for number in {*told, len(told)}}
    yield from [f"{name} was never begun" for name in there - known]
    yield from [f"copy-{number}.db is missing" for number in told if f"copy-{number}.db" not in there]
    for name in there:
        with closing(open_store(f"sqlite:///{folder / name}")) as store:
            if (store.made(), store.answered()) != (OUTCOMES, OUTCOMES):
                yield f"{name} is not whole"


def prune(folder: Path, random: np.random.Generator) -> Iterator[Any]:
    for cut in range(0, 100 * EVENTS, 75):
        retain(f"sqlite:///{folder / 'a.db'}", folder / "archive", views=float(cut), events=float(cut) - 75)
        yield cut


def pruned(folder: Path, told: list[Any]) -> Iterator[str]:
    kept: dict[str, set[int]] = {"decisions": set(), "outcomes": set(), "views": set()}
    for path in (folder / "archive").glob("*.parquet"):
        kind = path.name.split("-")[0]
        kept[kind] |= set(pq.read_table(path)["decision" if kind == "outcomes" else "id"].to_pylist())
    with closing(open_store(f"sqlite:///{folder / 'a.db'}")) as store:
        first, started = store.pruned()
        kept["decisions"] |= set(store.decisions().id.tolist())
        kept["outcomes"] |= set(store.outcomes().decision.tolist())
        ahead = len(store.outcomes(after=first).decision) + first
        if (store.made(), store.answered(), ahead) != (EVENTS, EVENTS, EVENTS):
            yield "the cursors have changed"
        store.decisions(after=started)
    with closing(sqlite3.connect(folder / "a.db")) as db:
        kept["views"] |= {id for (id,) in db.execute("SELECT id FROM view")}
    yield from [f"{EVENTS - len(ids)} {kind} are nowhere" for kind, ids in kept.items() if len(ids) != EVENTS]


Step = tuple[str, Any]
FORGET: list[Step] = [("project", f"project number {k}") for k in range(PROJECTS)]
WITHDRAW: list[Step] = [
    step for k in range(PACKS) for step in (("decisions", (20 * k + 1, 20 * k + 15)), ("pack", f"pack number {k}"))
]


def forget(folder: Path, random: np.random.Generator) -> Iterator[Any]:
    with opened(folder, INLINE) as engine:
        for _, name in FORGET:
            engine.forget(name)
            yield name


def withdraw(folder: Path, random: np.random.Generator) -> Iterator[Any]:
    with opened(folder, INLINE) as engine:
        for kind, what in WITHDRAW:
            engine.withdraw(**{kind: what})
            yield [kind, what]


def undone(steps: list[Step]) -> Callable[[Path, list[Any]], Iterator[str]]:
    """Exactly the acknowledged steps, or one more, have taken their events away, and nothing of a name is left."""

    def check(folder: Path, told: list[Any]) -> Iterator[str]:
        left = b"".join(path.read_bytes() for path in folder.glob("a.db*"))
        yield from [f"{what} is in the file" for what in told if isinstance(what, str) and what.encode() in left]
        with closing(open_store(f"sqlite:///{folder / 'before.db'}")) as store:
            states = [state := kept(store), *(state := without(state, step) for step in steps)]
        with opened(folder, INLINE) as engine:
            if kept(engine.store) not in states[len(told) : len(told) + 2]:
                yield f"after {len(told)} steps something else is there"
            if engine.status()["learned"] != len(engine.store.outcomes().decision):
                yield "what is there is not what is learned"
        yield from other_belief(folder)

    return check


State = tuple[dict[int, str], set[str], set[str]]


def kept(store: Store) -> State:
    """Project of every decision whose outcome counts, names of projects, names of packs."""
    names, heard = store.names("project"), store.outcomes()
    projects = dict(zip(heard.decision.tolist(), [names[code] for code in heard.project.tolist()], strict=True))
    packs = {pack.name for body in store.records(RECORD) if (pack := pack_of(body)) is not None}
    return projects, {name for name in names if not name.startswith(GONE)}, packs


def without(state: State, step: Step) -> State:
    (projects, names, packs), (kind, what) = state, step
    if kind == "pack":
        return projects, names, packs - {what}
    if kind == "project":
        return {id: name for id, name in projects.items() if name != what}, names - {what}, packs
    return {id: name for id, name in projects.items() if not what[0] <= id <= what[1]}, names, packs


OPERATIONS = {
    "decide and observe": Operation(nothing, pairs, paired, 0.4, 290, 10),
    "refit fast": Operation(alone, refit("fast"), refitted, 0.5, 120),
    "refit nuts": Operation(drawn, NUTS, refitted, 6.0, 30),
    "import": Operation(lived, import_packs, imported, 0.6, 100),
    "backup": Operation(alone, back_up, backed_up, 0.15, 100),
    "retention": Operation(filled, prune, pruned, 0.5, 100),
    "creation": Operation(nothing, create, created, 0.2, 100),
    "forget": Operation(lived, forget, undone(FORGET), 1.2, 80),
    "withdraw": Operation(lived, withdraw, undone(WITHDRAW), 1.2, 80),
}

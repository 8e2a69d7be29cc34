"""Store files with damaged pages, cut short, or beside a log that is not theirs: opened, asked, written to."""

import contextlib
import sqlite3
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.robustness.inputs.room import INLINE, SPACE, Call, Room, told
from poolwise import Engine
from poolwise.store.retention import retain


class Files(NamedTuple):
    """What lies at a store's path, and beside it."""

    body: bytes
    log: bytes
    """The write-ahead log of the last transactions; empty where all is in the body."""


def databases(random: Random) -> Room:
    def draw(random: Random) -> Call:
        files = _files(random.random() < 0.5, random.random() < 0.3)
        body, log = bytearray(files.body), bytearray(files.log)
        where = random.choice(["body", "body", "log"] if log else ["body"] * 4 + ["beside"])
        beside = {"-wal": log}
        if where == "beside":
            beside = {random.choice(["-wal", "-shm", "-journal"]): _rubbish(random)}
        else:
            _damage(body if where == "body" else log, random)
        target = Path(f"d{random.randrange(10**9)}.db")
        return lambda: _used(target, body, beside), told("damaged", where, len(body), [*beside])

    return Room(draw)


def _damage(body: bytearray, random: Random) -> None:
    for _ in range(random.choice([1, 1, 3, 30])):
        start, length = random.randrange(len(body)), random.choice([1, 4, 64, 4096])
        piece = random.choice([bytes(length), random.randbytes(length)])
        body[start : start + length] = piece[: len(body) - start]
    if random.random() < 0.1:
        del body[random.randrange(len(body)) :]


def _rubbish(random: Random) -> bytes:
    """Bytes of any kind, or the log of another store."""
    other = _files(False, True).log
    return random.choice([b"", b"\x00" * 40, random.randbytes(5000), other, other[: random.randrange(len(other))]])


def _used(target: Path, body: bytes, beside: dict[str, bytes]) -> None:
    target.write_bytes(body)
    for end, content in beside.items():
        if content:
            Path(f"{target}{end}").write_bytes(content)
    try:
        with contextlib.closing(Engine.open(f"sqlite:///{target}", SPACE, settings=INLINE)) as engine:
            made = engine.decide("p0", "c")
            engine.observe(made.id, utility=0.1)
            engine.status(), engine.beliefs(), engine.overview(), engine.explain(made.id, replay=True)
            engine.refresh()
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{target}{end}").unlink(missing_ok=True)


@cache
def _files(rich: bool, logged: bool) -> Files:
    """A young store, or one with records of every kind, packs, a checkpoint, prunings."""
    path = Path(f"whole{rich}{logged}.db")
    with contextlib.closing(Engine.open(f"sqlite:///{path}", SPACE, seed=3, settings=INLINE)) as engine:
        _lived(engine, rich)
        if logged:
            return Files(path.read_bytes(), Path(f"{path}-wal").read_bytes())
    if rich:
        retain(f"sqlite:///{path}", Path("archive"), events=2.0**40)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Files(path.read_bytes(), b"")


def _lived(engine: Any, rich: bool) -> None:
    for k in range(12):
        engine.observe(engine.decide(f"p{k % 3}", "c").id, utility=0.1)
    if rich:
        pack = engine.priors.exported("usual", minimum=1)
        engine.priors.adopt([pack, pack._replace(name="other")])
        engine.priors.exported_privately("private", minimum=1, seed=1)
        engine.control("ban", "slow")
        engine.withdraw(pack="other")  # which leaves a checkpoint

"""The command line in this process, in a folder with a store that has been lived with and files of every wrong kind."""

import contextlib
import io
import json
import sqlite3
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import typer.main

from benchmarks.robustness.inputs.configurations import TOML
from benchmarks.robustness.inputs.room import Call, Room, told
from benchmarks.robustness.inputs.tables import LOG, ROWS
from benchmarks.robustness.inputs.values import text
from poolwise import Engine, config
from poolwise.cli.app import app, main
from poolwise.errors import PoolwiseError
from poolwise.meta import packs

_COMMON = ["--config", "--store", "--json", "--nonsense"]
_WORDS = ["1", "3", "13", "fast", "default", "p", "c", "0.5", "-1", "list", "ban", "pin", "30d", "1,3", "nan", "failed"]
_NUMBERS = [str(10**25), "-3", str(2**63), "inf", "1e400", "0"]
_FILES = ["s.db", "sqlite:///s.db", "poolwise.toml", "folder", "empty", "bytes", "foreign.db", "sqlite:///foreign.db"]
_FILES += ["rows.csv", "rows.parquet", "log.csv", "log.parquet", "pack.json", "list.json", "no/where", "out", "x.csv"]
_FILES += ["sqlite:///folder", "sqlite:///empty", "sqlite:///bytes", "/proc/version", "/dev/null", "link"]


def commands(random: Random) -> Room:
    """The files are made once in each process, and copied."""
    for name, body in _files().items():
        Path(name).write_bytes(body)
    Path("folder").mkdir()
    Path("link").symlink_to("nowhere")
    flags = _flags()

    def draw(random: Random) -> Call:
        name = random.choice([*flags])
        words = name.split()
        for _ in range(random.randrange(4)):
            words.append(random.choice([*flags[name], *flags[name], *_COMMON]))
            if random.random() < 0.8:
                words.append(_word(random))
        words += [_word(random) for _ in range(random.randrange(3))]
        if name in ("learn", "run"):
            words += ["--seeds" if name == "learn" else "--decisions", "0"]  # which is refused: neither is to be begun
        return lambda: _called(words), told("poolwise", *words)

    return Room(draw, _rows)


@cache
def _files() -> dict[str, bytes]:
    """By name; made in this folder, which is left empty."""
    space = config.parse(TOML).space
    assert space is not None
    with contextlib.closing(Engine.open("sqlite:///s.db", space.build(), seed=3)) as engine:
        for k in range(12):
            engine.observe(engine.decide("pq"[k % 2], "c").id, utility=0.1 * (k % 3))
        packs.write("pack.json", engine.priors.exported("usual", minimum=1))
    with contextlib.closing(sqlite3.connect("foreign.db")) as db:
        db.execute("CREATE TABLE theirs (x)")
    for name, frame in (("rows", ROWS), ("log", LOG)):
        frame.to_csv(f"{name}.csv", index=False), frame.to_parquet(f"{name}.parquet")
    found = {path.name: path.read_bytes() for path in Path().iterdir()}
    for name in found:
        Path(name).unlink()
    usual = {"poolwise.toml": TOML.encode(), "empty": b"", "bytes": bytes(range(256)) * 20}
    return found | usual | {"list.json": json.dumps([1, {"a": None}]).encode()}


def _word(random: Random) -> str:
    return random.choice([random.choice(_WORDS), random.choice(_FILES), text(random), random.choice(_NUMBERS)])


@cache
def _flags() -> dict[str, list[str]]:
    """Every command with its options."""
    group = typer.main.get_command(app)
    found: dict[str, list[str]] = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        for words, one in (
            {f"{name} {key}": value for key, value in inner.items()}.items() if inner else [(name, command)]
        ):
            found[words] = [flag for parameter in one.params for flag in parameter.opts if flag.startswith("--")]
    return found


class _Refused(PoolwiseError):
    """A command that ended with 2."""


def _called(words: list[str]) -> None:
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        status = main(words)
    said = errors.getvalue()
    if status not in (0, 1, 2) or "Traceback" in said or (status == 2 and said.count("\n") != 1):
        raise RuntimeError(f"status {status}: {said}")
    if "\x1b[31" in out.getvalue() + said or "\x00" in out.getvalue() + said:
        raise RuntimeError("an escape sequence reached the terminal")
    if status == 2:
        raise _Refused(said.strip() or "nothing said")


def _rows() -> Any:
    """Numbers of rows of the store but for what opening it writes, and the bytes of the file that is not ours."""
    skip = {"counter", "checkpoint", "sqlite_sequence"}
    with contextlib.closing(sqlite3.connect("s.db")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        counts = {name: _count(db, name) for name in tables if name not in skip}
    return counts, Path("foreign.db").read_bytes() if Path("foreign.db").exists() else None


def _count(db: sqlite3.Connection, table: str) -> int:
    where = " WHERE kind NOT IN ('problem', 'snapshot', 'home')" if table == "record" else ""
    found: int = db.execute(f"SELECT count(*) FROM {table}{where}").fetchone()[0]
    return found

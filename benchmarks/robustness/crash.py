"""Whoever uses a store, killed with SIGKILL at random moments: nothing acknowledged is lost, doubled or half done.

    python -m benchmarks.robustness.crash --json benchmarks/results/crash.json

Every kill: a process, forked from one that has the modules loaded and nothing running, opens the store, repeats one
operation (`crash_operations.py`) and acknowledges on a pipe what each call has returned. After a random time of the
processor's, so that a busy machine gives the same spread, it is killed, be it while it opens, migrates, writes or
computes. Another process then opens everything as a user would: every acknowledged event, pack, copy, snapshot,
deletion is there exactly once; what was under way may be there whole, without having been acknowledged; the belief is
that of all events, folded again; SQLite finds every page sound.
"""

import json
import multiprocessing
import os
import select
import shutil
import signal
import sqlite3
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import numpyro.infer  # noqa: F401  Once, and not in every process that is killed.

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.robustness.crash_operations import OPERATIONS, Operation
from poolwise.refit.methods import nuts  # noqa: F401

SEED, PATIENCE, _LOOK = 23, 300.0, 0.001


class Seen(NamedTuple):
    """Kills of one operation on one folder."""

    acknowledged: int
    before_store: int
    """Kills at which there was no store yet."""
    early: int
    """Kills before the first acknowledgement of their process."""
    wrong: list[str]
    seconds: float


def forked(work: Callable[[], Iterator[Any]], seconds: float) -> tuple[list[Any], bool]:
    """What a child of its own yields until it ends, or is killed after so many seconds of work, or `PATIENCE` seconds;
    whether it was killed."""
    source, sink = os.pipe()
    child = os.fork()
    if not child:
        try:
            for told in work():
                _write(sink, json.dumps(told).encode() + b"\n")
        except BaseException:
            _write(sink, json.dumps({"error": traceback.format_exc()}).encode() + b"\n")
        finally:
            os._exit(0)
    os.close(sink)
    deadline, parts, ended = time.monotonic() + PATIENCE, [b""], False
    while not ended and time.clock_gettime(_clock(child)) < seconds and time.monotonic() < deadline:
        if select.select([source], [], [], _LOOK)[0]:
            parts.append(os.read(source, 1 << 16))
            ended = not parts[-1]
    os.kill(child, signal.SIGKILL)
    while part := os.read(source, 1 << 16):
        parts.append(part)
    os.waitpid(child, 0)
    os.close(source)
    lines = b"".join(parts).split(b"\n")[:-1]  # A line that was cut short was not acknowledged.
    return [json.loads(line) for line in lines], not ended


def _clock(process: int) -> int:
    """Linux's clock of the time that a process and its threads have worked, see `clock_getcpuclockid`."""
    return (~process << 3) | 2


def _write(sink: int, line: bytes) -> None:
    while line:
        line = line[os.write(sink, line) :]


def errors(told: list[Any]) -> list[str]:
    return [one["error"] for one in told if isinstance(one, dict) and "error" in one]


def damaged(folder: Path) -> Iterator[str]:
    for path in folder.glob("*.db"):
        with closing(sqlite3.connect(path)) as database:
            if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                yield f"{path.name} is not sound"


def checked(operation: Operation, folder: Path, told: list[Any]) -> Iterator[str]:
    yield from operation.check(folder, told)
    yield from damaged(folder)


def kills(template: Path, name: str, first: int) -> Seen:
    """Those of one folder, one after the other."""
    operation, began = OPERATIONS[name], time.perf_counter()
    told: list[Any] = []
    found = Seen(0, 0, 0, [], 0.0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(template / name, Path(place) / "folder"))
        for kill in range(first, first + operation.together):
            random = np.random.default_rng([SEED, list(OPERATIONS).index(name), kill])
            done, killed = forked(partial(operation.act, folder, random), random.uniform(0, operation.longest))
            wrong = errors(done) or ["it ended by itself"] * (not killed and name not in ("forget", "withdraw"))
            told += done
            absent = not [*folder.glob("*.db")]
            if not wrong:
                seen, late = forked(partial(checked, operation, folder, told), PATIENCE)
                wrong = errors(seen) or seen + ["the check did not end"] * late
            found = Seen(
                found.acknowledged + len(done),
                found.before_store + absent,
                found.early + (not done),
                found.wrong + [f"kill {kill}: {what}" for what in wrong],
                time.perf_counter() - began,
            )
    return found


def campaign(names: list[str], share: float, processes: int) -> dict[str, list[Seen]]:
    """All kills of these operations, in random order of folders, several at a time."""
    with tempfile.TemporaryDirectory() as place:
        template = Path(place)
        jax.config.update("jax_compilation_cache_dir", f"{template}/compiled")
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        for name in names:
            (template / name).mkdir()
            told, late = forked(lambda name=name: _prepared(name, template / name), PATIENCE)
            if late or errors(told):
                raise RuntimeError(f"{name} cannot be prepared: {errors(told)}")
        tasks = [
            (template, name, first)
            for name in names
            for first in range(0, max(round(OPERATIONS[name].kills * share), 1), OPERATIONS[name].together)
        ]
        tasks = [tasks[k] for k in np.random.default_rng(SEED).permutation(len(tasks))]
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            found = pool.starmap(kills, tasks, chunksize=1)
    return {name: [one for (_, of, _), one in zip(tasks, found, strict=True) if of == name] for name in names}


def _prepared(name: str, folder: Path) -> Iterator[Any]:
    OPERATIONS[name].prepare(folder)
    yield name


def summed(name: str, parts: list[Seen]) -> dict[str, Any]:
    wrong = [f"{name}, {what}" for one in parts for what in one.wrong]
    return {
        "kills": len(parts) * OPERATIONS[name].together,
        "all right": len(parts) * OPERATIONS[name].together - len({what.partition(":")[0] for what in wrong}),
        **{field: sum(getattr(one, field) for one in parts) for field in ("acknowledged", "before_store", "early")},
        "wrong": wrong,
        "seconds": sum(one.seconds for one in parts),
    }


def figures(found: dict[str, dict[str, Any]]) -> list[Figure]:
    every = {
        field: sum(one[field] for one in found.values()) for field in ("kills", "all right", "before_store", "early")
    }
    return [
        Figure("kills after which all was right", every["all right"], "kills", every["kills"], True),
        Figure("killed before the store existed", every["before_store"], "kills"),
        Figure("killed before their first acknowledgement", every["early"], "kills"),
        *(
            Figure(f"{name}: kills after which all was right", one["all right"], "kills", one["kills"], True)
            for name, one in found.items()
        ),
        *(Figure(f"{name}: calls acknowledged", one["acknowledged"], "calls") for name, one in found.items()),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--kills", type=int, default=1_000, help="Of all operations, in their shares.")
    parser.add_argument("--only", choices=list(OPERATIONS))
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    began = time.perf_counter()
    names = [options.only] if options.only else list(OPERATIONS)
    share = options.kills / sum(one.kills for one in OPERATIONS.values())
    found = {name: summed(name, parts) for name, parts in campaign(names, share, options.processes).items()}
    shown = figures(found)
    print("\n".join([table(shown), *(what for one in found.values() for what in one["wrong"])]))
    case = {"longest_processor_s": {name: one.longest for name, one in OPERATIONS.items()}, "seed": SEED}
    seconds = time.perf_counter() - began
    save(options.json, {"case": case, "seconds": seconds, "figures": rows(shown), "found": found})


if __name__ == "__main__":
    main()

"""Generated bad input through every door: only Poolwise's own errors come out, and a refused call changes nothing.

    python -m benchmarks.robustness.bad_input --count 100000 --json benchmarks/results/bad_input.json

Rooms: the Python interface, the command line (in this process), configurations, tables, prior packs with their checksum
made anew, store files with damaged pages, functions without an engine, and pages and files with hostile names. Each
room draws calls from its own seed; a call is right, or wrong in one place, or nonsense.
What is counted: exceptions that are none of `poolwise.errors`, exit statuses that are neither 0, 1 nor 2, and
differences in what is stored and believed after a call that was refused.
"""

import multiprocessing
import os
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.robustness import bad_functions, bad_rooms
from poolwise.errors import PoolwiseError

SEED = 14
ROOMS: dict[str, Callable[[Random], bad_rooms.Room]] = {
    "api": bad_rooms.api,
    "commands": bad_rooms.commands,
    "configurations": bad_rooms.configurations,
    "tables": bad_rooms.tables,
    "prior_packs": bad_rooms.prior_packs,
    "databases": bad_rooms.databases,
    "functions": bad_functions.functions,
    "pages": bad_functions.pages,
}
SHARES = {
    "api": 0.4,
    "commands": 0.01,
    "configurations": 0.4,
    "tables": 0.12,
    "prior_packs": 0.03,
    "databases": 0.005,
    "functions": 0.034,
    "pages": 0.001,
}
"""Of all inputs; a command or a store takes ten times as long as a call, a page a hundred times."""
PIECE = 2_000
"""Inputs at most that a process takes at once, with a seed of their own."""
KEPT = 40
"""Faults that are written down, with their input."""


class Tally(NamedTuple):
    """What came of the inputs of one room."""

    inputs: int
    refused: int
    foreign: list[str]
    """Exceptions that are none of ours, a line each."""
    changed: list[str]
    """Refused calls after which something was different."""
    kinds: dict[str, int]
    """Refusals by type."""
    seconds: float


def tried(room: Callable[[Random], bad_rooms.Room], count: int, seed: int) -> Tally:
    """So many inputs of a room. A room is made anew after a fault, and now and then."""
    random, began = Random(seed), time.perf_counter()
    foreign, changed, kinds = [], [], Counter[str]()
    opened, before = None, None
    for number in range(count):
        if opened is None or number % opened.lasts == 0:
            opened, before = room(random), None
        call, told = opened.draw(random)
        before = opened.state() if before is None else before
        try:
            call()
            before = None
        except PoolwiseError as error:
            kinds[type(error).__name__] += 1
            if "\n" in str(error) or not str(error):
                foreign.append(f"{told}: the message is no line: {str(error)[:200]!r}")
            after = opened.state()
            if after != before:
                changed.append(f"{told}: {error}")
                opened = None
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            name = f"{type(error).__name__}: {str(error)[:160]!r} at {Path(where.filename).name}:{where.lineno}"
            foreign.append(f"{told}: {name}")
            opened = None
    return Tally(count, sum(kinds.values()), foreign, changed, dict(kinds), time.perf_counter() - began)


def piece(name: str, count: int, seed: int) -> Tally:
    """Some of a room's inputs, in a folder of their own."""
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        os.chdir(folder)
        try:
            return tried(ROOMS[name], count, seed)
        finally:
            os.chdir(home)


def measured(shares: dict[str, float], count: int, seed: int, processes: int) -> dict[str, Tally]:
    """All rooms, the slow ones first, so that no process is left with one."""
    wanted = {name: max(int(count * share), 1) for name, share in shares.items()}
    cut = {name: min(PIECE, max(number // 8, 1)) for name, number in wanted.items()}
    tasks = [
        (name, min(cut[name], wanted[name] - first), seed + 1_000 * place + first // cut[name])
        for place, name in enumerate(wanted)
        for first in range(0, wanted[name], cut[name])
    ]
    tasks.sort(key=lambda task: task[0] not in ("pages", "databases", "commands", "functions"))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        found = pool.starmap(piece, tasks, chunksize=1)
    return {name: summed([one for task, one in zip(tasks, found, strict=True) if task[0] == name]) for name in wanted}


def summed(parts: list[Tally]) -> Tally:
    kinds = sum((Counter(one.kinds) for one in parts), Counter[str]())
    every = Tally(*(sum(column[1:], column[0]) for column in zip(*(one[:4] for one in parts), strict=True)), {}, 0.0)
    return every._replace(kinds=dict(kinds), seconds=sum(one.seconds for one in parts))


def figures(found: dict[str, Tally]) -> list[Figure]:
    """What the figures of the issue ask."""
    tallies = found.values()
    return [
        Figure("inputs", sum(one.inputs for one in tallies), "", None),
        Figure("refused", sum(one.refused for one in tallies), "", None),
        Figure("exceptions that are none of Poolwise's", sum(len(one.foreign) for one in tallies), "", 0),
        Figure("refused calls that changed something", sum(len(one.changed) for one in tallies), "", 0),
    ]


def distinct(faults: list[str]) -> list[str]:
    """The first of every place."""
    return list({fault.rpartition(" at ")[2]: fault for fault in reversed(faults)}.values())


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--room", choices=list(SHARES))
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    shares = {given.room: 1.0} if given.room else SHARES
    began = time.perf_counter()
    found = measured(shares, given.count, given.seed, given.processes)
    print(table(figures(found)))
    for name, one in found.items():
        print(f"{name}: {one.inputs} inputs, {one.refused} refused, {one.seconds:.0f} s {dict(one.kinds)}")
        for fault in [*distinct(one.foreign)[:KEPT], *(f"CHANGED {line}" for line in one.changed[:KEPT])]:
            print(f"  {fault.encode('unicode_escape').decode()[:400]}")
    body: dict[str, Any] = {
        "seed": given.seed,
        "shares": shares,
        "seconds": time.perf_counter() - began,
        "figures": rows(figures(found)),
        "rooms": {name: one._asdict() for name, one in found.items()},
    }
    save(given.json, body)


if __name__ == "__main__":
    main()

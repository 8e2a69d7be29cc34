"""Generated bad input through every door: only Poolwise's own errors come out, and a refused call changes nothing.

    python -m benchmarks.robustness.bad_input --count 100000 --json benchmarks/results/bad_input.json
    python -m benchmarks.robustness.bad_input --room tables --number 1234      # one input again, and what comes of it

Rooms: calls of an engine, making things, functions without an engine, the command line (in this process),
configurations, tables, prior packs with their checksum made anew, store files with damaged pages or logs, and pages and
files with hostile names. A room's inputs are numbered, each is drawn from its seed, room and number, and a room lives
for a chunk of them; a call is right, or wrong in one place, or nonsense.
What is counted: exceptions that are none of `poolwise.errors`, messages that are no line, exit statuses that are
neither 0, 1 nor 2, calls that take half a minute, and differences in what is stored after a call that was refused.
"""

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.robustness.inputs.commands import commands
from benchmarks.robustness.inputs.configurations import configurations
from benchmarks.robustness.inputs.construction import construction
from benchmarks.robustness.inputs.databases import databases
from benchmarks.robustness.inputs.engine_calls import engine_calls
from benchmarks.robustness.inputs.functions import functions
from benchmarks.robustness.inputs.pages import pages
from benchmarks.robustness.inputs.prior_packs import prior_packs
from benchmarks.robustness.inputs.room import Room
from benchmarks.robustness.inputs.tables import tables
from poolwise import compute
from poolwise.errors import PoolwiseError

SEED = 16
"""Not met before the result was made: 14 and 15 found faults that are mended, and would find none for that reason."""


class Place(NamedTuple):
    """A room with its share of all inputs, and how many of them it takes before it is made anew."""

    room: Callable[[Random], Room]
    share: float
    chunk: int


ROOMS = {
    "pages": Place(pages, 0.02, 20),
    "databases": Place(databases, 0.03, 50),
    "commands": Place(commands, 0.03, 50),
    "tables": Place(tables, 0.1, 200),
    "prior_packs": Place(prior_packs, 0.06, 25),
    "engine_calls": Place(engine_calls, 0.26, 400),
    "functions": Place(functions, 0.15, 400),
    "construction": Place(construction, 0.15, 400),
    "configurations": Place(configurations, 0.2, 400),
}
"""The slow ones first: a command, a store or a page takes ten times as long as a call."""
KEPT = 40
"""Faults that are written down, with their input."""
LONGEST, LARGEST = 30, 16 * 2**30
"""Seconds that a call may take, and bytes of addresses that a process may."""


class Endless(BaseException):
    """Not to be caught by what was called."""


class Tally(NamedTuple):
    """What came of some inputs of one room."""

    inputs: int
    refused: int
    foreign: list[str]
    """Exceptions that are none of ours, a line each, after the number of the input."""
    changed: list[str]
    """Refused calls after which something was different."""
    kinds: dict[str, int]
    """Refusals by type."""
    seconds: float


def tried(name: str, numbers: range, seed: int, tell: Callable[[int, str], None] | None = None) -> Tally:
    """Inputs of a room with these numbers. After a fault it is made anew, in a folder of its own."""
    began, opened, before = time.perf_counter(), None, None
    foreign, changed, kinds = [], [], Counter[str]()
    with _somewhere() as enter:
        for number in numbers:
            random = Random(f"{seed} {name} {number}")
            if opened is None:
                enter(number)
                opened, before = ROOMS[name].room(random), None
            call, told = opened.draw(random)
            before = opened.state() if before is None else before
            try:
                _timed(call)
                before, outcome = None, "done"
            except PoolwiseError as error:
                kinds[type(error).__name__] += 1
                outcome = f"{type(error).__name__}: {error}"
                if "\n" in str(error) or not str(error):
                    foreign.append(f"{number}: {told}: the message is no line: {str(error)[:200]!r} at {number}")
                if opened.state() != before:
                    changed.append(f"{number}: {told}: {error}")
                    opened = None
            except (Exception, Endless) as error:
                outcome = _place(error)
                foreign.append(f"{number}: {told}: {outcome}")
                opened = None
            if tell is not None:
                tell(number, f"{told}\n  -> {outcome}")
    return Tally(len(numbers), sum(kinds.values()), foreign, changed, dict(kinds), time.perf_counter() - began)


@contextmanager
def _somewhere() -> Iterator[Callable[[int], None]]:
    """A function that enters a new folder two levels below one that is removed in the end; warnings are errors."""
    home = Path.cwd()

    def enter(number: int) -> None:
        inside = Path(folder, str(number), "inside")
        inside.mkdir(parents=True)
        os.chdir(inside)

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            yield enter
        finally:
            os.chdir(home)


def _timed(call: Callable[[], Any]) -> None:
    def late(*_: Any) -> None:
        raise Endless(f"still at it after {LONGEST} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        call()
    finally:
        signal.alarm(0)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = next((one for one in reversed(frames) if "/poolwise/" in one.filename), frames[-1])
    return f"{type(error).__name__}: {str(error)[:160]!r} at {Path(where.filename).name}:{where.lineno}"


def measured(shares: dict[str, float], count: int, seed: int, processes: int) -> dict[str, Tally]:
    """All rooms, in chunks from one queue, the slow ones first, so that all processes end together."""
    wanted = {name: max(int(count * share), 1) for name, share in shares.items()}
    tasks = [
        (name, range(first, min(first + ROOMS[name].chunk, wanted[name])))
        for name in wanted
        for first in range(0, wanted[name], ROOMS[name].chunk)
    ]
    with compute.opened(workers=processes) as pool:
        found = compute.mapped(pool, partial(_limited, seed), tasks)
    return {name: summed([one for (room, _), one in zip(tasks, found, strict=True) if room == name]) for name in wanted}


def _limited(seed: int, task: tuple[str, range]) -> Tally:
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST, LARGEST))
    return tried(*task, seed)


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


def again(name: str, number: int, seed: int) -> None:
    """One input once more, after those before it in its chunk."""
    first = number - number % ROOMS[name].chunk
    print(tried(name, range(first, number + 1), seed, lambda at, line: at == number and print(line)))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--room", choices=list(ROOMS))
    parser.add_argument("--number", type=int, help="this input of the room alone")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.number is not None:
        sys.exit(again(given.room, given.number, given.seed))
    shares = {given.room: 1.0} if given.room else {name: place.share for name, place in ROOMS.items()}
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

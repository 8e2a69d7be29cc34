"""A measurement of hours that goes on where it was stopped: what its tasks came to is written down as it comes."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from poolwise.compute import Pool


def kept(pool: Pool, file: Path | None, name: Callable[[Any], str]) -> Pool:
    """The pool, which does no task whose name has a line in the file, and adds one for every other; without a file the
    pool itself. Tasks come to arrays of numbers. Names say nothing of the code: delete the file when that changes."""
    if file is None:
        return pool

    def run(function: Callable[[Any], Any], tasks: Sequence[Any], retries: int) -> Any:
        known, names = read(file), [name(task) for task in tasks]
        yield from ((number, known[one]) for number, one in enumerate(names) if one in known)
        left = [number for number, one in enumerate(names) if one not in known]
        for place, found in pool.run(function, [tasks[number] for number in left], retries):
            write(file, names[left[place]], found)
            yield left[place], found

    return Pool(pool.executor, run)


def read(file: Path) -> dict[str, np.ndarray]:
    lines = file.read_text().splitlines() if file.exists() else []
    return {name: np.array(found) for name, found in map(json.loads, lines)}


def write(file: Path, name: str, found: np.ndarray) -> None:
    with file.open("a") as to:
        to.write(json.dumps([name, found.tolist()]) + "\n")

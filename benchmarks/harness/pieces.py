"""Run many independent pieces of work on a few processes, and remember the results of those that asked for it."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from poolwise import compute


class Work(NamedTuple):
    """`function(task)` gives JSON; picklable. With a key, the result is kept between runs."""

    function: Callable[[Any], Any]
    task: Any
    key: str | None


def results(pieces: list[Work], cache: Path | None, workers: int) -> Iterator[tuple[Work, Any]]:
    """Every piece with its result: the cached ones first, then the others as they come, in the order of the list."""
    known = json.loads(cache.read_text()) if cache and cache.exists() else {}
    pending = []
    for piece in pieces:
        if piece.key in known:
            yield piece, known[piece.key]
        else:
            pending.append(piece)
    for piece, result in computed(pending, workers):
        if cache and piece.key:
            known[piece.key] = result
            cache.write_text(json.dumps(known))
        yield piece, result


def computed(pieces: list[Work], workers: int) -> Iterator[tuple[Work, Any]]:
    """Results of all pieces, on the executor that POOLWISE_EXECUTOR names; of `local`, in this process where one worker
    is asked for."""
    with compute.opened(os.environ.get("POOLWISE_EXECUTOR", "local"), workers) as pool:
        for number, result in compute.completed(pool, _one, pieces):
            yield pieces[number], result


def _one(piece: Work) -> Any:
    return piece.function(piece.task)

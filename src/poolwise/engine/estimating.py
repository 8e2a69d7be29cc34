"""Scales estimated again beside the calls: from copies, in a thread, adopted between two calls.

    asked (statistics, copied) -> search -> answer, waiting -> taken by the next call

The thread touches neither store nor belief and takes no lock of the engine's, so nothing waits for it but `close`.
"""

import threading
import time
from typing import Any, NamedTuple

from poolwise.posterior.joint import Scales, estimated


class Asked(NamedTuple):
    """What scales are to be estimated from."""

    outcomes: int
    statistics: tuple[Any, ...]
    """As `estimated` takes them."""
    packs: list[float]
    """Weights of prior packs in force."""


class Answer(NamedTuple):
    """What came of it."""

    outcomes: int
    """That the scales were estimated from."""
    packs: list[float]
    scales: Scales
    seconds: float

    @property
    def arms(self) -> int:
        return len(self.scales.gaussian.family)


def answer(asked: Asked) -> Answer:
    """Search for the scales."""
    began = time.perf_counter()
    scales = estimated(*asked.statistics)
    return Answer(asked.outcomes, asked.packs, scales, time.perf_counter() - began)


class Beside:
    """At most one search at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._found: list[Answer | Exception] = []

    @property
    def busy(self) -> bool:
        """Whether there is a search under way, or an answer that nobody took."""
        return self._thread is not None

    @property
    def answered(self) -> bool:
        """Whether there is an answer that nobody took."""
        return bool(self._found)

    def ask(self, asked: Asked) -> None:
        """Start a search."""
        found: list[Answer | Exception] = []
        self._found, self._thread = found, threading.Thread(target=_search, args=(asked, found), name="poolwise")
        self._thread.start()

    def taken(self) -> Answer | Exception | None:
        """The answer, or what the search broke down of, once; None: there is none yet."""
        if not self._found:
            return None
        found, self._found, self._thread = self._found[0], [], None
        return found

    def close(self) -> None:
        """Wait for the search under way, and drop its answer."""
        if self._thread is not None:
            self._thread.join()
        self._thread, self._found = None, []


def _search(asked: Asked, found: list[Answer | Exception]) -> None:
    try:
        found.append(answer(asked))
    except Exception as error:
        found.append(error)

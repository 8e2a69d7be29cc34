"""How far a long piece of work is: told part by part, shown by whoever watches."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger("poolwise.progress")

Progress = Callable[[str, int, int], None]
"""Told what is being worked on, how many steps of it are done, and of how many."""


def silent(part: str, done: int, total: int) -> None:
    """Nobody watches."""


class Logged:
    """Progress as a line of the log at most every so many seconds: for who watches no terminal."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.seconds, self.last = seconds, time.monotonic()
        self._part, self._began, self._from = "", self.last, 0

    def __call__(self, part: str, done: int, total: int) -> None:
        now = time.monotonic()
        if part != self._part:
            self._part, self._began, self._from = part, now, done
        if now - self.last >= self.seconds:
            self.last = now
            log.info("%s: %d of %d%s", part, done, total, left(now - self._began, done - self._from, total - done))


def left(seconds: float, done: int, more: int) -> str:
    """In words, how long `more` steps will take where `done` took so many seconds; nothing where none is done.

    >>> left(30, 10, 40), left(30, 0, 50), left(5, 10, 4)
    (', about 2 min left', '', ', about 2 s left')
    """
    if done <= 0 or more <= 0:
        return ""
    wait = seconds / done * more
    size, unit = next((size, unit) for size, unit in ((3600, "h"), (60, "min"), (1, "s")) if wait >= size or size == 1)
    return f", about {max(round(wait / size), 1)} {unit} left"

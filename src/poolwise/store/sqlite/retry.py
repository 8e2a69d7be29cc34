"""Waiting for another process's lock: short random pauses, so that all who wait are served alike, and a deadline."""

import random
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from poolwise.store.sqlite.faults import BUSY, primary

T = TypeVar("T")
_LONGEST = 0.002
"""Seconds. SQLite's own waiting doubles its pauses up to 0.1 s: who comes last is served first."""


def retried(call: Callable[[], T], wait: float) -> T:
    """The answer of a call that changes nothing when another process is in its way; its error after `wait` seconds."""
    deadline: float | None = None
    while True:
        try:
            return call()
        except sqlite3.OperationalError as error:
            if primary(error) not in BUSY:
                raise
            now = time.monotonic()
            deadline = now + wait if deadline is None else deadline
            if now >= deadline:
                raise
        time.sleep(min(random.uniform(0.0, _LONGEST), max(deadline - now, 0.0)))

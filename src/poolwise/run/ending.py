"""SIGTERM and SIGHUP end a run as SIGINT does: what is stored stays, and the same command goes on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""A system without one of them never sends it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt where one of these signals comes inside; in the main thread alone do any come."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt

"""A limit for calls whose server has fallen silent while the connection stands: the driver would wait for ever."""

import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

_LOOK = 0.1


class Patience:
    """Cuts the connection of a call that takes too long, which the driver then takes for lost."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._over = seconds, threading.Event()
        self._now: tuple[float, psycopg.Connection] | None = None
        threading.Thread(target=_watch, args=(weakref.ref(self), self._over), daemon=True).start()
        weakref.finalize(self, self._over.set)

    @contextmanager
    def with_(self, db: psycopg.Connection) -> Iterator[None]:
        """While this lasts."""
        self._now = (time.monotonic() + self._seconds, db)
        try:
            yield
        finally:
            self._now = None

    def close(self) -> None:
        """Watch no more."""
        self._over.set()

    def look(self) -> None:
        """Cut the connection where the time is up."""
        now = self._now
        if now is None or time.monotonic() < now[0]:
            return
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(now[1].fileno())) as found:
            found.shutdown(socket.SHUT_RDWR)
        self._now = None


def _watch(patience: "weakref.ref[Patience]", over: threading.Event) -> None:
    while not over.wait(_LOOK):
        if (found := patience()) is None:
            return
        found.look()
        del found

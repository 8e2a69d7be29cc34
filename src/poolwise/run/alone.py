"""One run at a time goes on with a store: two would make all decisions twice."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from poolwise.engine import Engine
from poolwise.errors import ConfigError, StoreError

LEASE, SECONDS = "run", 15.0
"""Of a store; how long it lasts when a run is killed."""


@contextmanager
def alone(engines: Iterable[Engine]) -> Iterator[None]:
    """Hold the lease of every store, however long a job takes. Raises ConfigError where another run holds one."""
    every = list(engines)
    try:
        for engine in every:
            if not engine.store.lease(LEASE, SECONDS):
                raise ConfigError(
                    f"another run goes on with this store, or was killed less than {SECONDS:.0f} s ago: let it end, or "
                    "name another store"
                )
        with _renewed(every):
            yield
    finally:
        for engine in every:
            with suppress(StoreError):
                engine.store.release(LEASE)


@contextmanager
def _renewed(engines: list[Engine]) -> Iterator[None]:
    """A thread that renews them."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(SECONDS / 3):
            for engine in engines:
                with suppress(StoreError):
                    engine.store.lease(LEASE, SECONDS)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

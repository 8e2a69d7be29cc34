"""The garbage collector of a serving process, told that what is there after a while stays there.

A full collection walks over every object of the libraries, compiled functions included: 0.2 s in which nobody is
answered, every half a second under load. What is there after some moments is set aside, and what comes later is looked
at less often. By `benchmarks/service/load.py`: 1.6 times as many requests, a quarter of the 99th percentile.
"""

import gc
import threading
import time
from collections.abc import Callable, Iterable

AFTER = (3.0, 7.0, 20.0, 90.0, 480.0)
"""Seconds from one time to the next: libraries are loaded, then calls are compiled, first for small systems."""
THRESHOLDS = (50_000, 20, 100)
"""Allocations, and collections of the younger generation, from one collection to the next."""


def beside() -> None:
    """`settle` in a thread that ends with the process."""
    threading.Thread(target=settle, name="poolwise-collector", daemon=True).start()


def settle(pauses: Iterable[float] = AFTER, sleep: Callable[[float], None] = time.sleep) -> None:
    """Set aside all that is there, after each pause."""
    gc.set_threshold(*THRESHOLDS)
    for pause in pauses:
        sleep(pause)
        gc.collect()
        gc.freeze()

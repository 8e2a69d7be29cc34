"""Threads take turns more often while work goes on beside the calls.

Python lets a thread that computes keep the interpreter for 5 ms before another may go on, and a call that decides asks
for it back after every use of the store. The interval is the process's; it is put back when the last work ends.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERVAL = 0.0002
"""Seconds."""
_lock, _usual = threading.Lock(), [0.0]
_under_way: set[int] = set()


@contextmanager
def nimble() -> Iterator[None]:
    """While this lasts, in any thread."""
    own = threading.get_ident()
    with _lock:
        if not _under_way:
            _usual[0] = sys.getswitchinterval()
            sys.setswitchinterval(min(_usual[0], INTERVAL))
        _under_way.add(own)
    try:
        yield
    finally:
        with _lock:
            _under_way.discard(own)
            if not _under_way:
                sys.setswitchinterval(_usual[0])

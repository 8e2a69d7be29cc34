"""One thread per call of BLAS while the posterior is computed: its matrices are small, its threads are its own.

OpenBLAS splits products of a hundred rows over all cores and waits for each of them in a busy loop: on two cores that
others use as well, one evaluation of 800,000 cells took 300 ms instead of 25.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

_PASSING = 31 * 2**17
"""Numbers, of 31 MB; none is touched."""
_LOCK = threading.Lock()
_HELD: list[Any] = []
"""What undoes the limit, once for every call that is under way."""


@contextmanager
def single_blas() -> Iterator[None]:
    """Limits BLAS in this process until the last such block ends."""
    with _LOCK:
        _HELD.append(_HELD[0] if _HELD else _control().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _LOCK:
            undo = _HELD.pop()
            if not _HELD:
                undo.restore_original_limits()


@lru_cache
def _control() -> ThreadpoolController:
    """The libraries of this process, found once.

    A large array that comes and goes tells the C library's allocator (glibc's adapts its thresholds to what was freed)
    that arrays of this size do: otherwise every temporary one is mapped and unmapped, page by page, which takes half of
    the time of a score.
    """
    np.empty(_PASSING)
    return ThreadpoolController()

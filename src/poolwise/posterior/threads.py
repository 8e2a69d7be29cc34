"""One thread per call of BLAS while the posterior is computed: its matrices are small, its threads are its own.

OpenBLAS splits products of a hundred rows over all cores and waits for each of them in a busy loop: on two cores that
others use as well, one evaluation of 800,000 cells took 300 ms instead of 25. Needs `threadpoolctl`; without it BLAS
does as it likes, and we start no threads beside its own.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_LOCK = threading.Lock()
_HELD: list[Any] = []
"""What undoes the limit, once for every call that is under way."""


@contextmanager
def single_blas() -> Iterator[bool]:
    """Limits BLAS in this process until the last such block ends; whether that could be done."""
    control = _control()
    if control is None:
        yield False
        return
    with _LOCK:
        _HELD.append(_HELD[0] if _HELD else control.limit(limits=1, user_api="blas"))
    try:
        yield True
    finally:
        with _LOCK:
            undo = _HELD.pop()
            if not _HELD:
                undo.restore_original_limits()


@lru_cache
def _control() -> Any:
    """The libraries of this process, found once; None where `threadpoolctl` is absent."""
    return import_module("threadpoolctl").ThreadpoolController() if find_spec("threadpoolctl") else None

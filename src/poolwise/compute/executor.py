"""The name of a place where work runs."""

import re
from typing import Any, NamedTuple

from poolwise.errors import InputError
from poolwise.inputs import whole
from poolwise.names import shown

MOST = 4096
"""Workers that can be asked for."""


class Executor(NamedTuple):
    """Where, and on how many workers."""

    address: str = "local"
    """`local`: processes of this machine; `ray://local`: a Ray cluster of this machine, started and stopped here;
    `ray://HOST:PORT`: a running one, by the port of its client server (10001 unless it was set)."""
    workers: int = 1
    """Pieces of work at a time. 1 of `local`: in this process, one after another."""


LOCAL = Executor()


def parsed(given: Any, workers: int = 1) -> Executor:
    """An executor from its address. Raises InputError for an address that names none.

    >>> parsed("ray://head:10001", workers=4)
    Executor(address='ray://head:10001', workers=4)
    """
    if isinstance(given, Executor):
        given, workers = given
    known = isinstance(given, str) and re.fullmatch(r"local|ray://(local|[\w.\-]+:\d{1,5})", given)
    if not known:
        raise InputError(f"executor {shown(given)} is unknown: use 'local', 'ray://local' or 'ray://HOST:PORT'")
    whole("workers", workers, 1, MOST)
    return Executor(given, workers)

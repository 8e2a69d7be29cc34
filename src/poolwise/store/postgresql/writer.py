"""The one writer of a workspace, and how it is told from one that was.

lock     an advisory lock of the session: whoever holds it writes, and a session that ends gives it back
epoch    the number of a writer. Who becomes one ends all earlier ones, and every transaction says in which epoch it
         was begun: it locks that epoch's row until it is over, so none is under way when the next writer begins
mark     the number of a writer's last transaction, and how many rows it changed, stored with it: whether a
         transaction was committed whose answer was lost is read off it
"""

import hashlib
import time
from functools import lru_cache
from typing import NamedTuple

import psycopg

from poolwise.errors import StoreLocked
from poolwise.store.postgresql.place import Place

_PAUSE = 0.01
_TAKE = "SELECT pg_try_advisory_lock(%s)"
_END = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND pid = %s AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND classid::bigint << 32 | objid::bigint = %s"
)
_BEGIN = (
    "WITH earlier AS (UPDATE writer SET over = true WHERE NOT over)"
    " INSERT INTO writer (mark, changed, over) VALUES (0, 0, false) RETURNING epoch"
)
_STAND = "SELECT mark, changed, over OR epoch < (SELECT max(epoch) FROM writer) FROM writer WHERE epoch = %s"


class Stand(NamedTuple):
    """How far a writer had come."""

    mark: int
    changed: int
    over: bool
    """Whether there is another one by now."""


@lru_cache
def fenced(statement: str, before: str = "") -> str:
    """A statement that changes rows, after another one, with its fence: values are those of both, epoch and mark.
    Answers how many rows the statement changed."""
    first = f"before AS ({before}), " if before else ""
    return f"WITH {first}done AS ({statement} RETURNING 1) SELECT fence(%s, %s, count(*)) FROM done"


def lock(db: psycopg.Connection, place: Place, deadline: float) -> None:
    """Become the one who may write. Raises StoreLocked where another session is until the deadline."""
    while not db.execute(_TAKE, (_key(place),)).fetchone()[0]:  # type: ignore[index]
        if time.monotonic() > deadline:
            raise StoreLocked(
                f"{place.name} has a writer already, and takes one at a time: send what is to be written through that "
                "process, or stop it"
            )
        time.sleep(_PAUSE)


def end(db: psycopg.Connection, place: Place, session: int) -> None:
    """End an earlier session of the same writer, of which the server has not noticed that it was lost, where that still
    holds the lock."""
    db.execute(_END, (session, _key(place)))


def _key(place: Place) -> int:
    digest = hashlib.blake2b(f"poolwise {place.workspace}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def begin(db: psycopg.Connection) -> int:
    """The new writer's epoch; no transaction of an earlier one can be committed from now on."""
    return int(db.execute(_BEGIN).fetchone()[0])  # type: ignore[index]


def stand(db: psycopg.Connection, epoch: int) -> Stand:
    """How far the writer of an epoch had come."""
    row = db.execute(_STAND, (epoch,)).fetchone()
    return Stand(*row) if row else Stand(0, 0, True)

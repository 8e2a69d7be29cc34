"""What an error of the server, or of the way to it, means for the owner of a store."""

import psycopg

from poolwise.errors import (
    StoreClosed,
    StoreError,
    StoreFull,
    StoreGone,
    StoreLocked,
    StoreReadOnly,
    StoreTaken,
    StoreUnreachable,
)
from poolwise.store.sql.database import damaged

TAKEN = "PW001"
"""SQLSTATE that the function `fence` raises."""
_AWAY = ("08", "57P01", "57P02", "57P03", "57P05", "53300")
_BUSY = ("55P03", "40001", "40P01", "57014", "25P03")
_READ_ONLY = ("42501", "25006")
_GONE = ("3F000", "42P01", "42703", "42883")


def translated(error: psycopg.Error, name: str) -> StoreError:
    """The same as an error of our tree, in one line: what, why, what to do."""
    code, text = error.sqlstate or "", reason(error)
    if code == TAKEN:
        return taken(name)
    if code.startswith(_AWAY) or (not code and isinstance(error, psycopg.OperationalError)):
        return unreachable(name, text)
    if code in _BUSY:
        return StoreLocked(f"{name} is locked by another session ({text}): try again, or raise lock_wait")
    if code in _READ_ONLY:
        return StoreReadOnly(f"{name} may not be written ({text}): grant the role what it needs, or use another one")
    if code.startswith("53"):
        return StoreFull(f"{name} could not grow ({text}): free some space on the server and try again")
    if code.startswith("XX"):
        return damaged(name, text)
    if code in _GONE:
        return StoreGone(f"{name} was removed or changed while it was open ({text}): open the store anew")
    return StoreError(f"{name} cannot be used ({text}): check the address, the role and the server")


def reason(error: psycopg.Error) -> str:
    """The server's own words, or the first line of the library's."""
    return " ".join((error.diag.message_primary or str(error).partition("\n")[0] or type(error).__name__).split())[:300]


def unreachable(name: str, text: str) -> StoreUnreachable:
    """Of a server that does not answer."""
    return StoreUnreachable(f"{name} cannot be reached ({text}): check the server and the network, and try again")


def taken(name: str) -> StoreTaken:
    """Of a writer that is none any more."""
    return StoreTaken(
        f"another process has become the writer of {name} while this one had lost its connection: nothing of this one "
        "is stored any more; close it, and open the store again where it is to be written"
    )


def closed(name: str) -> StoreClosed:
    """Of a store that was closed."""
    return StoreClosed(f"the store {name} is closed: open it again")

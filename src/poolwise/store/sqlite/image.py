"""The bytes of an empty store, made in memory by the same migrations that bring an old one up to date."""

import json
import secrets
import sqlite3
from contextlib import closing

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from poolwise.store.sql import upgrade as migrate
from poolwise.store.sql.statements import HEAD, statements

_WAL = b"\x02\x02"
"""Bytes 18 and 19 of a file with a write-ahead log: creators never wait for each other to switch to it."""


def image(seed: int | None) -> bytes:
    """A whole file; seed: of the store, drawn when None."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        build(db, seed)
        data = bytearray(db.serialize())
    data[18:20] = _WAL
    return bytes(data)


def build(db: sqlite3.Connection, seed: int | None) -> None:
    """Tables of this version and the store's own record."""
    upgrade(db)
    body = {"seed": secrets.randbits(62) if seed is None else seed}
    db.execute(statements("sqlite").RECORD, ("store", json.dumps(body)))


def upgrade(db: sqlite3.Connection, head: str = HEAD) -> None:
    """Run the migrations that the tables lack, in one transaction."""
    engine = create_engine("sqlite://", creator=lambda: db, poolclass=StaticPool)
    with engine.connect() as connection:
        db.execute("BEGIN IMMEDIATE")
        try:
            migrate.upgrade(connection, head)
            if db.in_transaction:
                db.execute("COMMIT")
        except DBAPIError as error:
            raise error.orig if isinstance(error.orig, sqlite3.Error) else sqlite3.Error(str(error)) from error
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

"""The schema of a workspace: made where there is none, refused where it is not ours, brought to this version."""

import re
from collections.abc import Callable
from typing import Any

import psycopg

from poolwise.errors import InputError, StoreForeign, StoreNewer, StoreReadOnly
from poolwise.lazy import Lazy
from poolwise.store.postgresql.place import Place
from poolwise.store.sql.statements import HEAD, keys

creation: Any = Lazy("poolwise.store.postgresql.creation")
"""Alembic and SQLAlchemy make and upgrade schemas; one that is up to date is opened without them."""
_OURS = "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename = ANY (%s)"


def version(db: psycopg.Connection, place: Place) -> str | None:
    """Of the schema; None where there is no store. Raises StoreForeign, and StoreNewer."""
    wanted = ["alembic_version", *keys()]
    found = {table for (table,) in db.execute(_OURS, (place.workspace, wanted)).fetchall()}
    if not found:
        return None
    rows = db.execute("SELECT version_num FROM alembic_version").fetchall() if "alembic_version" in found else []
    if len(rows) != 1 or "record" not in found or not re.fullmatch(r"\d{4}", rows[0][0]):
        raise StoreForeign(f"{place.name} holds tables of another program: name another workspace")
    if rows[0][0] > HEAD:
        known = f"schema {rows[0][0]}, this one knows {HEAD}"
        raise StoreNewer(f"{place.name} was written by a newer Poolwise ({known}): upgrade Poolwise")
    return str(rows[0][0])


def check_there(db: psycopg.Connection, place: Place, *, look: bool) -> None:
    """Raises InputError where there is no store, StoreReadOnly where it cannot be looked at as it is."""
    found = version(db, place)
    if found is None:
        raise InputError(f"there is no store {place.name}: check the address; `poolwise decide` and `run` create one")
    if look and found != HEAD:
        raise StoreReadOnly(f"{place.name} is of an older version: open it once to write, which upgrades it")


def prepare(db: psycopg.Connection, opened: Callable[[], psycopg.Connection], place: Place, seed: int | None) -> None:
    """Make or upgrade the schema, while no other process writes. opened: makes another connection."""
    found = version(db, place)
    if found is None:
        creation.create(db, opened, place, seed)
    elif found != HEAD:
        creation.migrate(opened)

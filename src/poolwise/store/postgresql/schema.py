"""The schema of a workspace: made where there is none, refused where it is not ours, brought to this version."""

import json
import re
import secrets
from collections.abc import Callable

import psycopg
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from poolwise.errors import InputError, StoreForeign, StoreNewer, StoreReadOnly
from poolwise.store.postgresql.place import Place
from poolwise.store.sql.statements import HEAD, keys, statements
from poolwise.store.sql.upgrade import upgrade

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


def prepared(db: psycopg.Connection, opened: Callable[[], psycopg.Connection], place: Place, seed: int | None) -> None:
    """Make or upgrade the schema in one transaction, while no other process writes. opened: another connection, for
    Alembic, which minds its transactions itself."""
    found = version(db, place)
    if found == HEAD:
        return
    _make_schema(db, place)
    engine = create_engine("postgresql+psycopg://", creator=lambda: _bare(opened()), poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            upgrade(connection)
            if found is None:
                body = json.dumps({"seed": secrets.randbits(62) if seed is None else seed})
                connection.exec_driver_sql(statements("postgresql").RECORD, ("store", body))
    except DBAPIError as error:
        raise error.orig if isinstance(error.orig, psycopg.Error) else psycopg.Error(str(error)) from error
    finally:
        engine.dispose()


def _bare(db: psycopg.Connection) -> psycopg.Connection:
    db.autocommit = False
    return db


def _make_schema(db: psycopg.Connection, place: Place) -> None:
    if not db.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (place.workspace,)).fetchone():
        db.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(place.workspace)))

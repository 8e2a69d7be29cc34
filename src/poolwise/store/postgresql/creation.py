"""Making the schema of a workspace, and bringing an older one to this version: only then is Alembic loaded."""

import json
import secrets
from collections.abc import Callable

import psycopg
from psycopg import sql
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from poolwise.store.postgresql.place import Place, place_of
from poolwise.store.sql.statements import statements
from poolwise.store.sql.upgrade import upgrade


def pooled(url: str) -> Engine:
    """Connections, for whoever writes rarely and through SQLAlchemy, to a workspace, which is made where it is not
    there."""
    place = place_of(url)

    def connect() -> psycopg.Connection:
        db = psycopg.connect(place.address)
        try:
            _make_schema(db, place)
            db.execute("SELECT set_config('search_path', %s, false)", (f'"{place.workspace}"',))
            db.commit()
        except BaseException:
            db.close()
            raise
        return db

    return create_engine("postgresql+psycopg://", creator=connect, pool_pre_ping=True)


def create(db: psycopg.Connection, opened: Callable[[], psycopg.Connection], place: Place, seed: int | None) -> None:
    """A store where there is none."""
    _make_schema(db, place)
    body = json.dumps({"seed": secrets.randbits(62) if seed is None else seed})
    migrate(opened, [(statements("postgresql").RECORD, ("store", body))])


def migrate(opened: Callable[[], psycopg.Connection], more: list[tuple[str, tuple]] | None = None) -> None:
    """Run the migrations that are missing, and more statements, in one transaction. opened: makes a connection for
    Alembic, which minds its transactions itself."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: _bare(opened()), poolclass=StaticPool)
    try:
        with engine.begin() as connection:
            upgrade(connection)
            for statement, values in more or []:
                connection.exec_driver_sql(statement, values)
    except DBAPIError as error:
        raise error.orig if isinstance(error.orig, psycopg.Error) else psycopg.Error(str(error)) from error
    finally:
        engine.dispose()


def _make_schema(db: psycopg.Connection, place: Place) -> None:
    """A role that owns a schema need not be one that may make another."""
    if not db.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (place.workspace,)).fetchone():
        db.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(place.workspace)))


def _bare(db: psycopg.Connection) -> psycopg.Connection:
    db.autocommit = False
    return db

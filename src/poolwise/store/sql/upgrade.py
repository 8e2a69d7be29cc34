"""Runs Alembic's migrations in a transaction that the caller has opened."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from poolwise.store.sql.statements import HEAD

_ALEMBIC = threading.Lock()
"""Alembic keeps its context in global variables."""
_FOLDER = Path(__file__).parents[1] / "migrations"


def upgrade(connection: Connection, head: str = HEAD) -> None:
    """Run the migrations that the tables lack."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    with _ALEMBIC:
        command.upgrade(config, head)

"""Which database an address means, and opening it; what drives it is imported only then."""

from importlib import import_module
from typing import Any, Literal, NamedTuple

from poolwise.errors import InputError
from poolwise.extras import require
from poolwise.store.addresses import SERVER
from poolwise.store.sql.database import Database
from poolwise.store.sqlite.place import exists, path_of


class Opening(NamedTuple):
    """How a store is opened; see `open_store`."""

    url: str
    seed: int | None = None
    create: bool = True
    look: bool = False
    lock_wait: float = 1.0
    durability: Literal["process", "power"] = "process"


def opened(opening: Opening) -> Database:
    """See `open_store`."""
    if opening.url.startswith(SERVER):
        require("psycopg")
        return _door("poolwise.store.postgresql.database").opened(opening)
    path = path_of(opening.url)
    if path is not None and (opening.look or not opening.create) and not exists(path):
        raise InputError(f"there is no store {path}: check the path; `poolwise decide` and `run` create one")
    wait, durability = opening.lock_wait, opening.durability
    sqlite = _door("poolwise.store.sqlite.connection")
    return sqlite.SqliteDatabase(path, opening.seed, wait=wait, durability=durability, look=opening.look)


def _door(module: str) -> Any:
    return import_module(module)

"""What the commands share: their options, opening an engine, and printing for people or for machines."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poolwise.names import escaped

if TYPE_CHECKING:
    import pandas as pd

    from poolwise.compute import Executor
    from poolwise.config import Config
    from poolwise.engine import Engine

ConfigOption = Annotated[str, typer.Option("--config", "-c", metavar="FILE", help="Configuration file (TOML).")]
StoreOption = Annotated[str | None, typer.Option("--store", metavar="URL", help="Store, instead of the file's.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
ExecutorOption = Annotated[
    str | None, typer.Option("--executor", metavar="WHERE", help="local, ray://local, or ray://HOST:PORT.")
]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Pieces of work at a time.")]
CONFIG = "poolwise.toml"


def configuration(path: str, store: str | None) -> "Config":
    """The checked configuration, with another store if one is named."""
    from poolwise.config import load

    return _stored(load(path), store)


def _stored(config: "Config", store: str | None) -> "Config":
    return config.model_copy(update={"run": config.run.model_copy(update={"store": store})}) if store else config


@contextmanager
def engine(path: str, store: str | None, *, create: bool = False, look: bool = False) -> Iterator["Engine"]:
    """The engine of a configuration, closed at the end. A store that does not exist is made only with `create`."""
    from poolwise.lazy import light_numpy
    from poolwise.run.opening import open_engine

    if is_service(store):
        with client(str(store)) as asked:
            yield asked
        return
    light_numpy()
    with closing(open_engine(configuration(path, store), create=create, look=look)) as opened:
        yield opened


def is_service(store: str | None) -> bool:
    """Whether a service is named in the place of a store."""
    return store is not None and store.startswith(("http://", "https://"))


def client(url: str) -> Any:
    """Of the service at `https://host/WORKSPACE`, with the key in POOLWISE_KEY; it has the engine's verbs."""
    from poolwise.client.client import Client
    from poolwise.errors import InputError

    place, _, workspace = url.rstrip("/").removesuffix("/v1/workspaces").rpartition("/")
    key = os.environ.get("POOLWISE_KEY", "")
    if not key or place.endswith(":/"):
        raise InputError("a service is named https://host/WORKSPACE, and its key is in the environment as POOLWISE_KEY")
    return Client(place.removesuffix("/v1/workspaces"), key, workspace=workspace)


def known_configuration(path: str, store: str | None) -> "Config":
    """`configuration`; where the usual file is not there, what the store was last served with, or default settings."""
    from poolwise.config import Config
    from poolwise.run.remembered import remembered
    from poolwise.store.sqlite.place import exists, path_of

    url = store or Config().run.store
    place = path_of(url)
    if path != CONFIG or os.path.exists(path) or not (store or (place and exists(place))):
        return configuration(path, store)
    found = remembered(url)
    say(f"no {CONFIG} here: {'as the store was last used' if found else 'default settings'}", err=True)
    return found or _stored(Config(), url)


@contextmanager
def looking(path: str, store: str | None, *, look: bool = True) -> Iterator["Engine"]:
    """`engine` for commands that change nothing, or only refit and give orders: a named store will do."""
    from poolwise.run.opening import open_engine

    if is_service(store):
        with client(str(store)) as asked:
            yield asked
        return
    with closing(open_engine(known_configuration(path, store), create=False, look=look)) as opened:
        yield opened


def say(text: str, *, err: bool = False) -> None:
    """Text for people, line by line; what a terminal might obey is written out."""
    typer.echo("\n".join(map(escaped, text.split("\n"))), err=err)


def executor_of(config: "Config | None", executor: str | None, workers: int | None) -> "Executor":
    """What the options name, else what the configuration has."""
    from poolwise.compute import parsed
    from poolwise.config.tables import ComputeTable

    usual = ComputeTable() if config is None else config.compute
    return parsed(executor or usual.executor, workers or usual.workers)


def store_url(path: str, store: str | None) -> str:
    """Of the store that is named, or of the configuration's."""
    return store or known_configuration(path, None).run.store


def print_json(body: Any) -> None:
    """One JSON document on stdout; numbers that JSON lacks become null."""
    typer.echo(json.dumps(plain(body), indent=2))


def plain(body: Any) -> Any:
    """`body` with NumPy scalars, tuples and NaN in JSON's own terms."""
    if hasattr(body, "_asdict"):
        return plain(body._asdict())
    if isinstance(body, dict):
        return {str(key): plain(value) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [plain(value) for value in body]
    if hasattr(body, "tolist"):
        return plain(body.tolist())
    return None if isinstance(body, float) and not math.isfinite(body) else body


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """The rows of a table as JSON objects."""
    return [plain(row) for row in table.to_dict(orient="records")]

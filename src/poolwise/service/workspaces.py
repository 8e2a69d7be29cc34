"""A workspace: one space, one belief, one writer; by name. Nothing passes between two of them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from poolwise.config import Config, load
from poolwise.engine.engine import Engine
from poolwise.errors import ConfigError
from poolwise.names import checked, shown
from poolwise.run.opening import open_engine
from poolwise.service.idempotency import Answers
from poolwise.service.metrics import Metrics
from poolwise.service.writer import Writer
from poolwise.store.addresses import without_password


class Workspace(NamedTuple):
    """An engine and what serves it."""

    name: str
    engine: Engine
    writer: Writer
    answers: Answers
    """Of requests with an `Idempotency-Key`."""

    def close(self) -> None:
        """What waits is answered before."""
        self.writer.close()
        self.engine.close()


def read(files: Sequence[str]) -> dict[str, Config]:
    """Configurations by the name of their workspace, which is that of the file, less `.toml`. Raises ConfigError."""
    found: dict[str, Config] = {}
    for file in files:
        name = checked("workspace", Path(file).stem)
        if name in found:
            raise ConfigError(f"two files are called {shown(name)}, which is a workspace's name: rename one of them")
        found[name] = load(file)
    stores = [config.run.store for config in found.values()]
    if twice := {url for url in stores if stores.count(url) > 1 and url != "memory://"}:
        raise ConfigError(
            f"two workspaces have the store {shown(without_password(min(twice)))}: give each its own in [run]"
        )
    return found


def opened(name: str, engine: Engine, metrics: Metrics) -> Workspace:
    """A workspace around an engine that nobody else uses."""
    writer = Writer(engine, partial(metrics.group, name))
    metrics.watch(name, engine, writer)
    return Workspace(name, engine, writer, Answers())


def engine_of(config: Config) -> Engine:
    """Whose scales are estimated beside, as of any engine that stays open."""
    table = config.engine.model_copy(update={"estimate": config.engine.estimate or "beside"})
    return open_engine(config.model_copy(update={"engine": table}))

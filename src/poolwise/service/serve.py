"""From configuration files to a running server."""

import os
import resource
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from poolwise.config import Config
from poolwise.errors import ConfigError
from poolwise.service import collector, workspaces
from poolwise.service.app import application
from poolwise.service.fronts import app as fronts
from poolwise.service.fronts.upstream import Upstream
from poolwise.store.accounts import Accounts

MOST_FILES = 65_536


class Listening(NamedTuple):
    """Where a server listens, and with what certificate."""

    host: str = "127.0.0.1"
    """Loopback, unless told otherwise."""
    port: int = 8_000
    certificate: str | None = None
    """PEM file of the chain; without one TLS is left to a reverse proxy."""
    private_key: str | None = None


def checked(files: Sequence[str], at: Listening) -> dict[str, Config]:
    """The configurations, by the names of their workspaces. Raises ConfigError before anything is made."""
    if (at.certificate is None) != (at.private_key is None):
        raise ConfigError("TLS needs both a certificate and its private key: give --certificate and --private-key")
    for file in filter(None, (at.certificate, at.private_key)):
        if not os.access(file, os.R_OK):
            raise ConfigError(f"{file} cannot be read: check the path of the certificate and of its key")
    return workspaces.read(files)


def front(url: str, key: str | None, staleness: float, at: Listening) -> Any:
    """The application of a front end of the service at `url`, with the front end's own key. Raises ConfigError."""
    checked([], at)
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"the writer's address is http://.. or https://.., got {url!r}")
    if not key:
        raise ConfigError("a front end needs a key of the role operator: give it in POOLWISE_KEY")
    return fronts.application(Upstream(url, key), staleness)


def serve_front(app: Any, at: Listening) -> None:
    """Serve until the process is asked to stop; what waits is answered before."""
    _run(app, at, lifespan="off")


def serve(configs: Mapping[str, Config], keys: str, at: Listening) -> None:
    """Serve until the process is asked to stop; what waits is answered before. Raises StoreError."""
    engines = {name: partial(workspaces.engine_of, config) for name, config in configs.items()}
    _run(application(engines, Accounts(keys)), at)


def many_connections() -> None:
    """Let the process hold as many connections as the system allows: the usual limit of 1,024 files is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _run(app: Any, at: Listening, lifespan: Literal["auto", "off"] = "auto") -> None:
    import uvicorn

    collector.beside()
    many_connections()
    uvicorn.run(
        app,
        lifespan=lifespan,
        host=at.host,
        port=at.port,
        log_level="warning",
        access_log=False,
        ssl_certfile=at.certificate,
        ssl_keyfile=at.private_key,
        timeout_keep_alive=30,
        limit_concurrency=20_000,
        server_header=False,
    )

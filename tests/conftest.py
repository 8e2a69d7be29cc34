"""What every test has in common."""

from contextlib import ExitStack
from itertools import count

import pytest

from poolwise import Engine
from tests import postgres


@pytest.fixture(autouse=True)
def closed(monkeypatch):
    """Close every engine that a test opens by its public door; commands and runs must close their own."""
    with ExitStack() as opened:
        real = Engine.open

        def recorded(*arguments, **options):
            engine = real(*arguments, **options)
            opened.callback(engine.close)
            return engine

        monkeypatch.setattr(Engine, "open", recorded)
        yield


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL server that forgets when its machine stops; skipped where there is none."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.server(*postgres.UNSAFE) as found:
        yield found


@pytest.fixture(scope="session")
def workspaces(server):
    """Addresses of workspaces that were not there before."""
    return (server.url(f"test_{number}") for number in count())


@pytest.fixture
def workspace(workspaces):
    """One of them."""
    return next(workspaces)

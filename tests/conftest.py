"""What every test has in common."""

from contextlib import ExitStack

import pytest

from poolwise import Engine


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

"""A service in this process, with two workspaces, and keys for every role."""

import asyncio
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from poolwise import ArmSpace, Choice, Engine, Family
from poolwise.store.accounts import ROLES, Accounts

httpx = pytest.importorskip(
    "httpx", reason="the service is tested where its extra is installed: pip install '.[service]'"
)
pytest.importorskip("fastapi", reason="the service is tested where its extra is installed: pip install '.[service]'")

SPACE = ArmSpace([Family("default"), Family("fast", {"level": Choice([1, 2])})], "default")
WORKSPACES = ("prover", "farm")
FEATURES = {"size": {"log": True}, "kind": {"type": "choice", "values": ["dense", "sparse"]}}


class Service(NamedTuple):
    """Asked as by a client; keys by role, workspace and project."""

    app: Any
    accounts: Accounts
    run: Any

    def key(self, role: str = "admin", workspace: str = "*", project: str | None = None) -> str:
        return self.accounts.add(role, role, workspace, project=project)[1]

    def ask(self, verb: str, path: str, key: str | None = None, headers: dict | None = None, **given: Any) -> Any:
        sent = {**(headers or {}), **({"Authorization": f"Bearer {key}"} if key else {})}

        async def asked():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://service") as client:
                return await client.request(verb, path, headers=sent, **given)

        self.app.state.access.forget()
        return self.run(asked())


@pytest.fixture
def service():
    with started({name: lambda: Engine.open("memory://", SPACE, seed=1) for name in WORKSPACES}) as found:
        yield found


@pytest.fixture
def features_service():
    """With one workspace, whose jobs have features."""
    with started({"sized": lambda: Engine.open("memory://", SPACE, seed=1, features=FEATURES)}) as found:
        yield found


@contextmanager
def started(workspaces):
    from poolwise.service.app import application

    accounts = Accounts("memory://")
    app = application(workspaces, accounts)
    with asyncio.Runner() as runner:
        context = app.router.lifespan_context(app)
        runner.run(context.__aenter__())
        yield Service(app, accounts, runner.run)
        runner.run(context.__aexit__(None, None, None))


__all__ = ["ROLES", "SPACE", "WORKSPACES", "Service"]

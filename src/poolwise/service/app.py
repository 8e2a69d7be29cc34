"""The service as one ASGI application: workspaces, keys and metrics in its state, described by its types."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse

import poolwise
from poolwise.engine.engine import Engine
from poolwise.service import problems, workspaces
from poolwise.service.access import USUAL, Access, Rate
from poolwise.service.console import routes as console
from poolwise.service.guard import Guard
from poolwise.service.metrics import Measured, Metrics
from poolwise.service.problems import Refused
from poolwise.service.routes import administration, beliefs, decisions, fronts, operation
from poolwise.store.accounts import EVERY, Accounts

ABOUT = """Decide, for every job, which strategy to use and with which parameters; learn from what happened.
Send a key with every request: `Authorization: Bearer pw_..`."""


def application(engines: Mapping[str, Callable[[], Engine]], accounts: Accounts, rate: Rate = USUAL) -> FastAPI:
    """engines: how each workspace's engine is opened, by its name; all are open while the application runs."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = app.state.workspaces = {}
        try:
            for name, engine in engines.items():
                opened[name] = workspaces.opened(name, engine(), metrics)
            yield
        finally:
            for one in opened.values():
                await run_in_threadpool(one.close)
            accounts.close()

    app = FastAPI(title="Poolwise", version=poolwise.__version__, description=ABOUT, lifespan=lifespan, redoc_url=None)
    app.state.access, app.state.metrics, app.state.workspaces = Access(accounts, rate), metrics, {}
    problems.install(app)
    for part in (decisions, beliefs, operation, administration, fronts):
        app.include_router(part.router)
    _health(app)
    console.install(app)
    app.add_middleware(Guard)
    app.add_middleware(Measured, metrics=metrics)
    return app


def _health(app: FastAPI) -> None:
    @app.get("/live", tags=["health"])
    async def live() -> dict[str, str]:
        """That the process answers."""
        return {"status": "live"}

    @app.get("/ready", tags=["health"], responses=problems.responses())
    async def ready(request: Request) -> JSONResponse:
        """Whether every workspace can decide and store; 503 otherwise."""
        places = list(request.app.state.workspaces.values())
        faults = await run_in_threadpool(lambda: [p.name for p in places if "store_fault" in p.engine.status()])
        ok = bool(places) and not faults
        # Workspaces are not named to whoever asks: this needs no key.
        return JSONResponse({"status": "ready" if ok else "not ready", "faults": len(faults)}, 200 if ok else 503)

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse, responses=problems.responses())
    async def metrics(request: Request) -> Response:
        """In Prometheus' format; for a key of every workspace."""
        key = request.app.state.access.of(request.headers.get("authorization"))
        if key.workspace != EVERY or key.role not in ("operator", "admin"):
            raise Refused(403, "metrics are for an operator's key of every workspace")
        text = await run_in_threadpool(request.app.state.metrics.text)
        return Response(text, media_type="text/plain; version=0.0.4")

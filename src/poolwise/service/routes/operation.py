"""Refits and an operator's orders; each is noted in the audit log."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from poolwise.schema import Snapshot
from poolwise.service.access import entered, of_project
from poolwise.service.bodies import Order, RefitRequest, SnapshotAnswer
from poolwise.service.problems import responses
from poolwise.service.routes.beliefs import plain

router = APIRouter(prefix="/v1/workspaces/{workspace}", tags=["operation"], responses=responses(409))


@router.get("/refits")
async def refits(request: Request, workspace: str) -> list[SnapshotAnswer]:
    """Every snapshot that was proposed, and what became of it."""
    of_project(entered(request, workspace, "decide"), None)
    engine = request.app.state.workspaces[workspace].engine
    return [_answer(one) for one in await run_in_threadpool(engine.store.snapshots)]


@router.post("/refits")
async def refit(request: Request, workspace: str, asked: RefitRequest) -> SnapshotAnswer:
    """Estimate everything again; decisions go on meanwhile. The gate decides whether the result serves."""
    key = entered(request, workspace, "operator")
    of_project(key, None)
    engine = request.app.state.workspaces[workspace].engine
    found = await run_in_threadpool(engine.refit, asked.method)
    await _noted(request, key.id, workspace, "refit", {"method": asked.method, "snapshot": found.id})
    return _answer(found)


@router.get("/orders")
async def orders(request: Request, workspace: str) -> list[dict[str, Any]]:
    """Every order that was given, oldest first."""
    of_project(entered(request, workspace, "decide"), None)
    engine = request.app.state.workspaces[workspace].engine
    return [plain(one) for one in await run_in_threadpool(engine.store.records, "control")]


@router.post("/orders")
async def order(request: Request, workspace: str, asked: Order) -> dict[str, Any]:
    """pin, ban, freeze, stop, shadow, their opposites, and promote; it holds at once."""
    key = entered(request, workspace, "operator")
    of_project(key, asked.project)
    engine = request.app.state.workspaces[workspace].engine
    record = await run_in_threadpool(
        lambda: engine.control(asked.order, asked.arm, project=asked.project, context=asked.context)
    )
    await _noted(request, key.id, workspace, "order", asked.model_dump(exclude_none=True))
    return plain(record)


async def _noted(request: Request, key: str, workspace: str, action: str, detail: dict[str, Any]) -> None:
    await run_in_threadpool(request.app.state.access.accounts.append, key, workspace, action, detail)


def _answer(one: Snapshot) -> SnapshotAnswer:
    checks = plain(one.diagnostics.get("checks", []))
    return SnapshotAnswer(
        id=one.id, time=one.time, method=one.method, status=one.status, reason=one.reason, outcomes=one.outcomes,
        checks=checks,
    )  # fmt: skip

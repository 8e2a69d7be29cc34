"""What is believed and why: read from the engine, which goes on deciding meanwhile."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool

from poolwise.engine import arguments
from poolwise.engine.engine import Engine
from poolwise.service.access import entered, of_project
from poolwise.service.problems import responses

router = APIRouter(prefix="/v1/workspaces/{workspace}", tags=["beliefs"], responses=responses())
Name = Annotated[str | None, Query(max_length=1_000)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Rows = list[dict[str, Any]]


@router.get("/beliefs")
async def beliefs(
    request: Request, workspace: str, project: Name = None, context: Name = None, limit: Limit = 1_000
) -> Rows:
    """A row for every cell and arm: mean, sd, low, high (90 % interval), n, in log units; at most so many rows."""
    return await _table(request, workspace, project, limit, lambda engine: engine.beliefs(project, context))


@router.get("/best")
async def best(
    request: Request, workspace: str, project: Name = None, context: Name = None, limit: Limit = 1_000
) -> Rows:
    """What to use today: of every cell the arm with the highest mean."""
    return await _table(request, workspace, project, limit, lambda engine: engine.best(project, context))


@router.get("/projects")
async def projects(request: Request, workspace: str, limit: Limit = 1_000) -> Rows:
    """What every project is like, what it gave the others and took from them."""
    return await _table(request, workspace, None, limit, lambda engine: engine.projects())


@router.get("/space")
async def space(request: Request, workspace: str) -> dict[str, Any]:
    """What there is to choose from, and the baseline, which is used without Poolwise."""
    entered(request, workspace, "decide")
    known = _engine(request, workspace).space
    return {"baseline": known.baseline, "arms": [arm._asdict() for arm in known.arms]}


@router.get("/decisions/{id}", responses=responses(410))
async def decision(request: Request, workspace: str, id: int) -> dict[str, Any]:
    """A decision, and its outcome if there is one."""
    key, engine = entered(request, workspace, "decide"), _engine(request, workspace)
    made = await run_in_threadpool(engine.store.decision, arguments.decision(id))
    of_project(key, made.project)
    outcome = await run_in_threadpool(engine.store.outcome, id)
    known = {"features": engine.features.shown(made.features)}
    return {**made._asdict(), **known, "outcome": None if outcome is None else outcome._asdict()}


@router.get("/decisions/{id}/explanation", responses=responses(410))
async def explanation(request: Request, workspace: str, id: int) -> dict[str, Any]:
    """Why it was made, from what was logged with it."""
    key, engine = entered(request, workspace, "decide"), _engine(request, workspace)
    of_project(key, (await run_in_threadpool(engine.store.decision, arguments.decision(id))).project)
    return plain(await run_in_threadpool(engine.explain, id))


@router.get("/overview")
async def overview(request: Request, workspace: str) -> dict[str, Any]:
    """How far learning has come in every context, what is limited there and why, and what the goal costs."""
    of_project(entered(request, workspace, "decide"), None)
    engine = _engine(request, workspace)
    status, goal = await run_in_threadpool(engine.status), await run_in_threadpool(engine.across.goal)
    return plain({**status, **await run_in_threadpool(engine.overview), "goal": goal})


async def _table(request: Request, workspace: str, project: str | None, limit: int, ask: Any) -> Rows:
    of_project(entered(request, workspace, "decide"), project)
    engine = _engine(request, workspace)
    return await run_in_threadpool(lambda: records(ask(engine).head(limit)))


def _engine(request: Request, workspace: str) -> Engine:
    found: Engine = request.app.state.workspaces[workspace].engine
    return found


def records(frame: Any) -> Rows:
    """Rows of a data frame; what is no number is null."""
    rows: Rows = json.loads(frame.to_json(orient="records", double_precision=15))
    return rows


def plain(body: Any) -> Any:
    """As JSON has it: arrays are lists, and what is no number is null."""
    if isinstance(body, dict):
        return {str(name): plain(value) for name, value in body.items()}
    if hasattr(body, "tolist"):
        return plain(body.tolist())
    if isinstance(body, list | tuple):
        return [plain(value) for value in body]
    return None if isinstance(body, float) and not abs(body) < float("inf") else body

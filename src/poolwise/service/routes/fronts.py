"""What front ends ask: who a caller is, and in one request all that waits there for a workspace."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from poolwise.engine.leases import Drawn, Lease
from poolwise.errors import PoolwiseError
from poolwise.service.access import entered, of_project
from poolwise.service.bodies import Exchange, Exchanged, KeyAnswer, Loan, choice
from poolwise.service.problems import problem_of, responses
from poolwise.service.workspaces import Workspace

router = APIRouter(prefix="/v1", tags=["front ends"])


@router.get("/whoami", responses=responses())
async def whoami(request: Request) -> KeyAnswer:
    """The key that is sent."""
    key = request.app.state.access.of(request.headers.get("authorization"))
    return KeyAnswer(**{name: value for name, value in key._asdict().items() if name != "hash"})


@router.post("/workspaces/{workspace}/exchange", responses=responses(), response_model=Exchanged)
async def exchange(request: Request, workspace: str, asked: Exchange) -> Response:
    """Outcomes to learn, decisions that a front end drew from leases, jobs to decide, and cells to lend to it.

    What is answered is stored. A decision that was drawn and is stored already is not stored again.
    """
    of_project(entered(request, workspace, "operator"), None)
    place: Workspace = request.app.state.workspaces[workspace]
    writer, cells = place.writer, list(dict.fromkeys((one.project, one.context) for one in asked.cells))
    drawn = [Drawn(one.lease, one.id, one.arm, one.probability) for one in asked.drawn]
    outcomes, taken, decisions, leases = await asyncio.gather(
        _part(asked.outcomes, writer.observe, lambda verdict: verdict),
        _part(drawn, writer.append, lambda verdict: verdict),
        _part(asked.jobs, writer.decide, choice),
        _part(cells, writer.lend, _loan),
    )
    body = {"outcomes": outcomes, "drawn": taken, "decisions": decisions, "leases": leases}
    return Response(to_json(body), media_type="application/json")


async def _part(
    rows: Sequence[Any], ask: Callable[[Any], Awaitable[list[Any]]], shown: Callable[[Any], Any]
) -> list[Any] | dict[str, Any]:
    """What is answered to some rows, or the problem of all."""
    try:
        return [shown(one) for one in await ask(rows)] if rows else []
    except PoolwiseError as error:
        return problem_of(error)


def _loan(lease: Lease) -> Loan:
    cell = lease.cell
    return Loan.model_construct(
        first=lease.first, size=lease.size, project=lease.project, context=lease.context, seed=lease.seed,
        version=cell.version, view=cell.view, families=[arm.family for arm in cell.arms],
        params=[dict(arm.params) for arm in cell.arms], arms=[arm.id for arm in cell.arms],
        probabilities=cell.probabilities, cumulative=cell.cumulative, reasons=cell.reasons,
    )  # fmt: skip

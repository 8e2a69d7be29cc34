"""decide and observe, one job or many."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool

from poolwise.engine import arguments
from poolwise.errors import InputError, OutcomeError
from poolwise.service.access import entered, of_project
from poolwise.service.bodies import Choice, Choices, Job, Jobs, Learned, Report, Reports, Verdict, Verdicts, choice
from poolwise.service.problems import Refused, responses
from poolwise.service.workspaces import Workspace
from poolwise.store.accounts import Key
from poolwise.store.base import conflict, missing

router = APIRouter(prefix="/v1/workspaces/{workspace}", tags=["decisions"])
IdempotencyKey = Annotated[
    str | None,
    Header(description="The same key with the same body has the same answer.", min_length=1, max_length=255),
]


@router.post("/decide", responses=responses(409), response_model=Choice)
async def decide(request: Request, workspace: str, job: Job, idempotency_key: IdempotencyKey = None) -> Any:
    """Choose an arm for one job. The decision is stored when it is answered."""
    key = entered(request, workspace, "decide")
    of_project(key, job.project)
    place = _place(request, workspace)
    ask = lambda: place.writer.decide([job])
    made = await place.answers.once(key.id, idempotency_key, repr(job), ask)
    return choice(made[0])


@router.post("/decide:batch", responses=responses(409), response_model=Choices)
async def decide_batch(request: Request, workspace: str, jobs: Jobs, idempotency_key: IdempotencyKey = None) -> Any:
    """Choose for many jobs; all are stored when it is answered. Plain ones come from one belief, and together or not at
    all; of those with `job` or `available`, the ones before one that is refused stay, without an outcome."""
    key = entered(request, workspace, "decide")
    for job in jobs.jobs:
        of_project(key, job.project)
    place = _place(request, workspace)
    made = await place.answers.once(key.id, idempotency_key, repr(jobs), lambda: place.writer.decide(jobs.jobs))
    return Choices.model_construct(decisions=[choice(one) for one in made])


@router.post("/observe", responses=responses(409))
async def observe(request: Request, workspace: str, report: Report) -> Learned:
    """Report what happened after a decision. Reported the same again, nothing changes: it needs no Idempotency-Key."""
    key, place = entered(request, workspace, "observe"), _place(request, workspace)
    await _own(place, key, [report])
    verdict = (await place.writer.observe([report]))[0]
    if verdict.verdict == "unknown":
        raise Refused(404, missing(report.id))
    if verdict.verdict == "invalid":
        raise OutcomeError(verdict.detail)
    if verdict.verdict == "conflicting":
        raise Refused(409, await run_in_threadpool(_conflict, place, report))
    return Learned.model_construct(id=report.id, new=verdict.verdict == "new")


@router.post("/observe:batch", responses=responses())
async def observe_batch(request: Request, workspace: str, reports: Reports) -> Verdicts:
    """Report many; each has a verdict of its own."""
    key, place = entered(request, workspace, "observe"), _place(request, workspace)
    await _own(place, key, reports.outcomes)
    found: list[Verdict] = await place.writer.observe(reports.outcomes)
    return Verdicts.model_construct(outcomes=found)


def _place(request: Request, workspace: str) -> Workspace:
    found: Workspace = request.app.state.workspaces[workspace]
    return found


async def _own(place: Workspace, key: Key, reports: Sequence[Report]) -> None:
    """Raises Refused where a key is for one project, and a decision is of another, or of none."""
    if key.project is None:
        return
    projects = await run_in_threadpool(lambda: [_project(place, report.id) for report in reports])
    for project in projects:
        of_project(key, project)


def _project(place: Workspace, id: int) -> str:
    try:
        return place.engine.store.decision(arguments.decision(id)).project
    except InputError as error:
        raise Refused(404, missing(id)) from error


def _conflict(place: Workspace, report: Report) -> str:
    known = place.engine.store.outcome(report.id)
    return "it has another outcome" if known is None else conflict(known, known._replace(status=report.status))

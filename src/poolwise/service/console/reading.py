"""Pages to look at: overview, contexts, decisions, projects, refits."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from poolwise.engine import arguments
from poolwise.errors import InputError, UnknownDecision
from poolwise.service.access import of_project
from poolwise.service.console import log
from poolwise.service.console.answers import HOME, Page
from poolwise.service.console.kept import Kept, records
from poolwise.service.console.shown import pages
from poolwise.service.console.visit import Visit, entered
from poolwise.store.accounts import Key

router = APIRouter(prefix=f"{HOME}/w/{{workspace}}", route_class=Page, include_in_schema=False)
Name = Annotated[str | None, Query(max_length=1_000)]
Number = Annotated[int, Query(ge=1, le=1_000_000)]


@router.get("")
def overview(request: Request, workspace: str) -> Response:
    """What happened, what is believed, what needs an operator."""
    visit = entered(request, workspace)
    look = visit.observed.look.get()
    return visit.page("overview.html", "", **pages.overview(look)) if look else _being_read(visit, "")


@router.get("/contexts")
def contexts(
    request: Request, workspace: str, project: Name = None, context: Name = None, page: Number = 1
) -> Response:
    """Every context of every project, those first where most can still be gained."""
    visit = entered(request, workspace, every=False)
    project = _own(visit.key, project)
    look = visit.observed.look.get()
    if look is None:
        return _being_read(visit, "contexts")
    wanted = {kind: name for kind, name in (("project", project), ("context", context)) if name}
    rows = [row for row in look.overview["contexts"] if all(row[kind] == name for kind, name in wanted.items())]
    rows.sort(key=lambda row: -row["doubt"] * row["decisions"])
    chosen = {"project": project, "context": context}
    return visit.page("contexts.html", "contexts", look=look, chosen=chosen, **pages.part_of(rows, page))


@router.get("/context")
def context(
    request: Request,
    workspace: str,
    project: Annotated[str, Query(max_length=1_000)],
    context: Annotated[str, Query(max_length=1_000)],
    page: Number = 1,
) -> Response:
    """What is believed of every arm in one context of one project, and what of it is borrowed."""
    visit = entered(request, workspace, every=False)
    of_project(visit.key, project)
    rows = records(visit.engine.across.borrowing(project, context))
    baseline = visit.engine.space.baseline
    about: dict[str, Any] = {"project": project, "context": context, "baseline": baseline, "page": page}
    return visit.page("context.html", "contexts", **about, **pages.cell(rows, baseline, page))


@router.get("/decisions")
def decisions(
    request: Request,
    workspace: str,
    before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = pages.ROWS,
    project: Name = None,
    context: Name = None,
) -> Response:
    """The last decisions, or those before a place in the log; never all."""
    visit = entered(request, workspace, every=False)
    project = _own(visit.key, project)
    found = log.part(visit.engine.store, before, limit, project, context)
    chosen = {"project": project, "context": context}
    return visit.page("decisions.html", "decisions", chosen=chosen, before=before, limit=limit, **found._asdict())


@router.get("/decision")
def find(request: Request, workspace: str, id: Annotated[int, Query()]) -> Response:
    """To the page of a decision that was asked for by its number."""
    return entered(request, workspace, every=False).go(f"decision/{id}")


@router.get("/decision/{id}")
def decision(request: Request, workspace: str, id: int) -> Response:
    """Why one decision was made."""
    visit = entered(request, workspace, every=False)
    made = visit.engine.store.decision(arguments.decision(id))
    of_project(visit.key, made.project)
    body: dict[str, Any] | None
    try:
        body, without = visit.engine.explain(id), ""
    except UnknownDecision:
        raise
    except InputError as error:
        body, without = None, str(error)
    outcome = visit.engine.store.outcome(id)
    return visit.page("decision.html", "decisions", made=made, outcome=outcome, body=body, without=without)


@router.get("/projects")
def projects(request: Request, workspace: str, page: Number = 1) -> Response:
    """What every project is like, what it gave the others and took from them."""
    visit = entered(request, workspace)
    rows = visit.observed.projects.get()
    if rows is None:
        return _being_read(visit, "projects")
    rows = sorted(rows, key=lambda row: -row["decisions"])
    return visit.page("projects.html", "projects", **pages.part_of(rows, page))


@router.get("/refits")
def refits(request: Request, workspace: str, page: Number = 1) -> Response:
    """Every snapshot that was proposed, newest first, and the checks of the gate."""
    visit = entered(request, workspace)
    found = visit.observed.snapshots()[::-1]
    serving = visit.engine.serving.belief.snapshot
    return visit.page("refits.html", "refits", serving=serving, **pages.part_of(found, page))


def _own(key: Key, project: str | None) -> str | None:
    """The project that a list is about; a key for one project has no other. Raises Refused."""
    project = project or key.project
    if project is not None:
        of_project(key, project)
    return project


def _being_read(visit: Visit, section: str) -> HTMLResponse:
    kept: Kept[Any] = visit.observed.projects if section == "projects" else visit.observed.look
    return visit.page("reading.html", section, status=503 if kept.fault else 200, fault=kept.fault)

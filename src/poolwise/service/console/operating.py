"""Orders: given with a confirmation, taken back with a click, and noted in the audit log each time."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from poolwise.service.access import of_project
from poolwise.service.console import standing
from poolwise.service.console.answers import HOME, Page, form
from poolwise.service.console.shown.pages import part_of
from poolwise.service.console.standing import WORDS, Given, Order
from poolwise.service.console.visit import Visit, entered, sent
from poolwise.service.problems import Refused

router = APIRouter(prefix=f"{HOME}/w/{{workspace}}/orders", route_class=Page, include_in_schema=False)
Name = Annotated[str, Query(max_length=1_000)]
Number = Annotated[int, Query(ge=0, le=10**9)]


@router.get("")
def orders(
    request: Request, workspace: str, done: Number = 0, page: Annotated[int, Query(ge=1, le=10**6)] = 1
) -> Response:
    """Those in force, the form for another one, and all that were given."""
    visit = entered(request, workspace, every=False)
    log = [one for one in _given(visit) if _seen(visit, one.order)][::-1]
    force = [(word, end) for word, end in standing.in_force(visit.engine) if _seen(visit, end)]
    last = next((one for one in log if one.number == done), None)
    arms = [arm.id for arm in visit.engine.space.arms]
    known = sorted({arm.partition("(")[0] for arm in arms} | set(arms))[:200]
    return visit.page(
        "operation/orders.html", "orders", force=force, last=last, words=WORDS, arms=known, **part_of(log, page)
    )


@router.get("/confirm")
def confirm(
    request: Request, workspace: str, order: Name, arm: Name = "", project: Name = "", context: Name = ""
) -> Response:
    """What an order would do, before it is given."""
    visit = entered(request, workspace, "operator", every=False)
    asked = _asked(visit, {"order": order, "arm": arm, "project": project, "context": context})
    meant = visit.engine.serving.policy_gate.checked(*asked)
    return visit.page("operation/confirm_order.html", "orders", asked=asked, arms=meant["arms"], words=WORDS)


@router.post("")
def order(request: Request, workspace: str, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Give it: it holds at once."""
    visit = entered(request, workspace, "operator", every=False)
    return _give(visit, [_asked(visit, sent(visit, fields))], {})


@router.post("/undo")
def undo(request: Request, workspace: str, fields: Annotated[dict[str, str], Depends(form)]) -> Response:
    """Give the orders that lead back from one in the log."""
    visit = entered(request, workspace, "operator", every=False)
    number = sent(visit, fields).get("number", "")
    known = {str(one.number): one for one in _given(visit) if _seen(visit, one.order)}.get(number)
    if known is None or not known.undo:
        raise Refused(404, "there is no such order, or it changed nothing: look at the list of orders")
    return _give(visit, known.undo, {"undoes": known.number})


def _give(visit: Visit, wanted: Sequence[Order], more: dict[str, Any]) -> Response:
    record: dict[str, Any] = {}
    for one in wanted:
        record = visit.engine.control(one.order, one.arm, project=one.project, context=one.context)
        visit.noted("order", {name: value for name, value in one._asdict().items() if value is not None} | more)
    visit.observed.look.outdated()
    return visit.go("orders", done=standing.number_of(visit.engine.store.records("control"), record))


def _asked(visit: Visit, fields: dict[str, str]) -> Order:
    """An order as it was filled in: what is empty is not meant. Raises Refused."""
    asked = Order(fields.get("order", ""), *(fields.get(name) or None for name in ("arm", "project", "context")))
    asked = asked._replace(project=asked.project or visit.key.project)
    of_project(visit.key, asked.project)
    return asked


def _given(visit: Visit) -> list[Given]:
    safeguards = visit.engine.serving.policy_gate.safeguards
    return [] if safeguards is None else standing.given(visit.engine.store.records("control"), safeguards.overrides)


def _seen(visit: Visit, order: Order) -> bool:
    return visit.key.project in (None, order.project)

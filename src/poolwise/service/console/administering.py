"""Keys and the audit log, for administrators."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import ValidationError

from poolwise.service.bodies import KeyRequest
from poolwise.service.console.answers import HOME, Page, form
from poolwise.service.console.shown.pages import ROWS, part_of
from poolwise.service.console.visit import Visit, entered, sent
from poolwise.service.problems import Refused
from poolwise.service.routes.administration import added, known, revoked
from poolwise.store.accounts import ROLES

router = APIRouter(prefix=f"{HOME}/w/{{workspace}}", route_class=Page, include_in_schema=False)
Form = Annotated[dict[str, str], Depends(form)]
DAY = 86_400.0


@router.get("/keys")
def keys(request: Request, workspace: str, page: Annotated[int, Query(ge=1, le=10**6)] = 1) -> Response:
    """Those of this workspace, newest first, and the form for another one."""
    return _keys(entered(request, workspace, "admin"), page)


@router.post("/keys")
def create(request: Request, workspace: str, fields: Form) -> Response:
    """Make a key: this answer alone shows its text."""
    visit = entered(request, workspace, "admin")
    asked = _asked(sent(visit, fields))
    made, text = added(visit.signed.access, visit.key, workspace, asked)
    return _keys(visit, 1, status=201, made=made, text=text)


@router.get("/keys/revoke")
def confirm(request: Request, workspace: str, id: Annotated[str, Query(max_length=100)]) -> Response:
    """What ends with a key, before it does."""
    visit = entered(request, workspace, "admin")
    found = known(visit.signed.access, visit.key, workspace, id)
    return visit.page("operation/confirm_key.html", "keys", found=found, own=found.id == visit.key.id)


@router.post("/keys/revoke")
def revoke(request: Request, workspace: str, fields: Form) -> Response:
    """End a key."""
    visit = entered(request, workspace, "admin")
    revoked(visit.signed.access, visit.key, workspace, sent(visit, fields).get("id", ""))
    return visit.go("keys")


@router.get("/audit")
def audit(
    request: Request, workspace: str, before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None
) -> Response:
    """What was done with keys, orders, refits, exports and deletions, newest first."""
    visit = entered(request, workspace, "admin")
    accounts = visit.signed.access.accounts
    rows = accounts.audit(workspace, before=before, limit=ROWS)
    names = {key.id: key.name for key in accounts.every() if key.workspace in (workspace, visit.key.workspace)}
    older = rows[-1].sequence if len(rows) == ROWS else None
    return visit.page("operation/audit.html", "audit", rows=rows, names=names, before=before, older=older)


def _keys(visit: Visit, page: int, *, status: int = 200, made: Any = None, text: str = "") -> Response:
    found = [one for one in visit.signed.access.accounts.every() if one.workspace == visit.workspace][::-1]
    return visit.page("operation/keys.html", "keys", status=status, roles=ROLES, made=made, text=text,
                      **part_of(found, page))  # fmt: skip


def _asked(fields: dict[str, str]) -> KeyRequest:
    """Raises Refused for what is no request for a key."""
    days = fields.get("days", "")
    try:
        return KeyRequest(
            name=fields.get("name", ""),
            role=fields.get("role", ""),  # type: ignore[arg-type]
            project=fields.get("project") or None,
            expires_in=float(days) * DAY if days else None,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(422, f"{first['loc'][0]}: {first['msg']}") from error
    except ValueError as error:
        raise Refused(422, "days: a number of days is needed, or nothing for a key that lasts") from error

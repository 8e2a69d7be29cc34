"""Signing in and out, what is served as it is, and where to begin."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from poolwise.service.console import administering, operating, reading
from poolwise.service.console.answers import HOME, STATIC, Page, form, go, message, page
from poolwise.service.console.session import COOKIE, FORM, IDLE, LONGEST, matching, set_cookie
from poolwise.service.console.visit import Console, address, sent, signed
from poolwise.service.problems import Refused

router = APIRouter(prefix=HOME, route_class=Page, include_in_schema=False)
Form = Annotated[dict[str, str], Depends(form)]


def install(app: FastAPI) -> None:
    """Let an application have a console."""
    app.state.console = Console()
    for part in (reading, operating, administering):
        app.include_router(part.router)
    app.include_router(router)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """The style and the icon."""
    if name not in STATIC:
        raise Refused(404, "there is no such file")
    body, media = STATIC[name]
    return Response(body, media_type=media, headers={"Cache-Control": "public, max-age=3600"})


@router.get("/sign-in")
def sign_in(request: Request, to: str | None = None) -> Response:
    """The form that asks for a key."""
    return _asking(request, to or "")


@router.post("/sign-in")
def signing_in(request: Request, fields: Form) -> Response:
    """Begin a session with the key of the form."""
    matching(fields.get("csrf", ""), request.cookies.get(FORM, ""))
    to = fields.get("to", "")
    try:
        key = request.app.state.access.of(f"Bearer {fields.get('key', '')}")
    except Refused as refused:
        if refused.status != 401:
            raise
        return _asking(request, to, "This key is not in force: check that all of it was copied.", 401)
    if key.role == "observe":
        return _asking(request, to, "This key may only report outcomes: use one with the role decide.", 403)
    sessions = request.app.state.console.sessions
    sessions.end(request.cookies.get(COOKIE))
    answer = go(to if to.startswith(f"{HOME}/w/") and "\\" not in to else HOME)
    set_cookie(request, answer, COOKIE, sessions.begin(key.id), LONGEST)
    set_cookie(request, answer, FORM, "", 0)
    return answer


@router.post("/sign-out")
def sign_out(request: Request, fields: Form) -> Response:
    """End the session."""
    sent(signed(request), fields)
    request.app.state.console.sessions.end(request.cookies.get(COOKIE))
    answer = go(f"{HOME}/sign-in")
    set_cookie(request, answer, COOKIE, "", 0)
    return answer


@router.get("")
def home(request: Request) -> Response:
    """The only workspace, or a list of those that the key opens."""
    who = signed(request)
    if len(who.workspaces) == 1:
        first = "" if who.key.project is None else "/contexts"
        return go(address(who.workspaces[0]) + first)
    links = [(address(name) + ("" if who.key.project is None else "/contexts"), name) for name in who.workspaces]
    return message("Workspaces", "Each has its own belief; nothing passes between two of them.", links=links)


@router.api_route("/{rest:path}", methods=["GET", "POST"])
def nowhere(rest: str) -> Response:
    """Whatever else is asked for."""
    raise Refused(404, "there is no such page: go back, or begin at the overview")


def _asking(request: Request, to: str, wrong: str = "", status: int = 200) -> HTMLResponse:
    token = request.cookies.get(FORM) or secrets.token_urlsafe(32)
    answer = page("sign_in.html", status=status, csrf=token, to=to, wrong=wrong)
    set_cookie(request, answer, FORM, token, IDLE)
    return answer

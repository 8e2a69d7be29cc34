"""Who looks at which workspace: a session, its key, and what the key may see there."""

from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from poolwise.engine.engine import Engine
from poolwise.service import access
from poolwise.service.access import Access, of_project
from poolwise.service.console import answers
from poolwise.service.console.kept import Observed
from poolwise.service.console.session import COOKIE, Session, Sessions, matching
from poolwise.service.problems import Refused
from poolwise.store.accounts import EVERY, ROLES, Key, Role

SECTIONS: tuple[tuple[str, str, Role, bool], ...] = (
    ("", "Overview", "decide", True),
    ("contexts", "Contexts", "decide", False),
    ("decisions", "Decisions", "decide", False),
    ("projects", "Projects", "decide", True),
    ("refits", "Refits", "decide", True),
    ("orders", "Orders", "decide", False),
    ("keys", "Keys", "admin", True),
    ("audit", "Audit", "admin", True),
)
"""Path, title, least role, and whether it is for keys of all projects alone."""


class Console:
    """What the console remembers while the server runs."""

    def __init__(self) -> None:
        self.sessions = Sessions()
        self._observed: dict[str, Observed] = {}

    def observed(self, workspace: str, engine: Engine) -> Observed:
        """What is kept of a workspace."""
        found = self._observed.get(workspace)
        if found is None or found.engine is not engine:
            found = self._observed[workspace] = Observed(engine)
        return found


class Signed(NamedTuple):
    """Somebody with a session."""

    request: Request
    key: Key
    session: Session

    @property
    def access(self) -> Access:
        found: Access = self.request.app.state.access
        return found

    @property
    def workspaces(self) -> list[str]:
        """Names of those that the key opens."""
        return [name for name in self.request.app.state.workspaces if self.key.workspace in (EVERY, name)]


class Visit(NamedTuple):
    """Somebody in a workspace."""

    signed: Signed
    workspace: str
    engine: Engine
    observed: Observed

    @property
    def key(self) -> Key:
        return self.signed.key

    @property
    def at(self) -> str:
        """Where the workspace's pages begin."""
        return address(self.workspace)

    def may(self, role: Role) -> bool:
        return ROLES.index(self.key.role) >= ROLES.index(role)

    def page(self, template: str, section: str, *, status: int = 200, **variables: Any) -> HTMLResponse:
        """A page of this workspace."""
        known = {"at": self.at, "workspace": self.workspace, "key": self.key, "token": self.signed.session.token,
                 "sections": self._sections(), "section": section, "several": len(self.signed.workspaces) > 1,
                 "may": self.may}  # fmt: skip
        return answers.page(template, status=status, **known, **variables)

    def go(self, page: str, **parameters: Any) -> RedirectResponse:
        return answers.go(f"{self.at}/{page}", **parameters)

    def noted(self, action: str, detail: dict[str, Any]) -> None:
        """In the audit log; durable when it returns."""
        self.signed.access.accounts.append(self.key.id, self.workspace, action, detail)

    def _sections(self) -> list[tuple[str, str]]:
        every = self.key.project is None
        return [(path, title) for path, title, role, all in SECTIONS if self.may(role) and (every or not all)]


def address(workspace: str) -> str:
    return f"{answers.HOME}/w/{quote(workspace, safe='')}"


def signed(request: Request) -> Signed:
    """Raises Refused: 401 without a session."""
    session = request.app.state.console.sessions.of(request.cookies.get(COOKIE))
    if session is None:
        raise Refused(401, "sign in first: the session has ended, or there was none")
    return Signed(request, request.app.state.access.in_force(session.key), session)


def entered(request: Request, workspace: str, role: Role = "decide", *, every: bool = True) -> Visit:
    """Whoever has a key with this role here. every: the page shows all projects. Raises Refused: 401, 403, 404, 429."""
    who = signed(request)
    access.granted(request, who.key, workspace, role)
    if every:
        of_project(who.key, None)
    engine = request.app.state.workspaces[workspace].engine
    return Visit(who, workspace, engine, request.app.state.console.observed(workspace, engine))


def sent(visit: Signed | Visit, form: dict[str, str]) -> dict[str, str]:
    """The form, if it comes from a page of this session. Raises Refused."""
    who = visit.signed if isinstance(visit, Visit) else visit
    matching(form.get("csrf", ""), who.session.token)
    return form

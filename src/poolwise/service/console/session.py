"""Who is signed in: a random id in a cookie, and beside it in memory which key it stands for. No key is kept."""

import secrets
import time
from typing import NamedTuple

from fastapi import Request, Response

from poolwise.service.problems import Refused

IDLE, LONGEST, MOST = 1_800.0, 28_800.0, 1_000
"""Seconds after which a session ends without a request, and in any case; sessions at a time, the oldest end first."""
COOKIE, FORM = "poolwise_session", "poolwise_form"
"""Names of cookies: of a session, and of whoever is about to sign in."""


class Session(NamedTuple):
    """Of one browser."""

    key: str
    """Id of the key."""
    token: str
    """Stands in every form: a page of another site cannot know it."""
    began: float
    used: float


class Sessions:
    """Of one server; they end with its process."""

    def __init__(self) -> None:
        self._known: dict[str, Session] = {}

    def begin(self, key: str) -> str:
        """The id of a new session."""
        now = time.monotonic()
        self._known = {id: one for id, one in list(self._known.items()) if _lasts(one, now)}
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        id = secrets.token_urlsafe(32)
        self._known[id] = Session(key, secrets.token_urlsafe(32), now, now)
        return id

    def of(self, id: str | None) -> Session | None:
        """The session that a cookie names, if it has not ended; it has been used now."""
        now, found = time.monotonic(), self._known.get(id or "")
        if id is None or found is None:
            return None
        if not _lasts(found, now):
            self.end(id)
            return None
        self._known[id] = found._replace(used=now)
        return found

    def end(self, id: str | None) -> None:
        self._known.pop(id or "", None)


def matching(sent: str, expected: str) -> None:
    """Raises Refused where a form does not hold the token that it was given."""
    if not (expected and secrets.compare_digest(sent.encode(), expected.encode())):
        raise Refused(403, "this form is out of date, or not from this page: open it again, and send it then")


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: float) -> None:
    """For this browser, this site and no script."""
    response.set_cookie(
        name, value, max_age=int(seconds), path="/console", httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip


def _lasts(session: Session, now: float) -> bool:
    return now - session.used < IDLE and now - session.began < LONGEST

"""A front end as an ASGI application: single decides and observes are gathered here, everything else is handed on.

Pure ASGI, without routes and models of its own: what it does not understand at once the writer answers, in its words.
"""

import re
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from poolwise.names import fault
from poolwise.service.access import opens
from poolwise.service.bodies import Job, Report
from poolwise.service.fronts.callers import Callers
from poolwise.service.fronts.exchange import Front
from poolwise.service.fronts.upstream import Answer, Upstream
from poolwise.service.guard import Guard
from poolwise.service.idempotency import Answers
from poolwise.service.problems import Refused, answer
from poolwise.store.accounts import Key

STALENESS, MOST = 0.05, 1_000
"""Seconds; workspaces."""
GATHERED = re.compile(r"/v1/workspaces/([^/?%]+)/(decide|observe)")
JSON = [(b"content-type", b"application/json")]


def application(upstream: Upstream, staleness: float = STALENESS) -> Guard:
    """staleness: seconds for which a front end decides from the same belief."""
    return Guard(FrontEnd(upstream, staleness))


class FrontEnd:
    """Of every workspace of one service."""

    def __init__(self, upstream: Upstream, staleness: float) -> None:
        self._upstream, self._staleness = upstream, staleness
        self._callers = Callers(upstream.whoami)
        self._fronts: dict[str, tuple[Front, Answers]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = b"" if scope["method"] in ("GET", "HEAD") else (await receive()).get("body", b"")
        try:
            found = await self._answered(scope, headers, body)
        except Refused as refused:
            await answer(refused.status, refused.detail, refused.headers)(scope, receive, send)
            return
        head = [*found.headers, (b"content-length", str(len(found.body)).encode())]
        await send({"type": "http.response.start", "status": found.status, "headers": head})
        await send({"type": "http.response.body", "body": found.body})

    async def _answered(self, scope: Any, headers: dict[str, str], body: bytes) -> Answer:
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
        if path == "/live":
            return Answer(200, JSON, b'{"status":"live"}')
        asked = GATHERED.fullmatch(path)
        if asked and scope["method"] == "POST" and headers.get("content-type", "").startswith("application/json"):
            work = self._decided if asked[2] == "decide" else self._observed
            if (found := await work(asked[1], headers, body)) is not None:
                return found
        query = scope["query_string"].decode("latin-1")
        return await self._upstream.handed_on(
            scope["method"], f"{path}?{query}" if query else path, scope["headers"], body
        )

    async def _decided(self, workspace: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """None: for the writer, which says what is wrong with it, or decides what nobody else can."""
        repeat = headers.get("idempotency-key")
        try:
            job = Job.model_validate_json(body)
        except ValidationError:
            return None
        plain = job.job is job.available is job.features is None
        plain = plain and not fault(job.project) and not fault(job.context)
        if not plain or (repeat is not None and not 0 < len(repeat) < 256):
            return None
        key = await self._entered(headers, workspace, "decide")
        if key is None or key.project not in (None, job.project):
            return None
        front, answers = self._front(workspace)
        row = {"project": job.project, "context": job.context}
        return Answer(200, JSON, to_json(await answers.once(key.id, repeat, repr(job), lambda: front.decide(row))))

    async def _observed(self, workspace: str, headers: dict[str, str], body: bytes) -> Answer | None:
        """None: for the writer, which says what is wrong with it, or knows whose decision it was."""
        try:
            report = Report.model_validate_json(body)
        except ValidationError:
            return None
        key = await self._entered(headers, workspace, "observe")
        if key is None or key.project is not None:
            return None
        verdict = await self._front(workspace)[0].observe(report.model_dump(exclude_none=True))
        if verdict["verdict"] not in ("new", "repeated"):
            return None
        return Answer(200, JSON, to_json({"id": report.id, "new": verdict["verdict"] == "new"}))

    async def _entered(self, headers: dict[str, str], workspace: str, role: Any) -> Key | None:
        """The caller's key. Raises Refused."""
        if "authorization" not in headers:
            return None
        key = await self._callers.of(headers["authorization"])
        opens(key, workspace, role)
        return key

    def _front(self, workspace: str) -> tuple[Front, Answers]:
        if workspace not in self._fronts and len(self._fronts) >= MOST:
            raise Refused(404, "there is no such workspace for this key")
        if workspace not in self._fronts:
            front = Front(lambda body: self._upstream.exchange(workspace, body), self._staleness)
            self._fronts[workspace] = front, Answers()
        return self._fronts[workspace]

"""The writer as a front end sees it: asked with the front end's own key, or handed on to with all that a caller sent.

By the transport of httpx alone: a client would keep one caller's cookies for the next.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from poolwise.extras import named
from poolwise.service.problems import Refused

try:
    import httpx
except ModuleNotFoundError as missing:
    raise named(missing) from None

Headers = Sequence[tuple[bytes, bytes]]
OF_A_CONNECTION = {
    b"connection", b"content-length", b"expect", b"keep-alive", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade", b"date",
}  # fmt: skip
"""Headers that are not handed on (RFC 9110, section 7.6.1), and one that every server gives its answers."""
OF_AN_ANSWER = {b"content-type", b"content-encoding", b"date", b"server"}
"""Headers that an answer of ours has anew."""
PATIENCE, KEPT = 30.0, 20.0
"""Seconds until an answer, and for which a connection is kept that nothing needs: less than the writer keeps it."""
TIMEOUT = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE)}
LIMITS = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=KEPT)


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


class Upstream:
    """One service; connections are kept open."""

    def __init__(self, url: str, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url, self._line = httpx.URL(url), transport or httpx.AsyncHTTPTransport(limits=LIMITS)
        self._own = [(b"host", self._url.netloc), (b"authorization", f"Bearer {key}".encode())]

    async def exchange(self, workspace: str, body: dict[str, Any]) -> dict[str, Any]:
        """All that waits for a workspace. Raises Refused."""
        head = [*self._own, (b"content-type", b"application/json")]
        path = f"/v1/workspaces/{workspace}/exchange"
        answer = await self.handed_on("POST", path, head, json.dumps(body).encode())
        if answer.status == 200:
            found: dict[str, Any] = json.loads(answer.body)
            return found
        detail = _detail(answer)
        if answer.status == 404:
            raise Refused(404, detail)
        raise Refused(503, f"the writer answers this front end {answer.status}: {detail}", {"Retry-After": "1"})

    async def whoami(self, authorization: str) -> dict[str, Any]:
        """The key of a caller. Raises Refused as the writer does."""
        head = [self._own[0], (b"authorization", authorization.encode("latin-1"))]
        answer = await self.handed_on("GET", "/v1/whoami", head, b"")
        if answer.status != 200:
            kept = {name.decode(): value.decode() for name, value in answer.headers if name not in OF_AN_ANSWER}
            raise Refused(answer.status, _detail(answer), kept)
        found: dict[str, Any] = json.loads(answer.body)
        return found

    async def handed_on(self, verb: str, path: str, headers: Headers, body: bytes) -> Answer:
        """A request as it is, and its answer as it is. Raises Refused where there is none."""
        whole = self._url.copy_with(raw_path=self._url.raw_path.rstrip(b"/") + path.encode("latin-1"))
        request = httpx.Request(verb, whole, headers=_passed(headers), content=body, extensions=TIMEOUT)
        try:
            answer = await self._line.handle_async_request(request)
            content = await _read(answer)
        except httpx.TransportError as error:
            raise Refused(
                503, f"the writer does not answer ({type(error).__name__}): try again later", {"Retry-After": "1"}
            ) from error
        return Answer(answer.status_code, _passed(answer.headers.raw), content)


def _passed(headers: Headers) -> Headers:
    return [(name.lower(), value) for name, value in headers if name.lower() not in OF_A_CONNECTION]


async def _read(answer: httpx.Response) -> bytes:
    """As it came, encoded or not."""
    stream = answer.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    try:
        return b"".join([part async for part in stream])
    finally:
        await stream.aclose()


def _detail(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status}"

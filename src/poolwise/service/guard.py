"""What is refused before it is read: bodies that are too large, or come too slowly. Pure ASGI."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from poolwise.service.problems import answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
MOST, PATIENCE = 4_000_000, 15.0
"""Bytes of a body, and seconds until all of it is there."""


class Guard:
    """Reads the whole body, and hands it on as one piece."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], most: int = MOST) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            await answer(400, "Content-Length is no number")(scope, receive, send)
            return
        too_large = answer(413, f"a body has at most {self._most:,} bytes: send fewer rows at a time")
        if int(length) > self._most:
            await too_large(scope, receive, send)
            return
        try:
            async with asyncio.timeout(PATIENCE):
                body = await self._read(receive)
        except TimeoutError:
            await answer(408, f"the body was not there after {PATIENCE:.0f} s")(scope, receive, send)
            return
        if body is None:
            await too_large(scope, receive, send)
            return
        await self._app(scope, _once(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            parts.append(message.get("body", b""))
            size, more = size + len(parts[-1]), message.get("more_body", False)
            if size > self._most:
                return None
        return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    left = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> MutableMapping[str, Any]:
        return left.pop() if left else await receive()

    return read

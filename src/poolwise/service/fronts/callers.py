"""Whose key it is that a front end was sent: the writer is asked, and believed for as long as it believes itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from poolwise.service.access import FRESH, USUAL, Buckets, Rate
from poolwise.service.problems import Refused
from poolwise.store.accounts import Key

MOST = 4_096


class Callers:
    """Keys by the header that they came in; used on one event loop."""

    def __init__(self, whoami: Callable[[str], Awaitable[dict[str, Any]]], rate: Rate = USUAL) -> None:
        self._whoami, self._buckets = whoami, Buckets(rate)
        self._known: dict[str, tuple[float, asyncio.Task[Key]]] = {}

    async def of(self, header: str) -> Key:
        """The key of an `Authorization` header. Raises Refused as the writer: 401, 429, 503."""
        since, asking = self._known.get(header, (float("-inf"), None))
        if asking is None or time.monotonic() - since >= FRESH:
            asking = self._asked(header)
        key = await asyncio.shield(asking)
        if key.expires is not None and time.time() >= key.expires:
            raise Refused(401, "this key is over: ask for another one", {"WWW-Authenticate": "Bearer"})
        self._buckets.count(key.id)
        return key

    def _asked(self, header: str) -> "asyncio.Task[Key]":
        """Once for all who wait for it; what was refused is asked again."""
        asking = asyncio.ensure_future(self._key(header))
        self._known.pop(header, None)
        self._known[header] = time.monotonic(), asking
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]
        asking.add_done_callback(lambda done: self._dropped(header, done))
        return asking

    async def _key(self, header: str) -> Key:
        return Key(hash="", **await self._whoami(header))

    def _dropped(self, header: str, done: "asyncio.Task[Key]") -> None:
        if (done.cancelled() or done.exception()) and self._known.get(header, (0.0, None))[1] is done:
            del self._known[header]

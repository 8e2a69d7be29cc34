"""Whose key it is that a front end was sent: the writer is asked, and believed for as long as it believes itself."""

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
        self._known: dict[str, tuple[float, Key]] = {}

    async def of(self, header: str) -> Key:
        """The key of an `Authorization` header. Raises Refused as the writer: 401, 429, 503."""
        since, key = self._known.get(header, (float("-inf"), None))
        if key is None or time.monotonic() - since >= FRESH:
            self._known.pop(header, None)
            asked = time.monotonic()
            key = Key(hash="", **await self._whoami(header))
            self._known[header] = asked, key
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]
        if key.expires is not None and time.time() >= key.expires:
            raise Refused(401, "this key is over: ask for another one", {"WWW-Authenticate": "Bearer"})
        self._buckets.count(key.id)
        return key

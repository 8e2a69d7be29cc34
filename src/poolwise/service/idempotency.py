"""Answers to requests that may be sent twice: the same `Idempotency-Key` with the same body has the same answer.

Kept in memory, for a day or until there are too many: after a restart a repeated `decide` makes a decision of its own,
and the first one waits for an outcome that never comes, as that of any client that went away. An outcome that is
reported twice needs no key: it is learned once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from poolwise.service.problems import Refused

MOST, LIFE = 20_000, 86_400.0


class Answers:
    """By key of the caller and of the request; used on one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[float, int, asyncio.Future[Any]]] = OrderedDict()

    async def once(self, caller: str, key: str | None, body: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        """What was answered before, or is now. Raises Refused for a key that another body had."""
        if key is None:
            return await ask()
        now, place = time.monotonic(), (caller, key)
        self._fade(now)
        known = self._kept.get(place)
        if known is None:
            task = asyncio.ensure_future(ask())
            self._kept[place] = now, hash(body), task
            task.add_done_callback(lambda done: self._dropped(place, done))
            return await asyncio.shield(task)
        if known[1] != hash(body):
            raise Refused(422, "this Idempotency-Key was used with another body: take a new one for each job")
        return await asyncio.shield(known[2])

    def _dropped(self, place: tuple[str, str], done: "asyncio.Future[Any]") -> None:
        """What failed may be tried again."""
        if done.cancelled() or done.exception() is not None:
            self._kept.pop(place, None)

    def _fade(self, now: float) -> None:
        while self._kept and (len(self._kept) > MOST or next(iter(self._kept.values()))[0] < now - LIFE):
            self._kept.popitem(last=False)

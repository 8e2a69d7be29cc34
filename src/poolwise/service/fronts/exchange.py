"""What waits at a front end for one workspace: sent together, one request at a time, answered once it is stored."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from poolwise.service.fronts.lent import Desk
from poolwise.service.problems import Refused

MOST, MOST_WAITING = 2_000, 20_000
"""Rows of one exchange, and those that may wait."""
CROWD, PAUSE = 5, 0.005
"""Rows of an exchange after which the next one waits so many seconds: those who were just answered come with it."""
Send = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
"""An exchange with the writer. Raises Refused."""


class Waiting(NamedTuple):
    """A job or a report, and who waits for its answer."""

    row: dict[str, Any]
    answer: "asyncio.Future[dict[str, Any]]"


class Front:
    """Of one workspace; used on one event loop."""

    def __init__(self, send: Send, staleness: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._send, self._clock = send, clock
        self._desk = Desk(staleness, clock)
        self._jobs: list[Waiting] = []
        self._reports: list[Waiting] = []
        self._working: asyncio.Task[None] | None = None

    async def decide(self, job: dict[str, Any]) -> dict[str, Any]:
        """A decision on a project and context, which is stored. Raises Refused."""
        return await self._asked(self._jobs, job)

    async def observe(self, report: dict[str, Any]) -> dict[str, Any]:
        """The verdict on a report. Raises Refused."""
        return await self._asked(self._reports, report)

    async def _asked(self, waiting: list[Waiting], row: dict[str, Any]) -> dict[str, Any]:
        if len(waiting) >= MOST_WAITING:
            raise Refused(503, "more requests wait here than can be taken: come back later", {"Retry-After": "1"})
        one = Waiting(row, asyncio.get_running_loop().create_future())
        waiting.append(one)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await one.answer

    async def _work(self) -> None:
        while self._jobs or self._reports:
            jobs, reports = _taken(self._jobs), _taken(self._reports)
            try:
                await self._exchange(jobs, reports)
                if len(jobs) + len(reports) >= CROWD:
                    await asyncio.sleep(PAUSE)
            except Refused as refused:
                _refuse([*jobs, *reports], refused)
            except Exception as error:
                _refuse([*jobs, *reports], Refused(503, f"the writer's answer cannot be read: {error!r}"))

    async def _exchange(self, jobs: list[Waiting], reports: list[Waiting]) -> None:
        asked, cells = self._clock(), {}
        drawn: list[tuple[Waiting, dict[str, Any]]] = []
        plain: list[Waiting] = []
        for one in jobs:
            cell = one.row["project"], one.row["context"]
            wanted = self._desk.wanted(cell)
            if (made := self._desk.draw(cell)) is not None:
                drawn.append((one, made))
                continue
            plain.append(one)
            if wanted:
                cells[cell] = {"project": cell[0], "context": cell[1]}
        answer = await self._send(
            {
                "outcomes": [one.row for one in reports],
                "drawn": [{name: made[name] for name in ("lease", "id", "arm", "probability")} for _, made in drawn],
                "jobs": [one.row for one in plain],
                "cells": list(cells.values()),
            }
        )
        if isinstance(answer["leases"], list):
            self._desk.keep(answer["leases"], asked)
        _answer(reports, answer["outcomes"])
        _answer(plain, answer["decisions"])
        again = self._store(drawn, answer["drawn"])
        if again:
            await self._decided(again)

    def _store(self, drawn: list[tuple[Waiting, dict[str, Any]]], verdicts: Any) -> list[Waiting]:
        """Answer what is stored; the others are to be decided by the writer."""
        again = []
        told = verdicts if isinstance(verdicts, list) else [("over", 0.0)] * len(drawn)
        for (one, made), (verdict, at) in zip(drawn, told, strict=True):
            if verdict == "stored":
                _set(one, {name: value for name, value in made.items() if name != "lease"} | {"time": at})
            else:
                self._desk.drop((made["project"], made["context"]))
                again.append(one)
        return again

    async def _decided(self, jobs: list[Waiting]) -> None:
        answer = await self._send({"jobs": [one.row for one in jobs]})
        _answer(jobs, answer["decisions"])


def _taken(waiting: list[Waiting]) -> list[Waiting]:
    found, waiting[:] = waiting[:MOST], waiting[MOST:]
    return found


def _answer(waiting: list[Waiting], found: Any) -> None:
    """Row by row, or the problem of all."""
    if isinstance(found, dict):
        _refuse(waiting, Refused(found["status"], found["detail"], {"Retry-After": "1"}))
        return
    for one, row in zip(waiting, found, strict=True):
        _set(one, row)


def _set(one: Waiting, row: dict[str, Any]) -> None:
    if not one.answer.done():
        one.answer.set_result(row)


def _refuse(waiting: list[Waiting], refused: Refused) -> None:
    for one in waiting:
        if not one.answer.done():
            one.answer.set_exception(refused)

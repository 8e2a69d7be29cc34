"""One thread that writes: it takes whatever waits as one group, with one commit for all outcomes and one for decisions
(one more for those that front ends have drawn).

A request waits on the event loop, not in a thread. Nothing is answered before it is stored. What waits is bounded: a
writer that falls behind refuses instead of keeping callers for ever.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import islice
from typing import Any, Literal, NamedTuple

from poolwise.engine.engine import Engine
from poolwise.engine.leases import Drawn, Lease
from poolwise.engine.leases import Verdict as Taken
from poolwise.errors import OutcomeError, PoolwiseError, StoreError
from poolwise.schema import Decision
from poolwise.service.bodies import Job, Report, Verdict
from poolwise.store.base import CONFLICTING, NEW, REPEATED, UNKNOWN, DecisionColumns

LOG = logging.getLogger("poolwise")
VERDICTS: dict[int, Any] = {NEW: "new", REPEATED: "repeated", CONFLICTING: "conflicting", UNKNOWN: "unknown"}
MOST_WAITING, GROUP = 20_000, 2_000
"""Requests that may wait, and those that are taken at a time."""
BLOCK = 64
"""Ids of a lease."""


class Busy(PoolwiseError):
    """More requests wait than the writer can take."""


Kind = Literal["learn", "append", "decide", "lend"]
KINDS: tuple[Kind, ...] = ("learn", "append", "decide", "lend")
"""What is done with a group, in this order: who reports and then asks finds it learned."""


class Request(NamedTuple):
    """What waits: outcomes to learn, drawn decisions to store, jobs to decide, or cells to lend."""

    kind: Kind
    rows: Sequence[Any]
    done: "Future[Any]"
    """Where the answer goes."""


class Group(NamedTuple):
    """What was done with requests that were taken together."""

    decided: list[tuple[int, float]]
    """Ids and times, of front ends' decisions too."""
    learned: list[Report]
    """That were new."""
    learning: float
    deciding: float
    """Seconds, the store's part included."""


class Writer:
    """The only one that decides and learns in its workspace."""

    def __init__(self, engine: Engine, measured: Callable[[Group], None] = lambda group: None) -> None:
        """measured: is told of every group."""
        self._engine, self._measured = engine, measured
        self._waiting: list[Request] = []
        self._ready, self._closing = threading.Condition(), False
        self._thread = threading.Thread(target=self._work, name="poolwise-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def decide(self, jobs: Sequence[Job]) -> list[Decision]:
        """Stored when it returns. Raises as `Engine.decide`, and Busy."""
        return await self._ask(Request("decide", jobs, Future()))

    async def observe(self, reports: Sequence[Report]) -> list[Verdict]:
        """A verdict on each; stored when it returns. Raises StoreError and Busy."""
        return await self._ask(Request("learn", reports, Future()))

    async def append(self, rows: Sequence[Drawn]) -> list[tuple[Taken, float]]:
        """Of each a verdict and its time; stored when it returns. Raises StoreError and Busy."""
        return await self._ask(Request("append", rows, Future()))

    async def lend(self, cells: Sequence[tuple[str, str]]) -> list[Lease]:
        """Of every (project, context), or none; see `engine.leases`. Raises InputError, StoreError and Busy."""
        return await self._ask(Request("lend", cells, Future()))

    def close(self) -> None:
        """What waits is answered before."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        self._thread.join()

    async def _ask(self, request: Request) -> Any:
        with self._ready:
            if self._closing or len(self._waiting) >= MOST_WAITING:
                raise Busy("more requests wait than can be taken: send fewer at a time, and this one again later")
            self._waiting.append(request)
            self._ready.notify()
        return await asyncio.wrap_future(request.done)

    def _work(self) -> None:
        while True:
            with self._ready:
                self._ready.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            done = self._serve(group)
            try:
                self._measured(done)
            except Exception:
                LOG.warning("a group could not be measured", exc_info=True)

    def _serve(self, group: list[Request]) -> Group:
        of: dict[str, list[Request]] = {kind: [] for kind in KINDS}
        for one in group:
            of[one.kind].append(one)
        began = time.perf_counter()
        learned = _together(of["learn"], lambda reports: observed(self._engine, reports))
        between = time.perf_counter()
        appended = _together(of["append"], self._append)
        decided = [(one.id, one.time) for one in self._decide(of["decide"])]
        for one in of["lend"]:
            _together([one], lambda cells: self._engine.leases.grant(cells, BLOCK))
        decided += [(row.id, at) for row, (verdict, at) in appended if verdict == "stored"]
        new = [report for report, verdict in learned if verdict.verdict == "new"]
        return Group(decided, new, between - began, time.perf_counter() - between)

    def _append(self, rows: list[Drawn]) -> list[tuple[Taken, float]]:
        verdicts, at = self._engine.leases.append(rows)
        return [(verdict, at) for verdict in verdicts]

    def _decide(self, group: list[Request]) -> list[Decision]:
        every: list[Decision] = []
        plain = [one for one in group if all(job.job is None and job.available is None for job in one.rows)]
        if sum(len(one.rows) for one in plain) > 1:
            try:
                made = iter(self._from_one_belief([job for one in plain for job in one.rows]))
            except Exception:
                plain = []  # One by one, so that each is told what is wrong with its own.
            for request in plain:
                every += _answer(request, [next(made) for _ in request.rows])
        else:
            plain = []
        taken = set(map(id, plain))
        for request in (one for one in group if id(one) not in taken):
            try:
                every += _answer(request, [self._engine.decide(**job.model_dump()) for job in request.rows])
            except Exception as error:
                _failed([request], error)
        return every

    def _from_one_belief(self, jobs: list[Job]) -> list[Decision]:
        cells = [job.project for job in jobs], [job.context for job in jobs]
        columns = self._engine.decide_many(*cells, features=_features(jobs))
        return decisions(self._engine, columns, jobs)


def _features(jobs: Sequence[Job]) -> dict[str, list[Any]] | None:
    """What is known of jobs, as columns; None: nothing."""
    names = {name for job in jobs for name in job.features or ()}
    return {name: [(job.features or {}).get(name) for job in jobs] for name in sorted(names)} or None


def observed(engine: Engine, reports: Sequence[Report]) -> list[Verdict]:
    """All at once; where one of them is no outcome, one by one."""
    columns = {name: [getattr(one, name) for one in reports] for name in ("utility", "cost", "baseline_cost")}
    numbers = {name: [float("nan") if v is None else v for v in values] for name, values in columns.items()}
    given = {name: values for name, values in numbers.items() if any(value == value for value in values)}
    ids = [one.id for one in reports]
    try:
        verdicts = engine.observe_many(ids, **given, status=[one.status for one in reports])
        return [
            Verdict.model_construct(id=id, verdict=VERDICTS[code], detail=None)
            for id, code in zip(ids, verdicts.tolist(), strict=True)
        ]
    except OutcomeError as error:
        if len(reports) == 1:
            return [Verdict.model_construct(id=ids[0], verdict="invalid", detail=str(error))]
        return [verdict for one in reports for verdict in observed(engine, [one])]


def decisions(engine: Engine, columns: DecisionColumns, jobs: Sequence[Job]) -> list[Decision]:
    """Columns as decisions."""
    arms, reasons, known = engine.store.names("arm"), engine.store.names("reason"), engine.serving.name_index
    params = {arms[code]: known.known_arms[known.arm[arms[code]]].params for code in set(columns.arm.tolist())}
    rows = zip(*(part.tolist() for part in columns), jobs, strict=True)
    return [
        Decision(id, job.project, job.context, arms[arm].partition("(")[0], dict(params[arms[arm]]), arms[arm],
                 chance, reasons[reason], at, None, view)
        for id, _, _, arm, chance, view, at, reason, _, job in rows
    ]  # fmt: skip


def _together(group: list[Request], work: Callable[[list[Any]], Sequence[Any]]) -> list[tuple[Any, Any]]:
    """All rows of a group at once; each request is answered its own. Rows with what they came to, if they did."""
    if not group:
        return []
    rows = [row for request in group for row in request.rows]
    try:
        found = list(work(rows))
    except Exception as error:
        _failed(group, error)
        return []
    answers = iter(found)
    for request in group:
        _answer(request, list(islice(answers, len(request.rows))))
    # A cell that was not lent has no answer.
    return list(zip(rows, found, strict=False))


def _answer(request: Request, found: list[Any]) -> list[Any]:
    """Told to whoever still waits for it."""
    if request.done.set_running_or_notify_cancel():
        request.done.set_result(found)
    return found


def _failed(group: list[Request], error: Exception) -> None:
    known = error if isinstance(error, PoolwiseError) else StoreError(f"the writer failed: {error!r}")
    for request in group:
        if request.done.set_running_or_notify_cancel():
            request.done.set_exception(known)

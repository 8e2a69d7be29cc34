"""What Prometheus asks for: counted as it happens, or looked up when it is asked."""

import os
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from poolwise.engine.engine import Engine
from poolwise.errors import PoolwiseError
from poolwise.service.bodies import Report
from poolwise.service.looking import by_project
from poolwise.service.writer import Group
from poolwise.store.sqlite.place import path_of

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
DELAYS = (0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REMEMBERED = 50_000
"""Decisions without an outcome whose time is known here."""
STALE = 5.0
"""Seconds for which an overview, which reads the store, is not read again."""


class Metrics:
    """Of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = lambda kind, name, says, labels=("workspace",), **more: kind(
            name, says, labels, namespace="poolwise", registry=self.registry, **more
        )
        self._decisions = of(Counter, "decisions", "Decisions that were stored.")
        self._outcomes = of(Counter, "outcomes", "Outcomes that were learned.")
        self._unsafe = of(
            Counter, "unsafe_outcomes", "Outcomes with costs that were failures or over 1 / 0.95 of the baseline's."
        )
        self._delay = of(Histogram, "outcome_delay_seconds", "From decision to outcome.", buckets=DELAYS)
        self._groups = of(Histogram, "group_size", "Requests that the writer took together.", buckets=SIZES)
        self._writing = of(Histogram, "writing_seconds", "Of a group's decisions or outcomes, storing included.",
                           ("workspace", "what"), buckets=SECONDS)  # fmt: skip
        self._seconds = of(
            Histogram, "request_seconds", "From request to answer.", ("route", "status"), buckets=SECONDS
        )
        self._watched: dict[str, tuple[Engine, Any]] = {}
        self._made: OrderedDict[tuple[str, int], float] = OrderedDict()
        self.registry.register(_Looked(self._watched))

    def watch(self, workspace: str, engine: Engine, writer: Any) -> None:
        """Look at its state whenever it is asked for."""
        self._watched[workspace] = engine, writer

    def group(self, workspace: str, done: Group) -> None:
        """A group that the writer took."""
        self._decisions.labels(workspace).inc(len(done.decided))
        self._outcomes.labels(workspace).inc(len(done.learned))
        self._groups.labels(workspace).observe(len(done.decided) + len(done.learned))
        for what, count, seconds in (
            ("decisions", done.decided, done.deciding),
            ("outcomes", done.learned, done.learning),
        ):
            if count:
                self._writing.labels(workspace, what).observe(seconds)
        self._unsafe.labels(workspace).inc(sum(map(unsafe, done.learned)))
        now = time.time()
        for report in done.learned:
            if (made := self._made.pop((workspace, report.id), None)) is not None:
                self._delay.labels(workspace).observe(now - made)
        self._made.update(((workspace, id), at) for id, at in done.decided)
        while len(self._made) > REMEMBERED:
            self._made.popitem(last=False)

    def answered(self, route: str, status: int, seconds: float) -> None:
        self._seconds.labels(route, str(status)).observe(seconds)

    def text(self) -> bytes:
        """In Prometheus' format."""
        return generate_latest(self.registry)


class Measured:
    """Times every request, from its first byte to the last of its answer. Pure ASGI."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sent(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.answered(route, status, time.perf_counter() - began)


class _Looked(Collector):
    """Gauges of what engines say of themselves."""

    def __init__(self, watched: dict[str, tuple[Engine, Any]]) -> None:
        self._watched = watched
        self._seen: dict[str, tuple[float, dict[str, float]]] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        gauges = {
            name: GaugeMetricFamily(f"poolwise_{name}", says, labels=["workspace"]) for name, says in GAUGES.items()
        }
        for workspace, (engine, writer) in list(self._watched.items()):
            for name, value in self._of(workspace, engine, writer).items():
                gauges[name].add_metric([workspace], value)
        yield from gauges.values()

    def _of(self, workspace: str, engine: Engine, writer: Any) -> dict[str, float]:
        now = time.monotonic()
        since, found = self._seen.get(workspace, (-STALE, {}))
        if now - since >= STALE:
            found = looked(engine)
            self._seen[workspace] = now, found
        return {**found, "waiting": float(writer.waiting)}


GAUGES = {
    "up": "Whether the store can be read and written now.",
    "waiting": "Requests that wait for the writer.",
    "open_decisions": "Decisions without an outcome.",
    "conflicting_outcomes": "Outcomes refused because another one was known.",
    "projects": "Projects that are known.",
    "snapshot": "Number of the snapshot that serves.",
    "outcomes_behind": "Outcomes since the scales were estimated.",
    "unlogged_decisions": "Decisions that could not be stored.",
    "early_share": "Share of contexts in which learning is early.",
    "exploring_share": "Probability of another arm than the favourite, mean over decisions.",
    "doubt": "Utility that the favourite is expected to lose against the best arm, mean over decisions.",
    "quarantines": "Arms in quarantine.",
    "rejected_refits": "Refits that the gate refused.",
    "store_bytes": "Size of the store's files.",
}


def looked(engine: Engine) -> dict[str, float]:
    """Numbers by name of `GAUGES`; those that cannot be had are left out."""
    try:
        status, places = engine.status(), by_project(engine)
    except PoolwiseError:
        return {"up": 0.0}
    number = lambda name: float(status.get(name) or 0)
    contexts = places.get("contexts", [])
    early = [row["phase"] == "early" for row in contexts]
    decisions = sum(row["decisions"] for row in contexts) or 1
    mean = lambda name: sum(row["decisions"] * float(row[name]) for row in contexts) / decisions
    found = {
        "up": float("store_fault" not in status),
        "open_decisions": number("open"),
        "conflicting_outcomes": number("conflicting"),
        "projects": number("projects"),
        "snapshot": number("snapshot"),
        "unlogged_decisions": number("unlogged"),
        "outcomes_behind": max(0.0, number("outcomes") - number("estimated_from")),
        "early_share": sum(early) / len(early) if early else 0.0,
        "exploring_share": mean("exploring"),
        "doubt": mean("doubt"),
        "quarantines": float(len(places.get("quarantined", []))),
        "rejected_refits": float(sum(one.status == "rejected" for one in engine.store.snapshots())),
    }
    if (size := _bytes(engine)) is not None:
        found["store_bytes"] = size
    return found


def unsafe(report: Report) -> bool:
    """Whether it went worse than the baseline by more than a twentieth, as far as its costs say."""
    if report.cost is None or report.baseline_cost is None:
        return False
    return report.status != "ok" or 0.95 * report.cost > report.baseline_cost


def _bytes(engine: Engine) -> float | None:
    url = getattr(engine.store, "url", "")
    path = path_of(url) if str(url).startswith("sqlite:///") else None
    if path is None:
        return None
    files = (f"{path}{end}" for end in ("", "-wal", "-shm"))
    return float(sum(os.path.getsize(file) for file in files if os.path.exists(file)))

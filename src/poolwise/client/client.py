"""`Engine`'s verbs over HTTP. Where the service is away, decisions go on and outcomes wait.

client = pw.Client("https://host:8000", key="pw_..", workspace="prover", spool="outcomes.jsonl")
decision = client.decide(project="mathlib", context="nonlinear")
client.observe(decision.id, cost=0.8, baseline_cost=1.3)
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from poolwise.client.connection import Away, Connection, Patience
from poolwise.client.spool import Report, Spool
from poolwise.errors import InputError, UnknownDecision
from poolwise.lazy import pandas as pd
from poolwise.names import checked
from poolwise.schema import Decision, family_of

LOG = logging.getLogger("poolwise")
UNLOGGED = "service away; unlogged"
"""Reason of a decision that the service knows nothing of."""
MOST_CELLS = 10_000
"""Whose last decisions are remembered."""


class Client:
    """One workspace of a service. Not to be shared between threads."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        workspace: str,
        spool: str | None = None,
        patience: Patience = Patience(),  # noqa: B008
        transport: Any = None,
    ) -> None:
        """spool: file in which outcomes wait while the service is away; None: in memory. Raises InputError."""
        self._connection = Connection(url, key, patience, transport)
        self._at = f"/v1/workspaces/{checked('workspace', workspace)}"
        self._spool, self._last, self._baseline = Spool(spool), dict[tuple[str, str], Decision](), ""
        self._waited = len(self._spool) > 0

    def decide(
        self,
        project: str,
        context: str,
        *,
        job: str | None = None,
        available: Iterable[str] | None = None,
        features: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Choose an arm for one job; see `Engine.decide`.

        Where the service is away: what it chose last in this project and context, if that is available, else the
        baseline. Such a decision has a negative id, as an engine's that could not be stored, and its outcome cannot be
        reported. Raises Away where the service was never reached: nothing is known then.
        """
        offered = None if available is None else list(available)
        known = None if features is None else {name: _plain(value) for name, value in features.items()}
        body = {"project": project, "context": context, "job": job, "available": offered, "features": known}
        if self._connection.resting:
            return self._alone(project, context, job, offered)
        try:
            if not self._baseline:
                self._baseline = self._ask("GET", "/space")["baseline"]
            self._catch_up()
            made = self._ask("POST", "/decide", body, headers={"Idempotency-Key": uuid.uuid4().hex})
        except Away:
            return self._alone(project, context, job, offered)
        decision = Decision(**made)
        self._last.pop((project, context), None)
        self._last[project, context] = decision
        if len(self._last) > MOST_CELLS:
            del self._last[next(iter(self._last))]
        return decision

    def observe(
        self,
        id: int,
        *,
        utility: float | None = None,
        cost: float | None = None,
        baseline_cost: float | None = None,
        status: str = "ok",
    ) -> bool:
        """Report what happened; see `Engine.observe`. Where the service is away, the outcome waits in the spool, and is
        sent with the next call that reaches it, or `flush`."""
        if id < 0:
            raise UnknownDecision(
                f"decision {id} was made without the service, unlogged: its outcome cannot be reported"
            )
        given = {"utility": utility, "cost": cost, "baseline_cost": baseline_cost, "status": status}
        report = {"id": id, **{name: value for name, value in given.items() if value is not None}}
        if not self._connection.resting:
            try:
                self._catch_up()
                return bool(self._ask("POST", "/observe", report)["new"])
            except Away:
                pass
        self._spool.add(report)
        self._waited = True
        return True

    def decide_many(
        self, project: str | Sequence[str], context: str | Sequence[str], *, features: Any = None
    ) -> list[Decision]:
        """Decide for many jobs from one belief; either may be a single name. features: a table or mapping of columns,
        or of values that stand for all. Raises Away."""
        known = {} if features is None else {name: features[name] for name in features.keys()}  # noqa: SIM118
        several = [one for one in (project, context, *known.values()) if _several(one)]
        count = max(map(len, several), default=1)
        columns = [list(one) if _several(one) else [one] * count for one in (project, context, *known.values())]
        jobs = [
            {"project": p, "context": c, "features": dict(zip(known, map(_plain, row), strict=True)) or None}
            for p, c, *row in zip(*columns, strict=True)
        ]
        head = {"Idempotency-Key": uuid.uuid4().hex}
        return [
            Decision(**made) for made in self._ask("POST", "/decide:batch", {"jobs": jobs}, headers=head)["decisions"]
        ]

    def observe_many(self, reports: Sequence[Report]) -> list[str]:
        """Many outcomes, each with the arguments of `observe`: `new`, `repeated`, `conflicting`, `unknown`, or
        `invalid`. Raises Away."""
        found = self._ask("POST", "/observe:batch", {"outcomes": list(reports)})["outcomes"]
        return [one["verdict"] for one in found]

    def flush(self) -> int:
        """Send the outcomes that wait; how many. Raises Away where the service is, and then they wait on."""
        sent = self._spool.send(self._sent)
        self._waited = False
        return sent

    @property
    def waiting(self) -> int:
        """Outcomes in the spool."""
        return len(self._spool)

    def beliefs(self, project: str | None = None, context: str | None = None) -> pd.DataFrame:
        """As `Engine.beliefs`."""
        return self._table("/beliefs", project=project, context=context)

    def best(self, project: str | None = None, context: str | None = None) -> pd.DataFrame:
        """As `Engine.best`."""
        return self._table("/best", project=project, context=context)

    def projects(self) -> pd.DataFrame:
        """As `Engine.projects`."""
        return self._table("/projects")

    def decision(self, id: int) -> dict[str, Any]:
        """A decision, and its outcome if there is one."""
        return dict(self._ask("GET", f"/decisions/{id}"))

    def explain(self, id: int, *, replay: bool = False) -> dict[str, Any]:
        """As `Engine.explain`; a decision is made again only where its store is."""
        if replay:
            raise InputError("a decision is replayed where its store is: leave --replay out here")
        return dict(self._ask("GET", f"/decisions/{id}/explanation"))

    def status(self) -> dict[str, Any]:
        """As `Engine.status` and `Engine.overview` together, with what the goal costs."""
        return dict(self._ask("GET", "/overview"))

    def overview(self) -> dict[str, Any]:
        """As `Engine.overview`."""
        return self.status()

    def control(
        self, order: str, arm: str | None = None, *, project: str | None = None, context: str | None = None
    ) -> dict[str, Any]:
        """As `Engine.control`; for an operator's key."""
        return dict(self._ask("POST", "/orders", {"order": order, "arm": arm, "project": project, "context": context}))

    def refit(self, method: str = "fast") -> dict[str, Any]:
        """As `Engine.refit`; for an operator's key. It waits until the refit has ended."""
        return dict(self._ask("POST", "/refits", {"method": method}, timeout=None))

    def forget(self, project: str) -> dict[str, Any]:
        """As `Engine.forget`; for an administrator's key."""
        return dict(self._ask("DELETE", f"/projects/{project}"))

    def close(self) -> None:
        """What waits in a file stays there; what waits in memory is sent, if the service is there."""
        with contextlib.suppress(Away):
            self.flush()
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _ask(self, verb: str, path: str, body: Any = None, **more: Any) -> Any:
        return self._connection.ask(verb, self._at + path, body, **more)

    def _sent(self, reports: Sequence[Report]) -> None:
        for one in self._ask("POST", "/observe:batch", {"outcomes": list(reports)})["outcomes"]:
            if one["verdict"] not in ("new", "repeated"):
                LOG.warning(
                    "an outcome that waited was refused: decision %s, %s", one["id"], one["detail"] or one["verdict"]
                )

    def _table(self, path: str, **filters: str | None) -> pd.DataFrame:
        chosen = {name: value for name, value in filters.items() if value is not None}
        return pd.DataFrame(self._ask("GET", path, params=chosen))

    def _catch_up(self) -> None:
        """Send what waited for the service to come back."""
        if self._waited:
            self.flush()

    def _alone(self, project: str, context: str, job: str | None, available: list[str] | None) -> Decision:
        if not self._baseline:
            raise Away("the service does not answer, and was never reached by this client: nothing is known yet")
        last = self._last.get((project, context))
        usable = last is not None and (available is None or {last.arm, last.family} & {*available})
        id, now = -1 - secrets.randbits(62), time.time()
        if last is not None and usable:
            return last._replace(id=id, time=now, job=job, reason=UNLOGGED, view=0)
        arm = self._baseline
        return Decision(id, project, context, family_of(arm), {}, arm, 1.0, UNLOGGED, now, job, 0)


def _several(given: Any) -> bool:
    return not isinstance(given, str) and hasattr(given, "__len__")


def _plain(value: Any) -> Any:
    """As JSON has it; what is no number is missing."""
    found = value.item() if hasattr(value, "item") else value
    return None if type(found).__name__ == "NAType" or (isinstance(found, float) and found != found) else found

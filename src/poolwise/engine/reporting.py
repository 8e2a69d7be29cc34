"""What happened, checked and stored: all that whoever reports an outcome waits for. It is learned before a decision.

A time-out without a cost is read at the limit that the settings name. A cost of 0 is a fact, that of a clock which
tells nothing smaller: the clock's resolution takes its place, one for all of a store, so that a report repeated is the
same.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from poolwise.engine import arguments, outcomes
from poolwise.engine.settings import Settings
from poolwise.schema import Outcome
from poolwise.store.base import OutcomeColumns, Store

KIND = "resolution"
UNKNOWN = 1e-3
"""In place of 0 while no cost above 0 was ever seen."""


def reported(
    store: Store,
    settings: Settings,
    id: int,
    *,
    utility: float | None = None,
    cost: float | None = None,
    baseline_cost: float | None = None,
    status: str = "ok",
) -> Outcome:
    """The outcome that is meant; see `Engine.observe`. Raises OutcomeError, UnknownDecision."""
    id = arguments.decision(id)
    if cost is None and utility is None and isinstance(status, str) and status == "timeout":
        cost = settings.timeout
    alone = cost is not None and baseline_cost is None and utility is None
    alone = alone and isinstance(status, str) and status == "ok"
    return outcomes.outcome(
        id,
        settings,
        utility=utility,
        cost=cost,
        baseline_cost=baseline_cost,
        status=status,
        job=store.decision(id).job if alone else None,
        resolution=partial(resolution, store, settings),
    )


def many_reported(store: Store, settings: Settings, ids: Any, **given: Any) -> OutcomeColumns:
    """Many outcomes; see `Engine.observe_many`. Raises OutcomeError."""
    return outcomes.outcomes(ids, settings, **given, resolution=partial(resolution, store, settings))


def resolution(store: Store, settings: Settings, given: Sequence[float] | np.ndarray) -> float:
    """What takes the place of a cost of 0: half the smallest cost above 0, of those stored and those `given` now, when
    it was first asked for; a record keeps it."""
    if settings.resolution is not None:
        return settings.resolution
    if kept := store.records(KIND):
        return float(kept[0]["value"])
    seen = store.outcomes()
    every = np.concatenate([seen.cost, seen.baseline_cost, np.asarray(given, dtype=np.float64)])
    if not (every > 0).any():
        return UNKNOWN
    least = float(every[every > 0].min()) / 2
    store.append_record(KIND, {"value": least})
    return least

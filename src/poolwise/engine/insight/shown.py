"""How an engine shows itself: a line, what a notebook shows, and its status."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import numpy as np

from poolwise.engine.insight.cells import session
from poolwise.engine.outcomes import RESOLUTION
from poolwise.engine.safeguards import damaged_records, suspicion
from poolwise.engine.state.serving import Serving
from poolwise.errors import StoreError
from poolwise.lazy import pandas as pd
from poolwise.policy.rules.knowledge_gradient import HOPELESS

ROWS = 12
FEW = 10
"""Fewer configurations than these tell nothing of the others."""


def line(counts: dict[str, int], sizes: dict[str, int]) -> str:
    """
    >>> line({"decisions": 3, "outcomes": 2, "open": 1}, {"projects": 1})
    '<Engine: 3 decisions, 2 outcomes, 1 projects>'
    """
    counted = {"decisions": counts["decisions"], "outcomes": counts["outcomes"], **sizes}
    return f"<Engine: {', '.join(f'{number} {name}' for name, number in counted.items())}>"


def notebook(line: str, best: pd.DataFrame) -> str:
    """The line, and what is best."""
    return f"<p>{html.escape(line)}</p>{best.to_html(index=False, float_format='{:.2f}'.format, max_rows=ROWS)}"


def untried(now: Serving) -> dict[str, str]:
    """What is said where costs come alone, of jobs on which the baseline never ran: they compare the other arms only.
    The default policy's floor tries it now and then."""
    lack, jobs = now.belief.job_adjustment.lacking(int(now.name_index.columns[now.name_index.baseline]))
    said = f"on all {jobs} jobs whose costs come alone: try it, to learn what others gain"
    return {"baseline_untried": said} if jobs and lack == jobs else {}


def failing(now: Serving) -> dict[str, str]:
    """`failing`: what is said where of the configurations that were tried, the baseline apart, too few ever succeeded
    for the policy to try others; nothing where arms are no configurations."""
    posterior, home = now.belief.posterior, int(now.name_index.columns[now.name_index.baseline])
    if now.belief.frame.ground is None:
        return {}
    tried, succeeded = (np.delete(part.any(axis=(0, 1)), home) for part in posterior.counts())
    many, lost = int(tried.sum()), int((tried & ~succeeded).sum())
    if many < FEW or lost < (1 - HOPELESS) * many:
        return {}
    why = (
        f"{lost} of {many} configurations that were tried failed, and where others are expected to fail as well they "
        "are not tried: see whether they can run at all, or say by domain_priors how often they succeed"
    )
    return {"failing": why}


def status(current: Callable[[], Serving], faults: dict[str, Any]) -> dict[str, Any]:
    """What `Engine.status` returns; where the store cannot be read now, `store_fault` says why."""
    try:
        return _status(current(), faults)
    except StoreError as error:
        return {**faults, "store_fault": str(error)}


def _status(now: Serving, faults: dict[str, Any]) -> dict[str, Any]:
    damaged = damaged_records.damaged(now.store)
    camps = suspicion.suspicious(now.belief, now.name_index, now.settings.failure_utility)
    if kept := now.store.records(RESOLUTION):
        seen = now.store.outcomes()
        zeros = int((seen.cost == kept[0]["value"]).sum() + (seen.baseline_cost == kept[0]["value"]).sum())
        faults = {"costs_of_0": f"{zeros}, read as {kept[0]['value']:g}", **faults}
    faults = {**untried(now), **failing(now), **faults}
    trouble = {**({"quarantined": damaged} if damaged else {}), **({"suspicious": camps} if camps else {})}
    faults = {**({"objective": "total"} if now.settings.total else {}), **session(now), **faults}
    return {**now.store.counts(), **now.belief.status(), **now.name_index.sizes(), **trouble, **faults}

"""From stored outcomes to what the belief learns of them: the one translation, for who serves and for who refits."""

from collections.abc import Iterator

import numpy as np

from poolwise.engine.outcomes import finished, upper_bounds
from poolwise.engine.settings import Settings
from poolwise.engine.state.exchange import Exchange
from poolwise.engine.state.job_adjustment import JobAdjustment, costs_alone
from poolwise.engine.state.tables import chosen
from poolwise.posterior.posterior import Posterior
from poolwise.schema import Outcome
from poolwise.store.base import OutcomeColumns

ABSURD = 50.0
"""A utility beyond this, a factor of 5e21, is no measurement: whoever reports it is believed to have failed."""


def stretches(rows: OutcomeColumns, job_adjustment: JobAdjustment) -> Iterator[tuple[int, int]]:
    """(first, end) of rows, in their order, between which the levels of jobs are settled."""
    alone, start = np.flatnonzero(costs_alone(rows)), 0
    until = job_adjustment.until_settling()
    while until <= len(alone):
        end = int(alone[until - 1]) + 1
        yield start, end
        start, until = end, until + job_adjustment.until_settling()
    if start < len(rows.decision):
        yield start, len(rows.decision)


def update(
    exchange: Exchange,
    job_adjustment: JobAdjustment,
    rows: OutcomeColumns,
    settings: Settings,
    raw: np.ndarray | None = None,
) -> int:
    """Learn outcomes: runs that were stopped as bounds, others by their utility within the limit, in their order, those
    beyond `ABSURD` as failures, and then costs alone within their job, without features. raw: (n, features) of the
    jobs. Returns how many were clipped."""
    own = costs_alone(rows)
    single = chosen(rows, ~own) if own.any() else rows
    bound, limit = upper_bounds(single, settings), settings.utility_limit
    cut = ~np.isnan(bound)
    utility = reported = np.where(cut, bound, single.utility)
    ok = (finished(single, settings) | cut) & (np.abs(utility) <= ABSURD)
    utility = np.where(np.abs(utility) <= ABSURD, utility, settings.failure_utility)
    learned = (single.project, single.context, single.arm, np.clip(utility, -limit, limit), ok, cut)
    exchange.do(Posterior.update_many, *learned, *(() if raw is None else (raw[~own],)))
    if own.any():
        job_adjustment.update(chosen(rows, own))
    return int((np.abs(reported) > limit).sum())


def plain(outcome: Outcome, settings: Settings) -> bool:
    """Whether an outcome's utility says by itself what it is worth; where False, that may still be so (`special`)."""
    alone = outcome.cost is not None and outcome.baseline_cost is None
    stopped = outcome.status == "timeout" and settings.timeouts == "censored"
    return not alone and not stopped and not settings.total and abs(outcome.utility) <= ABSURD


def learn_plain(
    exchange: Exchange,
    place: tuple[int, int, int],
    outcome: Outcome,
    settings: Settings,
    raw: np.ndarray | None = None,
) -> bool:
    """`update` by one such outcome; whether it was clipped."""
    limit, ok = settings.utility_limit, outcome.status == "ok"
    clipped = min(max(outcome.utility, -limit), limit)
    exchange.do(Posterior.update, *place, clipped, ok, *(() if raw is None else (False, raw)))
    return abs(outcome.utility) > limit


def special(rows: OutcomeColumns, settings: Settings) -> np.ndarray:
    """(n,) bool: outcomes whose utility says nothing by itself, but only beside what else is believed."""
    return costs_alone(rows) | ~np.isnan(upper_bounds(rows, settings)) | (np.abs(rows.utility) > ABSURD)

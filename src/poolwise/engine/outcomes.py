"""From what a caller reports to the utility that the belief learns from; refuses what cannot be meant.

A time-out without a cost is read at the limit that the settings name. A cost of 0 is a fact, that of a clock which
tells nothing smaller: the clock's resolution takes its place, one for all of a store, so that a report repeated is the
same.
"""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np

from poolwise.engine import arguments
from poolwise.engine.settings import Settings
from poolwise.errors import OutcomeError
from poolwise.names import identity, iterable, shown
from poolwise.schema import STATUSES, Outcome, Status
from poolwise.store.base import OutcomeColumns, Store

_LARGEST = 1e6
"""Largest utility that is taken for a measurement at all; beyond it the units are wrong."""
RESOLUTION = "resolution"
UNSEEN = 1e-3
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
    return outcome(
        id,
        settings,
        utility=utility,
        cost=cost,
        baseline_cost=baseline_cost,
        status=status,
        job=store.decision(id).job if alone else None,
        resolution=partial(resolution_of, store, settings),
    )


def many_reported(store: Store, settings: Settings, ids: Any, **given: Any) -> OutcomeColumns:
    """Many outcomes; see `Engine.observe_many`. Raises OutcomeError."""
    return outcomes(ids, settings, **given, resolution=partial(resolution_of, store, settings))


def resolution_of(store: Store, settings: Settings, given: Sequence[float] | np.ndarray) -> float:
    """What takes the place of a cost of 0: half the smallest cost above 0, of those stored and those `given` now, when
    it was first asked for; a record keeps it."""
    if settings.resolution is not None:
        return settings.resolution
    if kept := store.records(RESOLUTION):
        return float(kept[0]["value"])
    seen = store.outcomes()
    every = np.concatenate([seen.cost, seen.baseline_cost, np.asarray(given, dtype=np.float64)])
    if not (every > 0).any():
        return UNSEEN
    least = float(every[every > 0].min()) / 2
    store.append_record(RESOLUTION, {"value": least})
    return least


def outcome(
    decision: int,
    settings: Settings,
    *,
    utility: float | None = None,
    cost: float | None = None,
    baseline_cost: float | None = None,
    status: str = "ok",
    job: str | None = None,
    resolution: Callable[[list[float]], float] = lambda _: 1e-3,
) -> Outcome:
    """One checked outcome. Utility is given, or `log(baseline_cost / cost)`; a failure gets at most `failure_utility`.

    The cost alone is enough for a success of a job that recurs: it is stored as -log cost, to be compared within it.
    resolution: what takes the place of a cost of 0, told the other costs.

    Raises OutcomeError for anything but finite costs that are not negative, a finite utility and a known status.
    """
    if not isinstance(status, str) or status not in STATUSES:
        raise OutcomeError(
            f"status {shown(status)} of decision {decision} is unknown: use one of {', '.join(STATUSES)}"
        )
    status = cast(Status, str(status))
    cost = _cost("cost", cost, decision)
    baseline_cost = _cost("baseline_cost", baseline_cost, decision)
    if 0.0 in (cost, baseline_cost):
        least = resolution([one for one in (cost, baseline_cost) if one])
        cost, baseline_cost = (least if one == 0.0 else one for one in (cost, baseline_cost))
    spent = settings.timeout_factor if measured(status, settings) else 1.0
    value = _utility(decision, utility, None if cost is None else spent * cost, baseline_cost, status)
    if status != "ok" and utility is None and not (value is not None and measured(status, settings)):
        value = min(value, settings.failure_utility) if value is not None else settings.failure_utility
    if value is None and job is not None and cost is not None:
        value = -float(np.log(cost))
    if value is None:
        raise OutcomeError(
            f"decision {decision} needs utility=, cost= with baseline_cost=, or a job= when deciding and its cost=; "
            f"got {_given(cost, baseline_cost)}"
        )
    return Outcome(decision, status, value, cost, baseline_cost, time.time())


def outcomes(
    decisions: Sequence[int] | np.ndarray,
    settings: Settings,
    *,
    utility: Any = None,
    cost: Any = None,
    baseline_cost: Any = None,
    status: Any = "ok",
    resolution: Callable[[np.ndarray], float] = lambda _: 1e-3,
) -> OutcomeColumns:
    """Many checked outcomes as columns; scalars are repeated. Raises OutcomeError naming the first bad row."""
    ids = _ids(decisions)
    n = len(ids)
    codes = _status_codes(status, n)
    costs, baselines = _costs("cost", cost, n), _costs("baseline_cost", baseline_cost, n)
    given = np.full(n, np.nan) if utility is None else _column("utility", utility, n)
    if settings.timeout is not None:
        stopped = (codes == STATUSES.index("timeout")) & np.isnan(costs) & np.isnan(given)
        costs = np.where(stopped, settings.timeout, costs)
    if (costs == 0).any() or (baselines == 0).any():
        least = resolution(np.concatenate([costs, baselines]))
        costs, baselines = np.where(costs == 0, least, costs), np.where(baselines == 0, least, baselines)
    bad, spent = codes != 0, costs
    if measured("timeout", settings):
        stopped = (codes == STATUSES.index("timeout")) & ~np.isnan(costs) & ~np.isnan(baselines)
        bad, spent = bad & ~stopped, np.where(stopped, settings.timeout_factor * costs, costs)
    with np.errstate(invalid="ignore"):
        ratio = np.log(baselines) - np.log(spent)
    values = np.where(bad, np.fmin(ratio, settings.failure_utility), ratio)
    if utility is not None:
        values = np.where(np.isnan(given) & bad, values, given)
    wrong = ~(np.abs(values) <= _LARGEST)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise OutcomeError(
            f"row {row} (decision {ids[row]}) has no finite utility: give utility=, or cost= with baseline_cost="
        )
    none = np.full(n, -1)
    return OutcomeColumns(ids, none, none, none, none, codes, values, costs, baselines, np.full(n, time.time()))


def upper_bounds(outcomes: OutcomeColumns, settings: Settings) -> np.ndarray:
    """What the utility of each is at most, where it was cut off; NaN: it is known, or it failed."""
    if settings.timeouts != "censored" or settings.total:
        return np.full(len(outcomes.status), np.nan)
    bound = np.log(outcomes.baseline_cost) - np.log(outcomes.cost)
    return np.where(outcomes.status == STATUSES.index("timeout"), bound, np.nan)


def measured(status: str, settings: Settings) -> bool:
    """Whether both costs of an outcome of this status say all that it is worth: where the total is optimised, a run
    that was stopped has cost what was spent on it."""
    return status == "ok" or (status == "timeout" and settings.total and settings.timeouts == "censored")


def finished(outcomes: OutcomeColumns, settings: Settings) -> np.ndarray:
    """(n,) bool: which are learned as successes, of what they cost."""
    stopped = outcomes.status == STATUSES.index("timeout")
    known = ~np.isnan(outcomes.cost) & ~np.isnan(outcomes.baseline_cost)
    return (outcomes.status == STATUSES.index("ok")) | (measured("timeout", settings) & stopped & known)


def _utility(
    decision: int, utility: float | None, cost: float | None, baseline: float | None, status: str
) -> float | None:
    if utility is not None:
        value = _number("utility", utility, decision)
    elif cost is not None and baseline is not None:
        value = math.log(baseline) - math.log(cost)
    else:
        return None
    if not abs(value) <= _LARGEST:
        raise OutcomeError(
            f"utility {value:g} of decision {decision} is no measurement: it is log(baseline_cost / cost), near 0"
        )
    return value


def _number(name: str, value: Any, decision: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
        raise OutcomeError(f"{name} of decision {decision} must be a number, got {type(value).__name__} {shown(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _cost(name: str, value: Any, decision: int) -> float | None:
    if value is None:
        return None
    number = _number(name, value, decision)
    if not (0 <= number < math.inf):
        raise OutcomeError(
            f"{name} {number} of decision {decision} must be finite and not negative: a failure has status='failed'"
        )
    return number


def _given(cost: float | None, baseline_cost: float | None) -> str:
    given = [name for name, value in (("cost", cost), ("baseline_cost", baseline_cost)) if value is not None]
    return f"only {given[0]}" if given else "neither"


def _ids(decisions: Any) -> np.ndarray:
    """(n,) int64; 0, which no decision has, for what no store can hold. Raises OutcomeError for what is no id."""
    try:
        found = np.asarray(decisions)
    except (TypeError, ValueError, UserWarning) as error:  # a masked value, where warnings are errors
        raise OutcomeError(
            f"ids must be a list of whole numbers ({error}): pass those that decide_many gave"
        ) from error
    if found.ndim != 1:
        raise OutcomeError(f"ids must be a list of whole numbers, got {type(decisions).__name__} {shown(decisions)}")
    if found.dtype.kind == "O" or not len(found):
        plain = [identity(f"decision in row {row}", one) for row, one in enumerate(found.tolist())]
        return np.array([one if abs(one) < 2**63 else 0 for one in plain], dtype=np.int64)
    if found.dtype.kind not in "iu":
        raise OutcomeError(f"ids must be whole numbers, got {found.dtype}: pass those that decide_many gave")
    return np.where(found > np.iinfo(np.int64).max, 0, found).astype(np.int64)


def _status_codes(status: Any, n: int) -> np.ndarray:
    if isinstance(status, str):
        status = [status] * n
    codes = {name: code for code, name in enumerate(STATUSES)}
    if isinstance(status, bytes | dict | set) or not iterable(status):
        raise OutcomeError(f"status must be one name or one per decision, got {type(status).__name__} {shown(status)}")
    given = list(status)
    if len(given) != n:
        raise OutcomeError(f"status must be one name or one per decision ({n}), got {len(given)}")
    for row, one in enumerate(given):
        if not isinstance(one, str) or one not in codes:
            raise OutcomeError(f"status {shown(one)} in row {row} is unknown: use one of {', '.join(STATUSES)}")
    return np.array([codes[one] for one in given], dtype=np.int8)


def _costs(name: str, values: Any, n: int) -> np.ndarray:
    if values is None:
        return np.full(n, np.nan)
    column = _column(name, values, n)
    wrong = ~np.isnan(column) & ~((column >= 0) & (column < np.inf))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise OutcomeError(f"{name} {column[row]} in row {row} must be finite and not negative, or NaN if not known")
    return column


def _column(name: str, values: Any, n: int) -> np.ndarray:
    """(n,) float64; one number is repeated, None is NaN. Raises OutcomeError for anything else."""
    try:
        found = np.asarray(values)
        if found.dtype.kind not in "iufO" or (found.dtype.kind == "O" and not all(map(_numeric, found.ravel()))):
            raise TypeError("some are none")
        if found.shape not in ((), (n,)):
            raise ValueError(f"{found.shape} of them for {n} decisions")
        return np.broadcast_to(found.astype(np.float64), (n,))
    except (TypeError, ValueError, OverflowError, UserWarning) as error:
        raise OutcomeError(f"{name} must be one number or one per decision ({error}), got {shown(values)}") from error


def _numeric(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool))

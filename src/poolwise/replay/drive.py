"""One run of a policy over a table: look, decide, and learn what the table holds for the arm that was chosen."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from poolwise.policy.base import Policy, View
from poolwise.policy.uses import Uses
from poolwise.posterior.joint import Joint, prior_scales
from poolwise.posterior.schedule import due
from poolwise.replay.settings import Settings
from poolwise.schema import STATUSES
from poolwise.table import Table, available, utility

_OK = STATUSES.index("ok")


class Run(NamedTuple):
    """What was decided, in the order of the decisions; (decisions,) each."""

    unit: np.ndarray
    arm: np.ndarray
    probability: np.ndarray
    """With which the policy chose the arm."""
    explored: np.ndarray
    """bool: another arm than the one believed to be best."""
    observed: np.ndarray
    """Utility that was learned: of one repetition where the table has several; `table.utility` is their mean."""


def drive(table: Table, order: np.ndarray, policy: Policy, seed: int, settings: Settings) -> Run:
    """Decide for the units of `order`, one after another; every outcome is learned `settings.delay` decisions later."""
    learner = _Learner(table, order, settings)
    rng, present = np.random.default_rng([seed, 29]), available(table)
    lottery, seen = rng.random(len(order)), _measured(table, rng, settings)
    columns = Run(order, *(np.empty(len(order), kind) for kind in (int, float, bool, float)))
    waiting: deque[tuple[int, int, float]] = deque()
    for step, unit in enumerate(order.tolist()):
        view = learner.view(unit, present[unit])
        chances = policy.probabilities(policy.params, view)
        arm = _drawn(chances, lottery[step])
        columns.arm[step], columns.probability[step] = arm, chances[arm]
        columns.explored[step] = arm != np.where(view.allowed, view.mean, -np.inf).argmax()
        columns.observed[step] = value = seen(unit, arm)
        waiting.append((unit, arm, value))
        if len(waiting) > settings.delay:
            learner.learn(*waiting.popleft())
    return columns


class _Learner:
    """The belief that a run has so far, and how often it has met each context."""

    def __init__(self, table: Table, order: np.ndarray, settings: Settings) -> None:
        self._table, self._settings, self._estimated = table, settings, 0
        self._project, self._context = (_by_appearance(codes, order) for codes in (table.project, table.context))
        success = np.tile(settings.usual_success, (len(table.arms), 1))
        self._joint = Joint(prior_scales(table.family, success), settings.failure_utility)
        self._uses = Uses(settings.horizon)
        self._last: tuple[int, int] = (-1, -1)

    def view(self, unit: int, present: np.ndarray) -> View:
        """What the policy sees for a unit; counts it as a use of its context."""
        project, context = self._project[unit], self._context[unit]
        look = self._joint.look(project, context)
        scalars = self._uses.context(project, context)
        self._uses.decided(project, context)
        return View(
            mean=look.mean,
            scale=look.scale,
            noise=look.noise,
            allowed=present,
            count=look.count,
            family=self._table.family,
            baseline=self._table.baseline,
            wider_mean=look.wider_mean,
            wider_scale=look.wider_scale,
            context=scalars,
        )

    def learn(self, unit: int, arm: int, value: float) -> None:
        """One outcome; the scales are estimated again when that is due."""
        project, context = self._project[unit], self._context[unit]
        ok = not self._settings.split or self._table.status[unit, arm] == _OK
        limit = self._settings.utility_limit
        self._joint.learn(project, context, arm, min(max(value, -limit), limit), bool(ok))
        self._uses.observed(project, context, np.nan)
        if due(self._settings.reestimate_every, self._joint.outcomes, self._estimated):
            self._joint.reestimate()
            self._estimated = self._joint.outcomes


def _by_appearance(codes: np.ndarray, order: np.ndarray) -> list[int]:
    """(units,) codes in the order in which a run meets them, so that nothing is known of those to come."""
    met = codes[order]
    first = np.unique(met, return_index=True)
    rank = np.empty(int(codes.max()) + 1, int)
    rank[first[0]] = first[1].argsort().argsort()
    return rank[codes].tolist()


def _measured(table: Table, rng: np.random.Generator, settings: Settings) -> Callable[[int, int], float]:
    """(unit, arm) -> utility: of a repetition drawn for the arm and one for the baseline, or of the means."""
    gain = utility(table)
    if table.repeats is None or not settings.repeats:
        return lambda unit, arm: float(gain[unit, arm])
    repeats, base = table.repeats, table.baseline

    def drawn(unit: int, arm: int) -> float:
        pick = rng.integers(repeats.shape[2], size=2)
        return float(repeats[unit, arm, pick[0]] - repeats[unit, base, pick[1]]) if arm != base else 0.0

    return drawn


def _drawn(chances: np.ndarray, number: float) -> int:
    """Position that a uniform number in [0, 1) falls on; never one of probability 0."""
    sums = np.cumsum(chances)
    return int(np.searchsorted(sums, number * sums[-1], side="right"))

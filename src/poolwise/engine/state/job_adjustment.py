"""Costs without a baseline's cost: turned into what they say of the arm, by the level of the job that recurs.

Contrasts within a job (`crossed.job_effects`) rest on what is believed of the job's other arms. That is taken from a
reference which stands still between two settlings, where it is solved for: the belief under which all contrasts, made
with it, give that belief. So what is believed follows from the sums of the jobs and the place of the last settling in
the order of outcomes, and a store opened again comes to the same. Settlings come at fixed numbers of such outcomes.

The solution is that of a linear system, but for clipped contrasts, found by Anderson's mixing. Source: Walker and Ni
(2011).
"""

from typing import Any

import numpy as np

from poolwise.engine.safeguards.safeguards import Discount
from poolwise.engine.state.exchange import Exchange
from poolwise.posterior.crossed.job_effects import Key, StatisticsDelta, contrasts, level_of
from poolwise.posterior.posterior import Posterior
from poolwise.schema import STATUSES
from poolwise.store.base import OutcomeColumns

_OK = STATUSES.index("ok")
_ROUNDS, _AGREE, _MEMORY = 60, 1e-11, 12
"""Most steps to the solution, the change of a belief that ends them, and how many earlier steps each mixes."""
JOBS = 20_000
"""Jobs whose sums are kept, the last heard of; what earlier ones were taken to say stays."""


def costs_alone(rows: OutcomeColumns) -> np.ndarray:
    """Which successes of recurring jobs have -log cost for a utility: it says nothing before the job has a level."""
    alone = np.isnan(rows.baseline_cost) & (np.abs(rows.utility + np.log(rows.cost)) < 1e-9)
    return (rows.job >= 0) & (rows.status == _OK) & alone


class JobAdjustment:
    """Around a posterior, whose statistics it keeps in step with all contrasts.

    Contrasts leave open what all arms have in common. It is set by the baseline being worth 0, as everywhere.
    """

    def __init__(self, exchange: Exchange, limit: float) -> None:
        self._exchange, self._limit = exchange, limit
        self._sums: dict[int, dict[Key, np.ndarray]] = {}
        """Of every job, by arm: number, sum and sum of squares of its outcomes."""
        self._applied: dict[Key, np.ndarray] = {}
        """What all jobs were last taken to say: number, sum and sum of squares."""
        self._reference: dict[tuple[int, int], np.ndarray] = {}
        self._heard = 0

    def until_settling(self) -> int:
        """How many more outcomes of jobs there are up to the next settling."""
        return _next(self._heard) - self._heard

    def utilities(self, rows: OutcomeColumns) -> np.ndarray:
        """(n,) utilities: those that are -log cost of a job are what they say of the arm, others as they are."""
        utility = rows.utility.copy()
        for row in np.flatnonzero(costs_alone(rows)).tolist():
            job, key = _at(rows, row)
            level = level_of(self._sums.get(job, {}), key, self._theta)
            utility[row] = self._theta(*key[:2])[key[2]] if level is None else utility[row] - level
        return utility

    def update(self, rows: OutcomeColumns) -> None:
        """Outcomes of jobs whose utilities are -log cost."""
        change: dict[Key, np.ndarray] = {}
        for row, y in enumerate(rows.utility.tolist()):
            job, key = _at(rows, row)
            sums = self._sums.pop(job, {})  # and last again: what was not heard of for longest stands first
            _add(change, self._contrasts(sums), -1.0)
            sums[key] = sums.get(key, 0.0) + np.array([1.0, y, y * y])
            self._sums[job] = sums
            _add(change, self._contrasts(sums), 1.0)
            self._exchange.do(Posterior.add_success, *key)
        _add(self._applied, change, 1.0)
        self._amend(change)
        due, self._heard = _next(self._heard), self._heard + len(rows.decision)
        while len(self._sums) > JOBS:
            _add(self._applied, self._contrasts(self._sums.pop(next(iter(self._sums)))), -1.0)
        if self._heard >= due:
            self.converge()

    def converge(self) -> None:
        """Let reference and belief agree."""
        cells = sorted({key[:2] for sums in self._sums.values() for key in sums})
        if not cells:
            return
        points: list[np.ndarray] = []
        steps: list[np.ndarray] = []
        here = self._believed(cells)
        for _ in range(_ROUNDS):
            self._refer(cells, here)
            step = self._believed(cells) - here
            if np.abs(step).max() < _AGREE:
                return
            points, steps = [*points, here][-_MEMORY:], [*steps, step][-_MEMORY:]
            here = _mixed(points, steps)

    def lacking(self, arm: int) -> tuple[int, int]:
        """How many jobs have no outcome of an arm, and how many there are."""
        having = sum(any(key[2] == arm for key in sums) for sums in self._sums.values())
        return len(self._sums) - having, len(self._sums)

    def discount(self, discount: Discount) -> None:
        """Forget what is set aside: it is no longer compared with anything."""
        gone = {(discount.project, discount.context, arm) for arm in np.flatnonzero(discount.keep < 1).tolist()}
        for sums in (self._applied, *self._sums.values()):
            for key in gone & sums.keys():
                del sums[key]

    def saved(self) -> dict[str, list[list[Any]]]:
        """All sums as JSON, for `resume`."""
        return {
            "sums": [[job, *key, *part.tolist()] for job, sums in self._sums.items() for key, part in sums.items()],
            "told": [[*key, *part.tolist()] for key, part in self._applied.items()],
            "reference": [[*cell, part.tolist()] for cell, part in self._reference.items()],
            "heard": [[self._heard]],
        }

    def resume(self, saved: dict[str, list[list[Any]]]) -> None:
        """Go on from what was saved; arms that came since are worth 0."""
        arms = len(self._exchange.posterior.hyperparameters.gaussian.family)
        for job, project, context, arm, *part in saved["sums"]:
            self._sums.setdefault(job, {})[project, context, arm] = np.array(part)
        self._applied = {(p, c, a): np.array(part) for p, c, a, *part in saved["told"]}
        self._reference = {(p, c): np.append(part, np.zeros(arms - len(part))) for p, c, part in saved["reference"]}
        self._heard = saved["heard"][0][0]

    def _theta(self, project: int, context: int) -> np.ndarray:
        found = self._reference.get((project, context))
        return np.zeros(len(self._exchange.posterior.hyperparameters.gaussian.family)) if found is None else found

    def _contrasts(self, sums: dict[Key, np.ndarray]) -> dict[Key, np.ndarray]:
        return contrasts(sums, self._theta, self._limit)

    def _believed(self, cells: list[tuple[int, int]]) -> np.ndarray:
        return np.array([self._exchange.posterior.mean_given_success(*cell) for cell in cells])

    def _refer(self, cells: list[tuple[int, int]], predicted: np.ndarray) -> None:
        """Make all contrasts again with another reference."""
        self._reference = dict(zip(cells, predicted, strict=True))
        now: dict[Key, np.ndarray] = {}
        for sums in self._sums.values():
            _add(now, self._contrasts(sums), 1.0)
        change = {key: value.copy() for key, value in now.items()}
        _add(change, self._applied, -1.0)
        self._applied = now
        self._amend(change)

    def _amend(self, change: dict[Key, np.ndarray]) -> None:
        if change:
            keys = sorted(change)
            rows, values = np.array(keys, dtype=np.int64), np.array([change[key] for key in keys])
            self._exchange.do(Posterior.add_statistics, StatisticsDelta(*rows.T, *values.T))


def _next(heard: int) -> int:
    """At how many outcomes of jobs it is settled again: at all up to 32, and 16 times before each doubling.

    >>> [_next(heard) for heard in (0, 31, 32, 33, 46, 47, 48, 95)]
    [1, 32, 34, 34, 48, 48, 51, 96]
    """
    step = max(heard // 16, 1)
    return min((heard // step + 1) * step, 16 * (heard // 16 + 1))


def _at(rows: OutcomeColumns, row: int) -> tuple[int, Key]:
    return int(rows.job[row]), (int(rows.project[row]), int(rows.context[row]), int(rows.arm[row]))


def _add(total: dict[Key, np.ndarray], more: dict[Key, np.ndarray], sign: float) -> None:
    for key, value in more.items():
        total[key] = total.get(key, 0.0) + sign * value


def _mixed(points: list[np.ndarray], steps: list[np.ndarray]) -> np.ndarray:
    """The next point: the mixture of the last ones whose steps, mixed alike, are shortest, and then that step."""
    point, step = points[-1], steps[-1]
    if len(steps) == 1:
        return point + step
    by = np.array([(step - other).ravel() for other in steps[:-1]]).T
    share = np.linalg.lstsq(by, step.ravel(), rcond=1e-12)[0]
    moved = sum(s * (point + step - p - q) for s, p, q in zip(share, points[:-1], steps[:-1], strict=True))
    return point + step - moved

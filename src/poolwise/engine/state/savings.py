"""What outcomes cost as they add up: where the total is optimised, kept beside the belief about log ratios.

    outcome with the baseline's cost b:   saving = b - cost,  from its utility:  b (1 - exp(-utility))
    without it (a utility alone, a failure):   the same with what the baseline usually costs in its cell
    the cost alone of a job that recurs:  saving = (what the job's other outcomes say the baseline costs on it) - cost

A fold over the outcomes in their order. Utilities that are no measurement (`observations.ABSURD`) count as failures, as
in the belief.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from poolwise.engine.safeguards.safeguards import Discount
from poolwise.engine.settings import Settings
from poolwise.engine.state.job_adjustment import JOBS, costs_alone
from poolwise.engine.state.observations import ABSURD
from poolwise.objective import saving
from poolwise.posterior.crossed.job_effects import Key
from poolwise.posterior.likelihoods.savings import Savings
from poolwise.posterior.recursive.types import Predictive
from poolwise.store.base import OutcomeColumns

Believed = Callable[[int, int], Predictive]
"""The belief about log ratios in a cell."""


class OutcomeSavings:
    """Of one engine; arms are those that are known. family: (arms,) index; baseline: index among them."""

    def __init__(self, settings: Settings, family: np.ndarray, baseline: int) -> None:
        self._settings = settings
        self._savings = Savings(family, baseline, settings.utility_limit)
        self.convert, self.usual = self._savings.convert, self._savings.usual
        self._jobs: dict[int, dict[Key, list[float]]] = {}
        """Of every job, by arm: number and sum of its costs."""

    def update(self, rows: OutcomeColumns, utility: np.ndarray, believed: Believed, half_life: float) -> None:
        """Outcomes in their order. utility: of each, of costs alone within their job."""
        alone, fade = costs_alone(rows), 0.5 ** (1.0 / half_life)
        places = zip(rows.project.tolist(), rows.context.tolist(), rows.arm.tolist(), strict=True)
        for row, key in enumerate(places):
            y, home, cost = float(utility[row]), float(rows.baseline_cost[row]), float(rows.cost[row])
            if alone[row]:
                home = self._of_job(int(rows.job[row]), key, cost, believed)
                if math.isnan(home):
                    continue  # nothing to compare with yet
                gained = home - cost
            else:
                y = y if abs(y) <= ABSURD else self._settings.failure_utility
                gained = float(saving(y, self._savings.usual(*key[:2]) if math.isnan(home) else home))
            if fade < 1:
                self._savings.fade(fade)
            self._savings.add(*key, y, gained, home)

    def _of_job(self, job: int, key: Key, cost: float, believed: Believed) -> float:
        """What the baseline costs on a job, by the outcomes of its other arms; NaN where there is none."""
        sums = self._jobs.pop(job, {})  # and last again, as in `JobAdjustment`
        number, total = 0.0, 0.0
        for place, (count, spent) in sums.items():
            if place[2] != key[2]:
                number += count
                total += spent + count * self._expected(place, believed)
        own = sums.setdefault(key, [0.0, 0.0])
        own[0] += 1.0
        own[1] += cost
        self._jobs[job] = sums
        while len(self._jobs) > JOBS:
            self._jobs.pop(next(iter(self._jobs)))
        if key[2] == self._savings.baseline:
            return cost
        return total / number if number else math.nan

    def _expected(self, place: Key, believed: Believed) -> float:
        """What an arm is believed to save, in units of cost."""
        project, context, arm = place
        if arm == self._savings.baseline:
            return 0.0
        found = self.convert(believed(project, context), project, context)
        return float(found.mean[arm]) * self._savings.usual(project, context)

    def discount(self, discount: Discount, tried: np.ndarray) -> None:
        """Set aside evidence of one cell. tried: outcomes [project, context, arm], before."""
        self._savings.discount_cell(*discount, tried)

    def saved(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and JSON, for `resume`."""
        arrays, cells = self._savings.saved()
        jobs = [[job, *key, *part] for job, sums in self._jobs.items() for key, part in sums.items()]
        return arrays, {"cells": cells, "jobs": jobs}

    def resume(self, arrays: dict[str, np.ndarray], body: dict[str, Any]) -> None:
        """Go on from what was saved; arms that came since have no outcomes."""
        self._savings.resume(arrays, body["cells"])
        for job, project, context, arm, *part in body["jobs"]:
            self._jobs.setdefault(job, {})[project, context, arm] = part

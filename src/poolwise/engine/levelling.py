"""Costs without a baseline's cost: turned into what they say of the arm, by the level of the job that recurs."""

import numpy as np

from poolwise.engine.suite import Fade
from poolwise.posterior.joint import Joint
from poolwise.posterior.level import Levels
from poolwise.schema import STATUSES
from poolwise.store.base import OutcomeColumns

_OK = STATUSES.index("ok")
_ROUNDS, _AGREE = 30, 1e-3
"""Contrasts are made again at most so often, and until no sum of them changes by more than this."""


def costs_alone(rows: OutcomeColumns) -> np.ndarray:
    """Which successes of recurring jobs have -log cost for a utility: it says nothing before the job has a level."""
    alone = np.isnan(rows.baseline_cost) & (np.abs(rows.utility + np.log(rows.cost)) < 1e-9)
    return (rows.job >= 0) & (rows.status == _OK) & alone


class Levelling:
    """Around a `Joint`, whose belief it reads and whose statistics it keeps in step with all contrasts.

    Contrasts leave open what all arms have in common. It is set by the baseline being worth 0, as everywhere.
    """

    def __init__(self, joint: Joint, limit: float) -> None:
        self._joint, self._limit, self._levels = joint, limit, Levels()
        self._own: set[int] = set()
        """Decisions whose outcomes are compared within their job."""

    def learn(self, job: int, project: int, context: int, arm: int, utility: float) -> float:
        """One success, -log cost; returns the utility that it is worth."""
        worth = self._levels.worth(job, (project, context, arm), utility, self._joint.speed)
        self._levels.add(job, (project, context, arm), utility)
        self._joint.succeeded(project, context, arm)
        self._joint.amend(self._levels.change([job], self._joint.speed, self._limit))
        return worth

    def levelled(self, new: OutcomeColumns) -> OutcomeColumns:
        """Outcomes of a store, those that are -log cost of a job turned into utilities; others as they are."""
        raw = costs_alone(new)
        utility = new.utility.copy()
        for row in np.flatnonzero(raw).tolist():
            job, project, context, arm = (int(part[row]) for part in (new.job, new.project, new.context, new.arm))
            utility[row] = self._levels.worth(job, (project, context, arm), float(new.utility[row]), self._joint.speed)
            self._levels.add(job, (project, context, arm), float(new.utility[row]))
        self._own |= set(new.decision[raw].tolist())
        return new._replace(utility=utility)

    def taken(self, new: OutcomeColumns) -> OutcomeColumns:
        """Learn those of `levelled` that are compared within their job; the others."""
        own = np.isin(new.decision, np.fromiter(self._own, np.int64, len(self._own)))
        self._own -= set(new.decision[own].tolist())
        if own.any():
            for at in zip(*(part[own].tolist() for part in (new.project, new.context, new.arm)), strict=True):
                self._joint.succeeded(*at)
            self.settle()
        return OutcomeColumns(*(column[~own] for column in new))

    def settle(self) -> None:
        """Make all contrasts again with what is believed, until that and they agree."""
        for _ in range(_ROUNDS if self._levels.jobs else 0):
            change = self._levels.change(self._levels.jobs, self._joint.speed, self._limit)
            if np.abs(change.total).max(initial=0.0) < _AGREE:
                return
            self._joint.amend(change)

    def fade(self, fade: Fade) -> None:
        """Forget what is set aside: it is no longer compared with anything."""
        self._levels.forget(fade.project, fade.context, set(np.flatnonzero(fade.keep < 1).tolist()))

"""From stored outcomes to all that rests on them: how contexts are used, what is believed, what is forbidden."""

import time

import numpy as np

from poolwise.engine import tables
from poolwise.engine.guarding import Guarding
from poolwise.engine.live import Live
from poolwise.policy.uses import Uses
from poolwise.schema import Outcome
from poolwise.store.base import OutcomeColumns, Store


class Observing:
    """Every outcome of the store is learned once, whoever wrote it."""

    def __init__(self, store: Store, live: Live, uses: Uses, guarding: Guarding) -> None:
        self._store, self._live, self._uses, self._guarding = store, live, uses, guarding

    def catch_up(self) -> None:
        """Fold what the store holds: frequencies of use from decisions, beliefs from outcomes."""
        made = self._store.decisions()
        for (p, c), count in tables.counted(made.project, made.context):
            self._uses.decided(p, c, count)
        answered = self._learn(self._live.fresh(self._store.outcomes()))
        for (p, c), number in tables.informed(made, answered):
            self._uses.informed(p, c, number)

    def one(self, outcome: Outcome, cell: tuple[int, int, int], baseline_cost: float | None, job: str | None) -> None:
        """Learn an outcome just stored. cell: its project, context and arm; job: where its cost came alone."""
        id, (project, context, arm) = outcome.decision, cell
        self._uses.observed(project, context, np.nan if baseline_cost is None else baseline_cost)
        worth = self._live.add(project, context, arm, outcome, job)
        if (suite := self._guarding.suite) is not None:
            if not suite.knows([id]):
                suite.decided(id, project, context, arm, self._store.decision(id).reason)
            self._live.fade(suite.observed(id, project, context, arm, worth))

    def many(self, own: OutcomeColumns) -> None:
        """Learn outcomes just stored, and before them what others have written meanwhile."""
        self._learn(self._live.stored(own))

    def refresh(self) -> int:
        """Learn what others have written, and count overdue decisions as failures; how many outcomes were new."""
        new = self._learn(self._live.fresh(self._store.outcomes(after=self._live.read)))
        self._live.follow_priors()
        self._live.assume_overdue(time.time())
        return len(new)

    def _learn(self, new: OutcomeColumns) -> np.ndarray:
        """Learn what this process has not learned yet; the decisions that it belongs to."""
        for (p, c), count, cost in tables.costs(new):
            self._uses.observed(p, c, cost, count)
        for part, fade in tables.parted(new, self._guarding.fades(new)):
            self._live.add_many(part)
            self._live.fade(fade)
        return new.decision

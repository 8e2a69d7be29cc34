"""What a policy sees and learns while tables or logs are replayed, many runs side by side."""

import numpy as np

from poolwise.policy.base import View
from poolwise.posterior.rescale import reestimate
from poolwise.posterior.runs import Runs, shape
from poolwise.replay.occasions import Occasions
from poolwise.replay.settings import Settings


class Learner:
    """Mutable shell of all runs. A run's results do not depend on which others there are.

    cell_project, cell_context: (cells,) codes of every (project, context) that can occur, each once; nothing is known
    of those that have not. known: utilities are differences to the baseline's, whose own is 0 by definition. Then its
    outcomes teach nothing, and are not learned: they would make the noise of its whole family look like none.
    """

    def __init__(
        self,
        cell_project: np.ndarray,
        cell_context: np.ndarray,
        family: np.ndarray,
        baseline: int,
        settings: Settings,
        *,
        known: bool = True,
        runs: int = 1,
        likeness: np.ndarray | None = None,
    ) -> None:
        self._family, self._baseline, self._settings, self._known = np.asarray(family), baseline, settings, known
        made = shape(cell_project, cell_context, self._family, likeness, baseline if known else None)
        self._runs = Runs(made, runs)
        self._occasions = Occasions(cell_project, cell_context, settings.horizon, runs)
        self._learned = self._estimated = 0

    def view(self, cell: np.ndarray, allowed: np.ndarray) -> View:
        """What the policy sees of one job per run, (runs, arms); counts it as a use of its context."""
        look = self._runs.look(cell)
        scalars = self._occasions.context(cell)
        self._occasions.decided(cell)
        return View(
            mean=look.mean,
            scale=look.scale,
            noise=look.noise,
            allowed=allowed,
            count=look.count,
            family=self._family,
            baseline=self._baseline,
            wider_mean=look.wider_mean,
            wider_scale=look.wider_scale,
            context=scalars,
            wider_share=look.wider_share,
        )

    def learn(self, cell: np.ndarray, arm: np.ndarray, utility: np.ndarray) -> None:
        """One outcome per run; the scales are estimated again when that is due."""
        self._occasions.observed(cell)
        taught = arm != self._baseline if self._known else np.ones(len(arm), bool)
        self._runs.learn(cell, arm, utility, taught)
        self._learned += 1
        if self._settings.due(self._learned, self._estimated):
            reestimate(self._runs)
            self._estimated = self._learned

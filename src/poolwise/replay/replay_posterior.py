"""What a policy sees and learns while a table or a log is replayed: the posterior that an engine serves from."""

import numpy as np

from poolwise.objective import saving
from poolwise.policy.view import Policy, View
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.hyperparameters.refit_schedule import EVERY, due
from poolwise.posterior.likelihoods.savings import Savings
from poolwise.posterior.observation_model import DEFAULT, ObservationModel
from poolwise.posterior.posterior import Posterior
from poolwise.replay import usage as counts
from poolwise.views import view

FAILURE_UTILITY, USUAL_SUCCESS, FACTORS, LIMIT = float(np.log(0.5)), (3.0, 0.6), 2, 5.0
"""The defaults of an engine's settings."""


class ReplayPosterior:
    """One run, outcome by outcome, as an `Engine` with `estimate = "inline"` that is told utilities.

    family: (arms,) index; baseline: the arm whose utility is 0 by definition, None where no arm stands apart; total:
    costs are optimised as they add up, of which `update` is told.
    """

    def __init__(
        self,
        family: np.ndarray,
        baseline: int | None,
        projects: int,
        contexts: int,
        horizon: float | None,
        *,
        total: bool = False,
        features: int = 0,
    ):
        arms = len(family)
        self.family = np.unique(np.asarray(family), return_inverse=True)[1]
        self.offered, self.baseline = slice(None), 0 if baseline is None else baseline
        hyperparameters = init_hyperparameters(self.family, np.tile(USUAL_SUCCESS, (arms, 1)), baseline=baseline)
        self.posterior = Posterior(
            hyperparameters,
            FAILURE_UTILITY,
            projects=projects,
            contexts=contexts,
            baseline=baseline,
            backend="numpy",
            most_factors=FACTORS,
            options=ObservationModel(outliers=None) if total else DEFAULT,
            features=features,
        )
        self.savings = Savings(self.family, self.baseline, LIMIT) if total else None
        self.usage, self.estimated, self._horizon = counts.empty(projects, contexts), 0, horizon

    def view(self, project: int, context: int, allowed: np.ndarray, raw: np.ndarray | None = None) -> View:
        """What the policy sees of one job; counts it as a use of its context. raw: (F,) features of the job."""
        scalars = counts.scalars(self.usage, project, context, self._horizon)
        self.usage = counts.decided(self.usage, project, context)
        found = self.posterior.predict(project, context, raw)
        if self.savings is not None:
            found = self.savings.convert(found, project, context)
        return view(found, self, allowed, scalars)

    def update(
        self, project: int, context: int, arm: int, utility: float, cost: float = 0.0, raw: np.ndarray | None = None
    ) -> None:
        """One outcome; the scales are to be estimated again when that is due. cost: of the baseline on this job, 0
        where it is not known."""
        self.usage = counts.observed(self.usage, project, context, 1.0, cost)
        if self.savings is not None:
            self.savings.add(project, context, arm, utility, float(saving(utility, cost)), cost)
        self.posterior.update(project, context, arm, float(np.clip(utility, -LIMIT, LIMIT)), True, raw=raw)

    def estimate_when_due(self) -> None:
        """The scales, from all outcomes so far."""
        if due(EVERY, self.posterior.outcomes, self.estimated):
            self.posterior.reestimate()
            self.estimated = self.posterior.outcomes


def chances_of(policy: Policy, seen: View) -> np.ndarray:
    """(arms,)."""
    return np.asarray(policy.probabilities(policy.params, seen), dtype=np.float64)

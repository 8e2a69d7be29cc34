"""Effects kept by another form than exact covariances, behind one interface; everything else is `recursive`.

`gp_filter` where arms resemble each other by their parameters, `collapsed` where exact covariances would be too large.
Each is a module with init(fit, stats) -> state, update(state, project, context, arm, y, weight) in place,
predict(state, project, context) -> Effects, needs_refactor(state) -> whether to `init` again.
"""

from types import ModuleType
from typing import Any

import numpy as np

from poolwise.posterior.crossed import collapsed
from poolwise.posterior.crossed.batch import Fit
from poolwise.posterior.features.estimation import serves
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.features.serving import FeatureEffectsFilter
from poolwise.posterior.gp import bernoulli_kernel, gp_filter
from poolwise.posterior.gp.coherence import split
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.likelihoods import bernoulli
from poolwise.posterior.recursive.exchangeability import Effects
from poolwise.posterior.recursive.initial import Tally
from poolwise.posterior.recursive.types import State


class EffectsFilter:
    """Mutable, as the states of its modules are."""

    def __init__(self, module: ModuleType, hyperparameters: Hyperparameters, tally: Tally) -> None:
        fit, success, separate = hyperparameters.gaussian, hyperparameters.success, hyperparameters.separate
        self._module, self._fit, self._success = module, fit, success
        rest, own = split(tally.utility, separate)
        self._states: list[Any] = [module.init(fit, rest)]
        self._separate: tuple[int, ...] = ()
        if separate is not None:
            self._states.append(module.init(separate.fit, own))
            self._separate = separate.projects
        self.shares = module is gp_filter
        """Whether it tells by how much of a change here what is shared changes."""
        self._arm = bernoulli.aggregate(success, tally.outcomes, tally.successes).arm
        self._near = (
            None if fit.ground is None else bernoulli_kernel.neighbour_counts(fit, self._arm, success.power_near)
        )

    @property
    def needs_refactor(self) -> bool:
        return any(self._module.needs_refactor(state) for state in self._states)

    def state(self, project: int) -> Any:
        """What knows the project: that of all others, or of those that are separate."""
        return self._states[project in self._separate]

    def predict(self, project: int, context: int, raw: np.ndarray | None = None) -> Effects:
        """Of the utility of a success, whatever the features; `along` is 0 where it is not kept."""
        found: Effects = self._module.predict(self.state(project), project, context)
        return found

    def near(self) -> np.ndarray | None:
        """(2, arms): pseudo-counts of success of every arm's neighbours; None: of all other arms alike."""
        return None if self._near is None else bernoulli.discount(self._near, self._success.kappa_near)

    def update(
        self, state: State, at: tuple[int, int, int], y: float, weight: float, raw: np.ndarray | None = None
    ) -> None:
        """After an outcome; weight: what it counts as, 0 for none of the utility. state: after it, too."""
        project, context, arm = at
        change = state.arms[5:7, arm] - self._arm[:, arm]
        self._arm[:, arm] += change
        if self._near is not None:
            self._near += (
                change[:, None] * bernoulli_kernel.weights(self._fit, np.array([arm]), self._success.power_near)[0]
            )
        if weight > 0:
            self._module.update(self.state(project), project, context, arm, y, weight)


def kept_by(fit: Fit, shape: tuple[int, int, int]) -> ModuleType | None:
    """What keeps the effects of so many projects, contexts and arms; None: exact covariances of all."""
    if fit.ground is not None:
        return gp_filter
    projects, contexts, arms = shape
    return collapsed if collapsed.exceeds_dense_budget(arms, projects, contexts) else None


def effects_filter(
    hyperparameters: Hyperparameters, tally: Tally, rows: FeatureRows | None
) -> EffectsFilter | FeatureEffectsFilter | None:
    """None: exact covariances of all effects. rows: the outcomes with the features of their jobs."""
    fit, features = hyperparameters.gaussian, hyperparameters.features
    if features is not None and rows is not None and serves(fit, tally.shape):
        lent = hyperparameters.lent if features.borrowed else None
        return FeatureEffectsFilter(fit, features, hyperparameters.weight, tally.utility, rows, lent)
    module = kept_by(fit, tally.shape)
    return None if module is None else EffectsFilter(module, hyperparameters, tally)

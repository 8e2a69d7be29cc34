"""One search among thousands of configurations: the engine's posterior and policy, told its outcomes one by one.

Beside the belief that starts from what other units say stands one that starts from nothing. The two are mixed by how
well each has predicted the outcomes so far, before it learned them, so a misleading transfer is given up. Source of the
mixture: Dawid (1984), prequential; Yao and others (2018), stacking.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from poolwise.inputs import whole
from poolwise.policy.rules.knowledge_gradient import knowledge_gradient
from poolwise.policy.view import Context
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.gp.coregionalisation import ArmFeatures, arm_features
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.posterior.hyperparameters.refit_schedule import due
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.recursive.types import Predictive
from poolwise.replay.arguments import seed_of, tabled
from poolwise.replay.replay_posterior import FAILURE_UTILITY, chances_of
from poolwise.replay.search.source_tasks import NOTHING, Observations, observed, source_tasks
from poolwise.table import Table
from poolwise.views import view

POLICY = knowledge_gradient(own=0.35)
LEAST = 0.2
"""Of the weights, shared alike: where the two disagree about an arm, there is something to find out."""
EVERY = ((30, 5), (100, 10))
"""Scales are estimated again so often, as in `refit_schedule.EVERY`."""
SUCCESS = (1e4, 1e-2)
"""Pseudo-counts of success and failure: a configuration that fails is told at what it costs."""


class Choice(NamedTuple):
    """What was drawn."""

    arm: int
    probability: float


class Belief:
    """The posterior of one project, told its outcomes; the first one says where it stands."""

    def __init__(self, ground: ArmFeatures) -> None:
        family = ground.family
        start = init_hyperparameters(family, np.tile(SUCCESS, (len(family), 1)), ground=ground)
        self._posterior = Posterior(start, FAILURE_UTILITY, backend="numpy")
        if ground.sources is not None:
            self._posterior.prior = HYPERPRIOR._replace()  # as theirs was, in the natural unit
        self._every, self._origin, self._estimated = np.arange(len(family)), 0.0, 0

    def predict(self) -> tuple[Predictive, np.ndarray]:
        """Of every arm; and its contrast with the best one, see `View.contrast`."""
        found = self._posterior.predict(0, 0)
        contrast, _ = self._posterior.among_configurations((0, 0), found, self._every)
        assert contrast is not None
        return found._replace(mean=found.mean + self._origin), contrast

    def density(self, arm: int, utility: float) -> float:
        """Logarithm of the predictive density of an outcome."""
        found = self._posterior.predict(0, 0)
        variance = found.scale[arm] ** 2 + found.noise[arm] ** 2
        return float(-0.5 * (np.log(2 * np.pi * variance) + (utility - self._origin - found.mean[arm]) ** 2 / variance))

    def update(self, arm: int, utility: float) -> None:
        """One outcome; scales are estimated when that is due."""
        if not self._posterior.outcomes:
            self._origin = utility - float(self._posterior.mean_given_success(0, 0)[arm])
        self._posterior.update(0, 0, arm, utility - self._origin, True)
        if due(EVERY, self._posterior.outcomes, self._estimated):
            self._posterior.reestimate()
            self._estimated = self._posterior.outcomes


class ConfigurationSearch:
    """columns: of every parameter, (arms,) or (arms, k) coordinates in [0, 1]; known: outcomes of other units.

    >>> search = ConfigurationSearch([np.linspace(0, 1, 11)])
    >>> for arm in (0, 5, 10): search.update(arm, -abs(arm - 6) / 2)
    >>> search.choose(np.random.default_rng(0), 10.0, barred=(0, 5, 10)).arm in (4, 6, 7, 8)
    True
    """

    def __init__(self, columns: list[np.ndarray], known: Observations = NOTHING) -> None:
        self.arms = len(columns[0])
        self.family, self.offered, self.baseline = np.zeros(self.arms, int), slice(None), 0
        ground = arm_features(self.family, {0: arm_coordinates(columns)})._replace(warped=True)
        self._beliefs = [Belief(ground)]
        if len(known.unit):
            with single_blas():
                self._beliefs.append(Belief(ground._replace(sources=source_tasks(ground, known))))
        self._score, self._tried = np.zeros(len(self._beliefs)), set[int]()

    def probabilities(self, remaining: float, allowed: np.ndarray, afterwards: float = 0.0) -> np.ndarray:
        """(arms,) with so many trials left, and uses of the best one afterwards."""
        known = dict.fromkeys(Context._fields, 0.0)
        left = dict.fromkeys(("remaining", "remaining_project", "remaining_all"), remaining)
        scalars = np.array(list({**known, **left, "afterwards": afterwards}.values()))
        found, contrast = self._predict()
        return chances_of(POLICY, view(found, self, allowed, scalars, contrast))

    def _predict(self) -> tuple[Predictive, np.ndarray]:
        """Of the mixture, weighted by how well each has foreseen the outcomes so far."""
        looks = [one.predict() for one in self._beliefs]
        if len(looks) == 1 or not self._tried:
            return looks[-1]
        weight = np.exp(self._score - self._score.max())
        weight = (1 - LEAST) * weight / weight.sum() + LEAST / len(weight)
        mean = sum(part * found.mean for part, (found, _) in zip(weight, looks, strict=True))
        square = sum(
            part * (found.scale**2 + (found.mean - mean) ** 2) for part, (found, _) in zip(weight, looks, strict=True)
        )
        contrast = sum(part * one for part, (_, one) in zip(weight, looks, strict=True))
        return looks[-1][0]._replace(mean=mean, scale=np.sqrt(square)), np.asarray(contrast)

    @single_blas()
    def choose(
        self, rng: np.random.Generator, remaining: float, barred: Collection[int] = (), afterwards: float = 0.0
    ) -> Choice:
        """One arm; barred ones only where there is no other."""
        allowed = np.ones(self.arms, bool)
        allowed[list(barred)] = False
        chances = self.probabilities(max(remaining, 1.0), allowed if allowed.any() else ~allowed, afterwards)
        sums = np.cumsum(chances)
        arm = min(int(np.searchsorted(sums, rng.random() * sums[-1], "right")), self.arms - 1)
        return Choice(arm, float(chances[arm] / sums[-1]))

    @single_blas()
    def update(self, arm: int, utility: float) -> None:
        """One outcome, larger is better, in logarithms where it is a cost. An arm's second one is foreseen by either,
        and so is the level that the first tells."""
        if self._tried and arm not in self._tried and len(self._beliefs) > 1:
            self._score = self._score + np.array([one.density(arm, utility) for one in self._beliefs])
        self._tried.add(arm)
        for one in self._beliefs:
            one.update(arm, utility)


def run_space(table: Table, unit: int, trials: int, seed: int, known: Observations) -> np.ndarray:
    """(trials,) arms of `trials_of_space`. Raises DataError and ConfigError."""
    unit, trials = whole("unit", unit, 0, len(tabled(table).units) - 1), whole("trials", trials, 1, 1_000_000)
    seed, known = seed_of(seed), observed(known, len(table.arms))
    return trials_of_space(table, unit, trials, seed, known)[0]


def trials_of_space(
    table: Table, unit: int, trials: int, seed: int, known: Observations
) -> tuple[np.ndarray, np.ndarray]:
    """(trials,) arms, each chosen from the outcomes of those before, and (trials,) outcomes, a single repetition each.

    known: rewards of other units of the same table, possibly none. A failed arm is learned at what it costs.
    """
    rng, search = np.random.default_rng([seed, unit, 7]), ConfigurationSearch(coordinates(table), known)
    chosen, reward = np.empty(trials, int), np.empty(trials)
    for trial in range(trials):
        arm = chosen[trial] = search.choose(rng, float(trials - trial)).arm
        launches = table.reward[unit, arm, None] if table.repeats is None else table.repeats[unit, arm]
        reward[trial] = launches[rng.integers(len(launches))]
        search.update(int(arm), float(reward[trial]))
    return chosen, reward


def coordinates(table: Table) -> list[np.ndarray]:
    """Of every parameter that varies: ranks of its levels, scaled to [0, 1], for numbers; one-hot for anything else.

    An arm without the parameter stands at a level of its own. Families enter where their parameters differ.
    """
    names = list(dict.fromkeys(name for params in table.params for name in params))
    columns = [column([params.get(name) for params in table.params]) for name in names]
    if not names or len({tuple(params) for params in table.params}) > 1:
        columns.append(one_hot(table.family.tolist()))
    kept = [one for one in columns if len(np.unique(one, axis=0)) > 1]
    return kept or [np.zeros(len(table.params))]


def column(values: list[Any]) -> np.ndarray:
    """(arms,) or (arms, levels)."""
    levels = set(values)
    if len(levels) < 3 or not all(isinstance(one, int | float) for one in levels):
        return one_hot(values)
    order = {level: rank for rank, level in enumerate(sorted(levels))}
    return np.array([order[value] for value in values]) / (len(levels) - 1)


def one_hot(values: list[Any]) -> np.ndarray:
    """(arms, levels) at distance 1 from each other."""
    levels = list(dict.fromkeys(values))
    return np.array([[value == level for level in levels] for value in values]) / np.sqrt(2.0)

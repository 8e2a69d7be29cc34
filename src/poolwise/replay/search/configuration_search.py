"""One search of a parameter space with thousands of arms: a surface over the parameters, and others' surfaces.

Beside the surface that starts from what others say stands one that starts from nothing. The two are mixed by how well
each has predicted the outcomes so far, before it learned them, so a misleading transfer is given up. Source of the
mixture: Dawid (1984), prequential; Yao and others (2018), stacking. Utilities are bent; see `output_warping`.
"""

from typing import Any

import numpy as np

from poolwise.inputs import whole
from poolwise.policy.optimality import best_probability
from poolwise.policy.rules.knowledge_gradient import knowledge
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.gp.hyperparameter_samples import HyperparameterSamples, moment_match
from poolwise.posterior.gp.kernels import ArmCoordinates, arm_coordinates
from poolwise.posterior.gp.output_warping import USUAL, OutputWarping, warp
from poolwise.posterior.gp.surface import SurfacePredictive
from poolwise.posterior.hyperparameters.refit_schedule import due
from poolwise.replay.arguments import seed_of, tabled
from poolwise.replay.search.source_tasks import Observations, SourceTasks, observed, source_tasks_of
from poolwise.table import Table

EVERY = ((30, 5), (100, 10), (1_000, 20))
"""Scales are estimated again so often, as in `refit_schedule.EVERY`."""
OWN, TEMPERATURE = 0.2, 0.1
"""Of the knowledge gradient; see `policy.knowledge_gradient`."""
LEAST = 0.2
"""Of the weights, shared alike: where the two disagree about an arm, there is something to find out."""


def run_space(table: Table, unit: int, trials: int, seed: int, known: Observations) -> np.ndarray:
    """(trials,) arms of `trials_of_space`. Raises DataError and ConfigError."""
    unit, trials = whole("unit", unit, 0, len(tabled(table).units) - 1), whole("trials", trials, 1, 1_000_000)
    seed, known = seed_of(seed), observed(known, len(table.arms))
    return trials_of_space(table, unit, trials, seed, known)[0]


@single_blas()
def trials_of_space(
    table: Table, unit: int, trials: int, seed: int, known: Observations
) -> tuple[np.ndarray, np.ndarray]:
    """(trials,) arms, each chosen from the outcomes of those before, and (trials,) outcomes, a single repetition each.

    known: rewards of other units of the same table, possibly none. A failed arm is learned at what it costs.
    """
    rng, at, arms = np.random.default_rng([seed, unit, 7]), arm_coordinates(coordinates(table)), len(table.arms)
    others = source_tasks_of(at, known, rng) if len(known.unit) else None
    belief, chosen, reward = TransferMixture(at, others, rng.spawn(1)[0]), np.empty(trials, int), np.empty(trials)
    for trial in range(trials):
        seen = belief.predict()
        chances = probabilities(seen, float(trials - trial))
        sums = np.cumsum(chances)
        arm = chosen[trial] = min(int(np.searchsorted(sums, rng.random() * sums[-1], "right")), arms - 1)
        launches = table.reward[unit, arm, None] if table.repeats is None else table.repeats[unit, arm]
        reward[trial] = launches[rng.integers(len(launches))]
        belief.update(int(arm), float(reward[trial]))
    return chosen, reward


def probabilities(
    seen: SurfacePredictive, remaining: float, allowed: np.ndarray | None = None, afterwards: float = 0.0
) -> np.ndarray:
    """(arms,) of the knowledge gradient with so many trials left, and uses afterwards, among allowed arms; None: all
    are."""
    scale, allowed = np.sqrt(seen.variance), np.ones(len(seen.mean), bool) if allowed is None else allowed
    noise, uses = np.full(len(scale), seen.noise), np.array([remaining])
    gain = knowledge(seen.mean, scale, noise, uses, allowed, afterwards=np.array([afterwards]))
    return best_probability(seen.mean + OWN * gain, TEMPERATURE * scale, allowed)


class TransferMixture:
    """A surface that starts from nothing and, where others are known, one that starts from theirs."""

    def __init__(self, at: ArmCoordinates, others: SourceTasks | None, rng: np.random.Generator) -> None:
        self._surfaces = [HyperparameterSamples(at, rng)]
        if others is not None:
            self._surfaces.append(HyperparameterSamples(at, rng, others.features, others.offset, others.prior))
        self._score = np.zeros(len(self._surfaces))
        self._output_warping, self._usual = OutputWarping(at), others.warping if others else USUAL
        self._warping, self._best, self._estimated = self._usual, 0.0, 0
        self._arm: list[int] = []
        self._told: list[float] = []

    def predict(self) -> SurfacePredictive:
        """Mean and variance of the mixture, of bent utilities."""
        looks = [surface.predict() for surface in self._surfaces]
        if not self._told:
            return looks[-1]
        weight = np.exp(self._score - self._score.max())
        return moment_match(looks, (1 - LEAST) * weight / weight.sum() + LEAST / len(weight))

    def update(self, arm: int, y: float) -> None:
        """One outcome; weights by how well it was foreseen. The first tells the level alone, and an arm's second one
        is foreseen by either."""
        self._best = self._best if self._told else y
        value = float(warp(y, self._best, self._warping))
        if self._told and arm not in self._arm:
            self._score = self._score + np.array([one.density(arm, value) for one in self._surfaces])
        for one in self._surfaces:
            one.update(arm, value)
        self._arm.append(arm)
        self._told.append(y)
        if due(EVERY, len(self._told), self._estimated):
            self._reestimate()

    def _reestimate(self) -> None:
        y = np.array(self._told)
        self._estimated, self._best = len(y), float(y.max())
        self._warping = self._output_warping.best(np.array(self._arm), y, self._usual)
        for one in self._surfaces:
            one.rewarp(warp(y, self._best, self._warping))
            one.reestimate()


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

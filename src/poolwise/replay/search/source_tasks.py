"""What other units say of a parameter space: their surfaces, and how well each is foreseen from the rest.

Their average is what is expected of a new one, and each is a linear feature with a learned slope. Scales of what these
leave unexplained are those of the others themselves, each foreseen from the rest as the new one will be. Source of the
idea: Wang and others (2024), pre-trained Gaussian processes.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.errors import DataError
from poolwise.names import shown
from poolwise.posterior.arguments import rows
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.gp import gp_filter, gp_marginal_likelihood, output_warping
from poolwise.posterior.gp.coregionalisation import ArmFeatures, SourceTasks
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR


class Observations(NamedTuple):
    """Outcomes of other units, (outcomes,) each."""

    unit: np.ndarray
    arm: np.ndarray
    reward: np.ndarray


NOTHING = Observations(np.zeros(0, int), np.zeros(0, int), np.zeros(0))


def observed(given: Any, arms: int) -> Observations:
    """Itself, as arrays. Raises DataError for what are no outcomes of so many arms."""
    if not isinstance(given, Observations):
        raise DataError(f"what is known of other units are `replay.Observations`, got {shown(given)}")
    (unit, arm), reward, _ = rows((("unit", given.unit), ("arm", given.arm)), given.reward, 1.0)
    if (arm >= arms).any():
        raise DataError(f"an arm of the observations is beyond the {arms} of the table: give those of the same space")
    return Observations(unit, arm, reward)


def source_tasks(ground: ArmFeatures, known: Observations) -> SourceTasks:
    """From all outcomes of the other units, at least one. ground: of warped utilities."""
    tasks = [_statistics(len(ground.family), known, unit) for unit in np.unique(known.unit)]
    alone = [_fit(ground, task) for task in tasks]
    amount = float(np.exp(np.mean([np.log(fit.smooth.warping.amount) for fit in alone if fit.smooth])))
    surface = np.stack([_surface(fit, task, amount) for fit, task in zip(alone, tasks, strict=True)], 1)
    median, width = gp_marginal_likelihood.hyperprior_with_sources(ground)
    median[-1] = np.log(amount / gp_marginal_likelihood.WARP)
    usual = SourceTasks(surface, median, width)
    if len(tasks) == 1:
        return usual
    rest = [ground._replace(sources=usual._replace(surface=np.delete(surface, k, 1))) for k in range(len(tasks))]
    return _foreseen(usual, [_fit(one, task).coordinates for one, task in zip(rest, tasks, strict=True)])


def _statistics(arms: int, known: Observations, unit: int) -> SufficientStatistics:
    """Of one unit, relative to the best mean of an arm."""
    mine = known.unit == unit
    arm, y, zero = known.arm[mine], known.reward[mine], np.zeros(mine.sum(), int)
    count = np.bincount(arm, minlength=arms)
    best = (np.bincount(arm, y, arms) / np.maximum(count, 1))[count > 0].max()
    return SufficientStatistics.of(zero, zero, arm, y - best, shape=(1, 1, arms))


def _fit(ground: ArmFeatures, task: SufficientStatistics) -> Fit:
    family = ground.family
    median = HYPERPRIOR.median._replace(noise=np.full(len(family), HYPERPRIOR.median.noise))
    scales, smooth = gp_marginal_likelihood.initial_components(HYPERPRIOR, family, ground)
    old = Fit(scales, family, 1, False, 0.0, 0, True, np.zeros(0), ground, smooth)
    return gp_marginal_likelihood.fit(task, old, prior=HYPERPRIOR._replace(median=median), start=None)


def _surface(fit: Fit, task: SufficientStatistics, amount: float) -> np.ndarray:
    """(arms,) bent utilities, measured where so many arms were measured that the surface rests on a part of them."""
    mean, count = gp_filter.marginals(fit, task).mean[0, 0], task.count[0, 0]
    if (count > 0).sum() > gp_marginal_likelihood.LARGEST:
        mean = np.where(count > 0, task.total[0, 0] / np.maximum(count, 1), mean)
    return np.asarray(output_warping.warp(mean, 0.0, amount))


def _foreseen(usual: SourceTasks, found: list[np.ndarray]) -> SourceTasks:
    """Scales are spread around the others' as these are around their mean, the usual width counting as one unit more;
    none is far below its usual median, nor less known than usual."""
    scales = np.stack(found)
    median, units = scales.mean(axis=0), len(scales)
    between = (((scales - median) ** 2).sum(axis=0) + usual.width**2) / units
    width = np.minimum(np.sqrt(between * (1 + 1 / units)), usual.width)
    return usual._replace(median=np.maximum(median, usual.median - 2 * usual.width), width=width)

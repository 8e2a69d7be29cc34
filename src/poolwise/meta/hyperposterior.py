"""What all projects share, estimated from the statistics of each: the numbers of a prior pack.

The mean of project p's outcomes of arm a in context c is an estimate of what all projects share there,

    ybar_p = level + context + (project + cell effects, noise):   Var = tau_project^2 + tau_cell^2 + noise^2 / n_p

so with w_p = 1 / Var the pooled mean is sum(w ybar) / sum(w), of precision sum(w). However many outcomes a project
has, it weighs no more than 1 / (tau_project^2 + tau_cell^2). That the errors of one project in two contexts are related
is left out: with k projects, a part tau_project^2 / k of the variance of a level.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.posterior.crossed.batch import Fit, SufficientStatistics, cells
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import (
    HYPERPRIOR,
    GaussianHyperparameters,
    Hyperprior,
    effective,
    noise_scale,
)
from poolwise.posterior.hyperparameters.optimize import objective
from poolwise.posterior.likelihoods import bernoulli

_STEP = 1e-3


class PooledEstimates(NamedTuple):
    """[context, arm] each; see `packs.Pack`."""

    mean: np.ndarray
    precision: np.ndarray
    projects: np.ndarray
    amount: np.ndarray
    successes: np.ndarray


def between_project_variance(scales: GaussianHyperparameters) -> float:
    """Variance of a cell of one project around what all projects share."""
    return float(sum(tier.project**2 + tier.cell**2 for tier in (scales.arm, scales.family, scales.globe)))


def pooled(
    stats: SufficientStatistics,
    hyperparameters: Hyperparameters,
    outcomes: np.ndarray,
    successes: np.ndarray,
    minimum: int,
    clip: float | None,
) -> PooledEstimates:
    """outcomes, successes: counts [project, context, arm]. clip: no project's mean counts as further from 0."""
    data, fit = cells(stats), hyperparameters.gaussian
    scales = effective(fit.scales, fit.families, stats.count.shape)
    seen, bound = data.count > 0, np.inf if clip is None else clip
    noise = np.broadcast_to(noise_scale(scales, data.count.shape[1]), data.count.shape[1:])
    weight = np.where(seen, 1 / (between_project_variance(scales) + noise**2 / np.where(seen, data.count, 1.0)), 0.0)
    total = (weight * np.clip(data.mean, -bound, bound)).sum(0)
    projects = seen.sum(0)
    enough, tried = projects >= minimum, (outcomes > 0).sum(0) >= minimum
    precision = np.where(enough, weight.sum(0), 0.0)
    mean = np.where(enough, total / np.where(enough, weight.sum(0), 1.0), 0.0)
    own = hyperparameters.success._replace(pooled=None)
    amount, won = np.where(tried, bernoulli.aggregate(own, outcomes, successes).context, 0.0)
    return PooledEstimates(mean, precision, np.where(enough, projects, 0).astype(float), amount, won)


def scale_table(
    fit: Fit, stats: SufficientStatistics, prior: Hyperprior = HYPERPRIOR
) -> dict[str, tuple[float, float]]:
    """`arm.level` .. `globe.cell` and `noise`: value, 0 where there are no such effects, and standard deviation of its
    logarithm."""
    scales, log_deviation = effective(fit.scales, fit.families, stats.count.shape), log_spread(fit, stats, prior)
    names = [(tier, block) for tier in ("arm", "family", "globe") for block in ("level", "context", "project", "cell")]
    values = [float(getattr(getattr(scales, tier), block)) for tier, block in names]
    table = {
        f"{tier}.{block}": (value, float(sd))
        for (tier, block), value, sd in zip(names, values, log_deviation, strict=False)
    }
    noise = float(np.exp(np.log(scales.noise).mean()))
    return {**table, "noise": (noise, float(log_deviation[len(names)]))}


def log_spread(fit: Fit, stats: SufficientStatistics, prior: Hyperprior) -> np.ndarray:
    """(13,) standard deviations of the logarithms of the scales and of the noise, from the curvature of the evidence at
    its maximum (Laplace). That of the hyperprior where the search had another form or found no maximum."""
    usual = np.array([prior.width] * 12 + [prior.noise_width])
    at, data = np.asarray(fit.coordinates, dtype=float), cells(stats)
    groups = fit.families or data.count.shape[2]
    if fit.reduced or len(at) != 13 + groups + data.count.shape[1]:
        return usual
    slopes: list[Any] = []
    for step in np.eye(len(at)) * _STEP:
        ends = [
            objective(at + side * step, data, fit.family, prior, families=fit.families, reduced=False)[1]
            for side in (1, -1)
        ]
        slopes.append((ends[0] - ends[1]) / (2 * _STEP))
    curvature = (np.array(slopes) + np.array(slopes).T) / 2
    try:
        variance = np.diag(np.linalg.inv(curvature))[:13]
    except np.linalg.LinAlgError:
        return usual
    return np.where((variance > 0) & (variance < usual**2), np.sqrt(np.abs(variance)), usual)

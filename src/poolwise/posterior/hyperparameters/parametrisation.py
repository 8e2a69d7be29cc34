"""Scales as coordinates without bounds: logarithms relative to the hyperprior's medians, and where to look for them.

scale_i = median_i exp(x_i),   x_i ~ Normal(0, width_i^2),   noise = median sqrt(exp(x)^2 exp(x_family)^2 + floor^2)
"""

from typing import Any

import numpy as np

from poolwise.arrays import Array, namespace
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, Hyperprior, TierScales

SCALES = 12
"""Level, context, project, cell of arm, family and globe; the globe's level stays at its prior: there is one."""


def length(groups: int, contexts: int) -> int:
    """Number of coordinates: scales, common noise, noise of every family, and of every context where these differ."""
    return SCALES + 1 + groups + contexts


def from_coordinates(
    coordinates: Array, noise_index: Array, prior: Hyperprior, *, groups: int
) -> GaussianHyperparameters:
    """Hyperparameters from unconstrained coordinates, see `length`."""
    xp, middle = namespace(coordinates), prior.median
    factor = xp.exp(coordinates)
    tiers = [
        TierScales(*(median * factor[4 * i + j] for j, median in enumerate(tier)))
        for i, tier in enumerate((middle.arm, middle.family, middle.globe))
    ]
    own, spread = factor[SCALES + 1 :][:groups], factor[SCALES + 1 + groups :]
    noise = middle.noise * xp.hypot(factor[SCALES] * own[noise_index], prior.noise_floor)
    globe = tiers[2]._replace(level=xp.asarray(middle.globe.level))
    return GaussianHyperparameters(
        tiers[0], tiers[1], globe, noise, spread, xp.asarray(middle.mean), middle.pooled, middle.elicited
    )


def negative_log_hyperprior(coordinates: Array, prior: Hyperprior, *, groups: int) -> Array:
    """Minus log hyperprior, up to a constant."""
    return 0.5 * ((coordinates / widths(len(coordinates), prior, groups, namespace(coordinates))) ** 2).sum()


def widths(size: int, prior: Hyperprior, groups: int, xp: Any = np) -> Array:
    """(size,) standard deviations of the coordinates."""
    blocks = np.array([SCALES, 1, groups, size - length(groups, 0)])
    return xp.repeat(xp.stack([prior.width, prior.noise_width, prior.width, prior.spread_width]), blocks)


def search_bounds(cells: CellMoments, size: int, prior: Hyperprior, groups: int) -> np.ndarray:
    """(size, 2): where the search looks. Outside of it are no better scales, only rounding errors that look so.

    No scale exceeds thirty times its median, or times what the largest utility makes of it.
    """
    reach = np.log(30 * max(1.0, _largest(cells) / _usual(prior) ** 0.5))
    blocks = ((SCALES, -7.0, reach), (1, np.log(prior.noise_floor) - 1, reach), (groups, -7.0, 7.0))
    rough = (size - length(groups, 0), -3.0, 3.0)
    return np.concatenate([np.full((count, 2), (low, high)) for count, low, high in (*blocks, rough)])


def with_noise_floor(prior: Hyperprior, cells: CellMoments) -> Hyperprior:
    """Of utilities far from 0, sums of squares keep too few digits for a small noise to be seen."""
    return prior._replace(noise_floor=max(prior.noise_floor, 1e-6 * _largest(cells) / prior.median.noise))


def _largest(cells: CellMoments) -> float:
    return float(np.abs(np.where(cells.count > 0, cells.mean, 0)).max())


def _usual(prior: Hyperprior) -> float:
    """Variance of a cell's theta under the hyperprior's medians."""
    return sum(scale**2 for tier in (prior.median.arm, prior.median.family, prior.median.globe) for scale in tier)

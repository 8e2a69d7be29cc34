"""The unit of a system's utilities, in which the medians of the hyperprior of its scales are meant.

    u^2 = (1 + sum_a w_a mean square of arm a) / (1 + sum_a w_a),   w_a = n_a / (n_a + 2),     unit = max(u, sqrt(u))

over the arms that were tried, with one arm's worth of the natural unit: an arm that is chosen often does not count for
more, or safe arms would make all others look alike. A system whose utilities are logarithms of ratios of hundreds, or
of a few percent, is not known beforehand; that they are small is believed half way, as arms not yet tried may differ.
"""

import numpy as np

from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, Hyperprior, TierScales

_FEW = 2.0
"""Outcomes that give an arm half its weight."""


def rms_utility(stats: SufficientStatistics) -> float:
    """From statistics [project, context, arm]."""
    count, squares = stats.count.sum((0, 1)), stats.squares.sum((0, 1))
    weight = count / (count + _FEW)
    found = float(np.sqrt((1 + (weight * squares / np.maximum(count, 1e-300)).sum()) / (1 + weight.sum())))
    return max(found, found**0.5)


def hyperprior(prior: Hyperprior, stats: SufficientStatistics) -> Hyperprior:
    """The usual one in the unit of what was seen; one of what other stores know as it is."""
    return rescale(prior, rms_utility(stats)) if prior is HYPERPRIOR else prior


def rescale(prior: Hyperprior, unit: float) -> Hyperprior:
    """The hyperprior with its medians in this unit."""
    median, tier = prior.median, lambda tier: TierScales(*(unit * scale for scale in tier))
    arm, family, globe = tier(median.arm), tier(median.family), tier(median.globe)
    return prior._replace(median=median._replace(arm=arm, family=family, globe=globe, noise=unit * median.noise))

"""Whether a project is like the others is learned from its own outcomes: a guard against negative transfer.

With probability `trust` its effects are what the hierarchy makes of them given the other projects, otherwise a draw of
their own from the same scales, of which no other project tells anything. The odds of the two grow with every outcome by
the difference of the log predictive densities, and are carried on when hyperparameters are estimated again:

    log odds = log trust / (1 - trust) + sum over i of log p(y_i | all before) - log p(y_i | the project's own before)

The belief is the mixture of both, by its mean and covariance. By the mixture's own log score, trusting wrongly costs at
most log(1 / (1 - trust)) in all. Effects given success alone: chances of success stay pooled. Source: Schmidli et al.,
robust mixture priors (2014); Dawid, prequential analysis (1984).
"""

from typing import NamedTuple

from poolwise.arrays import Array, Float, namespace

CERTAIN = 9.0
"""Log odds from which on the others are believed without a doubt."""
_LARGEST = 700.0
"""Whose exponential is a number."""


class Effects(NamedTuple):
    """Of the sums of effects here, and what is shared by the project, by the context and, in the exact form, by all."""

    mean: Float[Array, "4 arm"]
    variance: Float[Array, "4 arm"]
    along: Float[Array, "3 arm"]
    """Covariance of the first with the others."""


def log_bayes_factor(pooled: tuple[Array, Array], own: tuple[Array, Array], noise: Array, y: Array) -> Array:
    """Difference of the log predictive densities of y; each belief as mean and variance of the arm's utility."""
    return _log_density(*pooled, noise, y) - _log_density(*own, noise, y)


def is_uncertain(log_odds: Array, weight: Array) -> Array:
    """Whether it is still asked if a project is like the others; once it is certain, it stays so.

    weight: what the project's outcomes count as for others, see `likelihoods.project_weights`.
    """
    return log_odds + namespace(log_odds).log(weight) <= CERTAIN


def _log_density(mean: Array, variance: Array, noise: Array, y: Array) -> Array:
    total = variance + noise * noise
    return -0.5 * (namespace(total).log(total) + (y - mean) ** 2 / total)


def moment_match(pooled: Effects, own: Effects, log_odds: Array) -> Effects:
    """The mixture. What a context shares with other projects is theirs, and changes only as far as this one is like
    them."""
    xp = namespace(pooled.mean)
    weight = xp.where(log_odds > CERTAIN, 1.0, 1 / (1 + xp.exp(xp.minimum(-log_odds, _LARGEST))))
    rest = 1 - weight
    gap = (pooled.mean - own.mean)[:2]
    mean = xp.concatenate([pooled.mean[:2] - rest * gap, pooled.mean[2:]])
    within = weight * pooled.variance[:2] + rest * own.variance[:2] + weight * rest * gap**2
    variance = xp.concatenate([within, pooled.variance[2:]])
    first = weight * pooled.along[:1] + rest * (own.along[:1] + weight * gap[:1] * gap[1:])
    return Effects(mean, variance, xp.concatenate([first, weight * pooled.along[1:]]))

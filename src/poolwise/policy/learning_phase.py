"""How far learning has come in a context, read off the belief and never off a clock."""

import math

from poolwise.policy.optimality import best_probability, expected_best
from poolwise.policy.vectors import argmax_share, normalised
from poolwise.policy.view import Array, View

PHASES = ("early", "learning", "mature")
EARLY, MATURE = 0.5, 0.1
"""Doubt above EARLY is the early phase, up to MATURE the mature one."""
NEGLIGIBLE = math.log(1.05)
"""A gain below this is taken for so much: where nothing can be gained, nobody is ignorant of how."""


def confidence(view: View) -> Array:
    """(..., 1): P(the favourite is the best arm) under the belief; the average over tied favourites."""
    favourite = argmax_share(view.mean, view.allowed)
    return (favourite * best_probability(view.mean, view.scale, view.allowed)).sum(axis=-1, keepdims=True)


def doubt(view: View) -> float:
    """What could still be gained, as a share of what is gained, for one view in NumPy:

        (E[max_a theta_a] - theta_f) / max(theta_f - theta_baseline, NEGLIGIBLE)

    of the favourite f. A favourite among near-equal arms, which is hardly ever the best one, is no ignorance.
    """
    favourite = float((argmax_share(view.mean, view.allowed) * view.mean).sum())
    regret = max(float(expected_best(view.mean, view.scale, view.allowed)[0]) - favourite, 0.0)
    return regret / max(favourite - float(view.mean[view.baseline]), NEGLIGIBLE)


def phase(view: View) -> str:
    """`early`, `learning` or `mature`, for one view in NumPy."""
    left = doubt(view)
    return PHASES[(left <= EARLY) + (left <= MATURE)]


def remaining_variance(view: View) -> Array:
    """(..., 1) in [0, 1]: mean over allowed arms of v / (v + noise^2), how much one more outcome would still tell."""
    unknown = view.scale * view.scale
    return (normalised(1.0 * view.allowed) * (unknown / (unknown + view.noise * view.noise))).sum(
        axis=-1, keepdims=True
    )

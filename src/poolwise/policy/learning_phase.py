"""How far learning has come in a context, read off the belief and never off a clock."""

from poolwise.policy.optimality import best_probability
from poolwise.policy.vectors import argmax_share, normalised
from poolwise.policy.view import Array, View

PHASES = ("early", "learning", "mature")
EARLY, MATURE = 0.5, 0.95
"""Confidence below EARLY is the early phase, from MATURE on the mature one."""


def confidence(view: View) -> Array:
    """(..., 1): P(the favourite is the best arm) under the belief; the average over tied favourites."""
    favourite = argmax_share(view.mean, view.allowed)
    return (favourite * best_probability(view.mean, view.scale, view.allowed)).sum(axis=-1, keepdims=True)


def phase(view: View) -> str:
    """`early`, `learning` or `mature`, for one view in NumPy."""
    certain = float(confidence(view)[0])
    return PHASES[(certain >= EARLY) + (certain >= MATURE)]


def remaining_variance(view: View) -> Array:
    """(..., 1) in [0, 1]: mean over allowed arms of v / (v + noise^2), how much one more outcome would still tell."""
    unknown = view.scale * view.scale
    return (normalised(1.0 * view.allowed) * (unknown / (unknown + view.noise * view.noise))).sum(
        axis=-1, keepdims=True
    )

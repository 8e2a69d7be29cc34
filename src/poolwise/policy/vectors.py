"""Small pieces that every policy is made of; all work on the last axis, any leading axes alongside."""

import numpy as np

from poolwise.policy.view import Array, View, namespace


def normalised(weights: Array) -> Array:
    """Weights divided by their sum; all 0 where they are."""
    total = weights.sum(axis=-1, keepdims=True)
    return weights / (total + (total == 0))


def argmax_share(index: Array, allowed: Array) -> Array:
    """All mass on the largest allowed index; ties share it equally."""
    xp = namespace(index)
    top = xp.where(allowed, index, -np.inf).max(axis=-1, keepdims=True)
    return normalised(1.0 * (allowed & (index == top)))


def is_baseline(view: View) -> Array:
    """(..., arms) bool: which arm is the baseline."""
    return namespace(view.mean).arange(view.mean.shape[-1]) == view.baseline


def doubled(view: View) -> View:
    """The view twice, along a new leading axis: an inner policy answers for two variants of it in one pass."""
    xp = namespace(view.mean)
    pair = xp.zeros((2,) + (1,) * view.mean.ndim)
    return view._replace(
        mean=view.mean + pair,
        scale=view.scale + pair,
        allowed=view.allowed | (pair > 0),
        wider_mean=view.wider_mean[:, None] + pair,
        wider_scale=view.wider_scale[:, None] + pair,
        wider_share=None if view.wider_share is None else view.wider_share[:, None] + pair,
    )


def moved(before: Array, after: Array) -> Array:
    """(..., 1): total variation distance, the probability mass that differs between two vectors."""
    return 0.5 * abs(after - before).sum(axis=-1, keepdims=True)


def blended(before: Array, after: Array, most: Array) -> Array:
    """As far from `before` towards `after` as moves at most the mass `most`."""
    xp = namespace(before)
    return before + xp.minimum(1.0, most / xp.maximum(moved(before, after), 1e-12)) * (after - before)

"""Small pieces that every policy is made of; all work on the last axis, any leading axes alongside."""

import numpy as np

from poolwise.policy.base import Array, View, namespace


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

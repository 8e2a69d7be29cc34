"""What information is worth: expected gain of a normal, expected regret of the favourite."""

import math

import numpy as np
from jax.scipy.special import ndtr as traced_normal_cdf
from scipy.special import ndtr

from poolwise.policy.base import Array, View, namespace


def normal_cdf(score: Array) -> Array:
    """P(standard normal < score)."""
    return ndtr(score) if namespace(score) is np else traced_normal_cdf(score)


def expected_gain(difference: Array, scale: Array) -> Array:
    """E[max(0, X)] of X ~ Normal(difference, scale^2) = scale g(difference / scale), g(z) = phi(z) + z Phi(z)."""
    xp = namespace(difference)
    score = xp.clip(difference / scale, -30.0, 30.0)
    density = xp.exp(-0.5 * score * score) / math.sqrt(2.0 * math.pi)
    within = scale * xp.maximum(density + score * normal_cdf(score), 0.0)
    return xp.where(difference > 30.0 * scale, difference, within)


def expected_regret(view: View) -> Array:
    """(..., 1): what the favourite is expected to lose to its strongest rival, max_a E[max(0, theta_a - theta_fav)].

    A lower bound of the expected regret of the favourite, exact for two arms.
    """
    xp = namespace(view.mean)
    mean = xp.where(view.allowed, view.mean, -np.inf)
    favourite = xp.arange(mean.shape[-1]) == mean.argmax(axis=-1)[..., None]
    top = xp.where(favourite, view.mean, 0.0).sum(axis=-1, keepdims=True)
    spread = xp.where(favourite, view.scale, 0.0).sum(axis=-1, keepdims=True)
    gain = expected_gain(view.mean - top, xp.sqrt(view.scale**2 + spread**2))
    return xp.where(view.allowed & ~favourite, gain, 0.0).max(axis=-1, keepdims=True)

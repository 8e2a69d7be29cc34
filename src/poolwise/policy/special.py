"""Functions of the standard normal, for NumPy and JAX arrays alike."""

import math

import numpy as np
from jax.scipy.special import ndtr as traced_normal_cdf
from scipy.special import ndtr

from poolwise.policy.base import Array, namespace


def normal_cdf(score: Array) -> Array:
    """Phi(score) = P(standard normal < score)."""
    return ndtr(score) if namespace(score) is np else traced_normal_cdf(score)


def expected_gain(difference: Array, scale: Array) -> Array:
    """E[max(0, X)] of X ~ Normal(difference, scale^2) = scale g(difference / scale), g(z) = phi(z) + z Phi(z)."""
    xp = namespace(difference)
    score = difference / scale
    below = -xp.abs(score)
    tail = xp.exp(-0.5 * below * below) / math.sqrt(2.0 * math.pi) + below * normal_cdf(below)
    return xp.maximum(difference, 0.0) + scale * xp.maximum(tail, 0.0)

"""Functions of the standard normal, for NumPy and JAX arrays alike."""

import math

import numpy as np

from poolwise.lazy import special
from poolwise.policy.view import Array, namespace

INVERSE_ROOT = 1.0 / math.sqrt(2.0 * math.pi)


def normal_cdf(score: Array) -> Array:
    """Phi(score) = P(standard normal < score). JAX is imported by whoever brings its arrays."""
    if namespace(score) is np:
        return special.ndtr(score)
    from jax.scipy.special import ndtr as traced

    return traced(score)


def expected_excess(lead: Array, scale: Array) -> Array:
    """E[max(0, X)] of X ~ Normal(lead, scale^2): scale phi(z) + lead Phi(z), z = lead / scale.

    Rounding may leave it a hair below 0.
    """
    score = lead / scale
    return INVERSE_ROOT * scale * namespace(lead).exp(-0.5 * (score * score)) + lead * normal_cdf(score)


def heavy_tailed_excess(lead: Array, scale: Array) -> Array:
    """E[max(0, X)] of lead <= 0 plus scale times a Student-t of 4 degrees of freedom.

    4 s^4 / (r (r + |lead|)^2),   r^2 = 4 s^2 + lead^2
    """
    away = -lead / scale
    root = namespace(lead).sqrt(4.0 + away * away)
    return 4.0 * scale / (root * (root + away) ** 2)

"""Success and speed joined into the one utility that policies compare.

    u = p_ok E[y | ok] + (1 - p_ok) u_failed

with p_ok and E[y | ok] independent given the data (their likelihoods factorise), so by the law of total variance

    Var u = p^2 v^2 + (m - u_failed)^2 s^2 + s^2 v^2,     one outcome: p sigma^2 + p (1 - p) (m - u_failed)^2 around u

Arrays broadcast; NumPy and JAX alike.
"""

from typing import NamedTuple

from poolwise.arrays import Array


class Utility(NamedTuple):
    """Belief about the expected utility of an arm, and the standard deviation of one outcome around it."""

    mean: Array
    scale: Array
    noise: Array


def join(success_mean: Array, success_scale: Array, mean: Array, scale: Array, noise: Array, failed: Array) -> Utility:
    """Utility from the belief in success, the belief in y given success, its noise, and the utility of a failure."""
    gap = mean - failed
    square, doubt = gap * gap, success_scale * success_scale
    variance = (success_mean * success_mean + doubt) * (scale * scale) + doubt * square
    spread = success_mean * (noise * noise + (1 - success_mean) * square)
    return Utility(failed + success_mean * gap, variance**0.5, spread**0.5)

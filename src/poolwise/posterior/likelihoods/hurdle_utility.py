"""Success and speed joined into the one utility that policies compare.

    u = p_ok E[y | ok] + (1 - p_ok) u_failed

with p_ok and E[y | ok] independent given the data (their likelihoods factorise), so by the law of total variance

    Var u = p^2 v^2 + (m - u_failed)^2 s^2 + s^2 v^2,     one outcome: p sigma^2 + p (1 - p) (m - u_failed)^2 around u

Arrays broadcast; NumPy and JAX alike.
"""

from typing import NamedTuple, Protocol

from poolwise.arrays import Array


class Success(Protocol):
    """Belief about the chance of success: `bernoulli.Beta`."""

    @property
    def mean(self) -> Array: ...

    @property
    def size(self) -> Array: ...


class Utility(NamedTuple):
    """Belief about the expected utility of an arm, and the standard deviation of one outcome around it."""

    mean: Array
    scale: Array
    noise: Array


def hurdle_moments(success: Success, mean: Array, scale: Array, noise: Array, failed: Array) -> Utility:
    """Utility from the belief in success, the belief in y given success, its noise, and the utility of a failure."""
    p, gap = success.mean, mean - failed
    certain, square = p * p, gap * gap
    either = p - certain
    doubt = either / (success.size + 1)
    variance = (certain + doubt) * (scale * scale) + doubt * square
    outcome_variance = p * (noise * noise) + either * square
    return Utility(failed + p * gap, variance**0.5, outcome_variance**0.5)

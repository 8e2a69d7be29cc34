"""Exact messages between the tiers of Gaussian effect vectors, and the log evidence that falls out of them.

A potential exp(-1/2 v' L v + h' v + c) on a vector v ~ N(z, D), D diagonal, integrates to one of the same form on z:

    S = (L + D^-1)^-1,  L' = D^-1 S L,  h' = D^-1 S h,  c' = c + (log|S| - log|D| + h' S h) / 2

Potentials multiply by adding. Downwards, v given z has covariance S and mean S h + S D^-1 z. (West and Harrison 1997,
section 16; Schur complements written as Gaussian conditioning.) The arrays carry leading batch axes.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, namespace
from poolwise.lazy import lapack

_SMALL = 24
"""Rows below which one call for a whole batch is faster than one for each of its matrices."""


class CanonicalForm(NamedTuple):
    """exp(-1/2 v' precision v + information' v + constant)."""

    precision: Float[Array, "batch effect effect"]
    information: Float[Array, "batch effect"]
    constant: Float[Array, " batch"]


class Conditional(NamedTuple):
    """Of a vector given the tier above: covariance S, mean S h where the tier above is 0."""

    covariance: Float[Array, "batch effect effect"]
    mean: Float[Array, "batch effect"]
    root: Float[Array, "batch effect effect"] | None = None
    """S = root root', exact where S is singular or nearly so; there where S comes from `collect`."""


def collect(potential: CanonicalForm, variance: Float[Array, " effect"]) -> tuple[CanonicalForm, Conditional]:
    """Message to the tier above, and what is needed to come back down. `variance`: diagonal of D."""
    xp = namespace(potential.precision)
    identity = xp.eye(variance.shape[-1])
    root = xp.sqrt(variance)
    across = root[:, None] * root
    # I + D^1/2 L D^1/2 is well conditioned where D is tiny, as L + D^-1 is not.
    precision = across * potential.precision
    precision += identity
    factor = xp.linalg.cholesky(precision)
    inner = _inverse(factor)
    inverse = xp.swapaxes(inner, -1, -2) @ inner
    covariance = across * inverse
    # Through the root of S: information is large where S is small, and S rounded would not meet it.
    white = _times(inner, root * potential.information)
    upper = root[:, None] * xp.swapaxes(inner, -1, -2)
    mean = _times(upper, white)
    log_determinant = -2 * xp.log(xp.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
    constant = potential.constant + 0.5 * (log_determinant + (white**2).sum(-1))
    # D^-1 S L as a difference: the product would multiply the rounding errors of S by a precision of any size.
    inverse -= identity
    inverse /= -across
    return CanonicalForm(inverse, mean / variance, constant), Conditional(covariance, mean, upper)


def _inverse(factor: Array) -> Array:
    """Of lower triangular matrices (..., q, q). NumPy's own forgets that they are triangular, six times the work."""
    if namespace(factor) is not np:
        return _inverse_by_halves(factor)
    if factor.shape[-1] < _SMALL:
        return np.linalg.inv(factor)
    flat = factor.reshape(-1, *factor.shape[-2:])
    # In column order, which LAPACK wants, the transpose of a lower triangle is an upper one: no copy is made.
    return np.array([lapack.dtrtri(one.T)[0].T for one in flat]).reshape(factor.shape)


def _inverse_by_halves(factor: Array) -> Array:
    """[[a, 0], [b, c]]^-1 = [[a^-1, 0], [-c^-1 b a^-1, c^-1]]: products of whole batches, where LAPACK goes one by one.

    A third of the time of XLA's triangular solve on CPU. Two threads of a process that compute whole scores at the same
    time were seen to wait for ever on two cores (jaxlib 0.10), with that solve and without: the cause is not known, and
    compiled scores belong in a process that does not serve.
    """
    size = factor.shape[-1]
    if size <= _SMALL:
        return _inverse_by_rows(factor)
    half, xp = size // 2, namespace(factor)
    upper, lower = _inverse_by_halves(factor[..., :half, :half]), _inverse_by_halves(factor[..., half:, half:])
    top = xp.concatenate([upper, xp.zeros((*factor.shape[:-2], half, size - half))], -1)
    return xp.concatenate([top, xp.concatenate([-(lower @ (factor[..., half:, :half] @ upper)), lower], -1)], -2)


def _inverse_by_rows(factor: Array) -> Array:
    """Forward substitution, a row of all matrices at a time."""
    from jax import lax

    xp, at = namespace(factor), np.arange(factor.shape[-1])

    def row(i: Array, found: Array) -> Array:
        own = factor[..., i, :]
        rest = (at == i) - (xp.where(at < i, own, 0.0)[..., None, :] @ found)[..., 0, :]
        return found.at[..., i, :].set(rest / own[..., i, None])

    return lax.fori_loop(0, factor.shape[-1], row, xp.zeros_like(factor))


def distribute(conditional: Conditional, variance: Array, mean: Array, covariance: Array) -> tuple[Array, Array]:
    """Marginal mean and covariance of a tier from those of the tier above."""
    xp = namespace(mean)
    gain = conditional.covariance / variance
    inherited = gain @ covariance @ xp.swapaxes(gain, -1, -2)
    return conditional.mean + _times(gain, mean), conditional.covariance + inherited


def _times(matrix: Array, vector: Array) -> Array:
    """Of every matrix (..., q, q) with its vector (..., q)."""
    return (matrix @ vector[..., None])[..., 0]

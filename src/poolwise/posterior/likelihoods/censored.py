"""Outcomes that were cut off: all that is known is utility <= bound. Each counts as part of an outcome, by moments.

    P(y <= b | theta) = Phi((b - theta) / sigma),   theta ~ Normal(mu, v) by everything else

is replaced by the Normal factor in theta that leaves mean and variance of the posterior as they are (expectation
propagation; exact for one such outcome). With S = sigma^2 + v, z = (b - mu) / sqrt(S), h = phi(z) / Phi(z):

    weight n = sigma^2 d / (sigma^2 + v (1 - d)),  value y = mu - sqrt(S) / (z + h),   d = h (z + h) in (0, 1)

so it enters the statistics as n outcomes of value y: none where the bound says nothing (z large), one outcome at the
bound where it is a surprise (z very negative). z + h is a continued fraction in that tail, where h cancels z. Of many
such outcomes and no other in a cell the mean is right to a seventh of a standard deviation, which itself comes out up
to a third too small: the posterior is skewed. Source: Tobin (1958); Minka (2001); Rasmussen and Williams (2006), 3.9.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, namespace
from poolwise.lazy import special
from poolwise.posterior.crossed.batch import SufficientStatistics

_TAIL, _DEPTH = -4.0, 40
"""Below it, the continued fraction, which so many terms settle to 14 digits."""
_GRID = 64.0
"""Bounds are kept to 1 / 64: as many factors as differ by more than one per cent or so."""
_INNER, _DAMPING = 30, 0.7
"""Rounds over the factors of a cell, and how far each goes: they move at once."""
_HALF_LOG_2PI = 0.9189385332046727

Place = tuple[int, int, int, int]
"""Project, context, arm, bound on the grid."""


class Site(NamedTuple):
    """All outcomes of a cell that were cut off at the same bound."""

    number: float
    weight: float
    """Outcomes that they count as, together."""
    value: float


Sites = dict[Place, Site]


def quantised(bound: Array) -> Array:
    """The bound on the grid: an outcome was at most a little more."""
    return namespace(bound).ceil(bound * _GRID)


def bound_at(place: Array) -> Array:
    """Where on the grid a bound is."""
    return place / _GRID


def factor(mean: Array, variance: Array, noise: Array, bound: Array) -> tuple[Array, Array]:
    """Weight and value of one outcome cut off at `bound`, where theta is Normal(mean, variance) without it.

    >>> [round(float(part), 3) for part in factor(0.0, 0.0, 1.0, 0.0)]
    [0.637, -1.253]
    """
    total = noise**2 + variance
    xp = namespace(total)
    z = (bound - mean) / xp.sqrt(total)
    excess = _excess(xp.asarray(z))
    reduction = (excess - z) * excess
    # Rounding may leave (0, 1) by a little at both ends.
    reduction = xp.clip(reduction, 0.0, 1.0)
    return noise**2 * reduction / (noise**2 + variance * (1 - reduction)), mean - xp.sqrt(total) / excess


def _excess(z: Array) -> Array:
    """z + phi(z) / Phi(z), positive."""
    xp = namespace(z)
    away, fraction = -xp.minimum(z, _TAIL), xp.zeros_like(z)
    for term in range(_DEPTH, 0, -1):
        fraction = term / (away + fraction)
    plain = xp.maximum(z, _TAIL)
    return xp.where(z < _TAIL, fraction, plain + xp.exp(-0.5 * plain**2 - _HALF_LOG_2PI - _log_ndtr(plain)))


def _log_ndtr(z: Array) -> Array:
    if namespace(z) is np:
        return special.log_ndtr(z)
    from jax.scipy.special import log_ndtr as traced

    return traced(z)


def add_to_site(sites: Sites, place: Place, number: float, weight: float, value: float) -> None:
    """More outcomes at a place, in place."""
    old = sites.get(place, Site(0.0, 0.0, 0.0))
    total = old.weight + weight
    mean = (old.weight * old.value + weight * value) / total if total > 0 else value
    sites[place] = Site(old.number + number, total, mean)


def group_by_bound(at: list[np.ndarray], bound: np.ndarray, weight: np.ndarray) -> list[tuple[Place, float]]:
    """Distinct places of outcomes that were cut off, and how many there were at each."""
    places = np.stack([*at, quantised(bound).astype(np.int64)])
    distinct, which = np.unique(places, axis=1, return_inverse=True)
    numbers = np.bincount(which.reshape(-1), weight, distinct.shape[1]).tolist()
    return [((p, c, a, b), number) for (p, c, a, b), number in zip(distinct.T.tolist(), numbers, strict=True)]


def discount(sites: Sites, keep: float) -> None:
    """Let a share of all count, in place."""
    for place, site in sites.items():
        sites[place] = Site(site.number * keep, site.weight * keep, site.value)


def update_sites(sites: Sites, mean: np.ndarray, variance: np.ndarray, noise: np.ndarray) -> Sites:
    """All factors anew, those of a cell until they agree. mean, variance: of theta now, one number per place.

    The belief about a cell without its own factors stays as it is; a few rounds settle what cells borrow.
    """
    number, weight, value = (np.array(column) for column in zip(*sites.values(), strict=True))
    bound = np.array([place[3] for place in sites]) / _GRID
    _, cell = np.unique([place[:3] for place in sites], axis=0, return_inverse=True)
    cell = cell.reshape(-1)

    def total(part: np.ndarray) -> np.ndarray:
        """Sum over the factors of the cell, in the units of a precision."""
        return np.asarray(np.bincount(cell, part / noise**2)[cell])

    # A belief is at least as precise as what it rests on, but for rounding and what has been pooled since.
    base = np.maximum(1 / variance - total(weight), 0.01 / variance)
    informed = mean / variance - total(weight * value)
    one_each = 1 / np.maximum(number, 1.0) / noise**2
    for _ in range(_INNER):
        precision = base + total(weight) - weight * one_each
        centre = (informed + total(weight * value) - weight * value * one_each) / precision
        found, at = factor(centre, 1 / precision, noise, bound)
        after = (1 - _DAMPING) * weight + _DAMPING * number * found
        pull = (1 - _DAMPING) * weight * value + _DAMPING * number * found * at
        weight, value = after, np.where(after > 0, pull / np.where(after > 0, after, 1.0), at)
    rows = zip(sites, number.tolist(), weight.tolist(), value.tolist(), strict=True)
    return {place: Site(*row) for place, *row in rows}


def add_to_statistics(stats: SufficientStatistics, sites: Sites, sign: float = 1.0) -> SufficientStatistics:
    """The statistics with the factors' (sign 1), or without them (-1)."""
    if not sites:
        return stats
    rows = tuple(np.array([place[:3] for place in sites]).T)
    weight, value = (np.array([getattr(site, name) for site in sites.values()]) for name in ("weight", "value"))
    parts = [part.copy() for part in stats]
    for power, part in enumerate(parts):
        np.add.at(part, rows, sign * weight * value**power)
    # What is left of a sum that was taken away is rounding error.
    gone = parts[0] < 1e-9
    return (
        SufficientStatistics(*(np.where(gone, 0.0, part) for part in parts))
        if sign < 0
        else SufficientStatistics(*parts)
    )

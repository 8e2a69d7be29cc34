"""One block of effects (levels, or one context's, or one project's) over all arms: a tree of three tiers in scalars.

    x[a] ~ N(z[f(a)], arm),  z[f] ~ N(m, family),  m ~ N(0, globe);  evidence on x: precision, information

Messages up and down are exact and cost O(arms), any number of blocks and runs side by side. Arrays are [.., arm];
variances broadcast against them. `gaussian` keeps all blocks in one vector instead, with their covariances.
"""

from typing import NamedTuple

import numpy as np

Moments = tuple[np.ndarray, np.ndarray]
"""Means and variances."""


class Kin(NamedTuple):
    """Which arms are of one family."""

    index: np.ndarray  # type: ignore[assignment]
    """(arms,) family of every arm."""
    member: np.ndarray | None
    """(arms, families) 0 or 1; None where there is no tier of families: one family, or one for each arm."""


class Variances(NamedTuple):
    """Of the effects of every tier around the tier above: [.., arm], [.., family], [.., 1]."""

    arm: np.ndarray
    family: np.ndarray
    globe: np.ndarray


class Effects(NamedTuple):
    """Posterior of x, [.., arm]."""

    mean: np.ndarray
    variance: np.ndarray
    shared: np.ndarray
    """Mean of what the arm's family and the globe contribute."""
    rest: np.ndarray
    """Weight of the tiers above in x, in [0, 1]: 1 where the arm has no evidence of its own."""


class Surplus(NamedTuple):
    """Of one tier's effects around the tier above, for estimating its variance: squares of their means, and for how
    much of an effect the evidence speaks, gamma = 1 - posterior / prior variance."""

    squares: np.ndarray
    known: np.ndarray


def kin(family: np.ndarray) -> Kin:
    """From the family of every arm."""
    names, index = np.unique(family, return_inverse=True)
    member = (index[:, None] == np.arange(len(names))).astype(float) if 1 < len(names) < len(index) else None
    return Kin(index, member)


def effects(precision: np.ndarray, information: np.ndarray, variances: Variances, kin: Kin) -> Effects:
    """Posterior of one block, or of many."""
    return _solved(precision, information, variances, kin)[0]


def surplus(precision: np.ndarray, information: np.ndarray, variances: Variances, kin: Kin) -> list[Surplus]:
    """Of arms, families and globe. An arm without evidence says nothing; (.., arms), (.., families), (.., 1)."""
    found, (middle, top), (rest, gap), globe = _solved(precision, information, variances, kin)
    seen = precision > 0
    above = middle[1][..., kin.index] if kin.member is not None else top[1]
    doubt = variances.arm * found.rest + (1 - found.rest) ** 2 * above
    arm = Surplus(np.where(seen, (found.mean - found.shared) ** 2, 0.0), np.where(seen, 1 - doubt / variances.arm, 0.0))
    whole = Surplus(top[0] ** 2, 1 - top[1] / variances.globe)
    if kin.member is None:
        return [arm, Surplus(np.zeros_like(top[0]), np.zeros_like(top[0])), whole]
    doubt = variances.family * rest + (1 - rest) ** 2 * globe
    return [arm, Surplus(gap**2, 1 - doubt / variances.family), whole]


def _solved(
    precision: np.ndarray, information: np.ndarray, variances: Variances, kin: Kin
) -> tuple[Effects, tuple[Moments, Moments], Moments, np.ndarray]:
    """Effects; means and variances of families and globe; the families' rest and distance to the globe."""
    rest = 1 / (1 + precision * variances.arm)
    weight, told = precision * rest, information * rest
    family_rest = np.ones(1)
    if kin.member is not None:
        weight, told = weight @ kin.member, told @ kin.member
        family_rest = 1 / (1 + weight * variances.family)
    up, news = weight * family_rest, told * family_rest
    doubt = variances.globe / (1 + variances.globe * up.sum(-1, keepdims=True))
    level = doubt * news.sum(-1, keepdims=True)
    middle, between = (level, doubt), level
    if kin.member is not None:
        own = variances.family * family_rest
        between = family_rest * level + own * told
        middle = (between, own + family_rest**2 * doubt)
        shared, above = between[..., kin.index], middle[1][..., kin.index]
    else:
        shared, above = np.broadcast_to(level, rest.shape), doubt
    own = variances.arm * rest
    found = Effects(rest * shared + own * information, own + rest**2 * above, shared, rest)
    return found, (middle, (level, doubt)), (family_rest, between - level), doubt

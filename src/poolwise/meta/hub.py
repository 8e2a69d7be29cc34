"""A hub: the packs of many sites as one, such that a few that are wrong, or lie, move little.

Every site's numbers are predicted by every other site's; weights by stacking say whom the others agree with, half of
them shared equally, since of two sites that are right alike stacking alone picks one. A cell of the combined pack is
the median of the sites, weighted by weight / (s + tau^2); s is 1 / precision, or the median of that over the sites
where one claims to be surer. So whatever it claims it counts as one site, and less than half of all together cannot
move a median out of the range of the others. With v = (1.4826 MAD)^2 around it,

    tau^2 = max(v - median of 1 / precision, 0),    1 / precision = pi/2 v / n + tau^2,    n = (sum w)^2 / sum w^2

since the median of n normal values has variance pi/2 v / n, and the next site differs from it by tau. Combining is
post-processing: a private pack's promise to a project holds for what is made of it, and a project belongs to one site.
Source: Yao, Vehtari, Simpson and Gelman (2018); Rousseeuw and Croux (1993).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poolwise.errors import InputError
from poolwise.lazy import special
from poolwise.meta.packs import Pack
from poolwise.meta.pool_priors import Names, align

POINTS = 2_000
"""Numbers of sites that weights are found from, evenly chosen."""
_USUAL = 0.25
"""Variance of a cell about which a pack says nothing."""
_NORMAL = 1.4826
"""Median absolute deviation -> standard deviation."""


class Combined(NamedTuple):
    """What the hub sends back."""

    pack: Pack
    weights: np.ndarray
    """(packs,), sum 1: how far the others agree with each."""


def combine(packs: Sequence[Pack], name: str, *, minimum: int = 3, seed: int = 0) -> Combined:
    """One pack of many, without slopes on features, whose directions are each site's own. minimum: no number rests on
    fewer sites. Raises InputError for too few packs, and for plain and private ones together, whose utilities mean
    different things."""
    if len(packs) < minimum:
        raise InputError(f"{len(packs)} packs are too few for one that rests on at least {minimum}: give more")
    if len({pack.whole for pack in packs}) > 1:
        raise InputError("plain and private packs cannot be combined: have all sites export the same kind")
    names = _names(packs)
    aligned = [_aligned(pack, names) for pack in packs]
    mean, precision, amount, successes = (np.array(tables) for tables in zip(*aligned, strict=True))
    weights = _weights(mean, precision, np.random.default_rng(seed))
    middle, sure = _middle(mean, precision, weights, minimum)
    rate = _weighted_median(np.where(amount > 0, successes / np.maximum(amount, 1e-12), np.nan), weights[:, None, None])
    often = _weighted_median(np.where(amount > 0, amount, np.nan), weights[:, None, None])
    tables = {"mean": middle, "precision": sure, "amount": often, "successes": rate * often}
    projects = np.where(sure > 0, sum(_placed(pack, pack.projects, names) for pack in packs), 0.0)
    pack = packs[0]._replace(
        name=name,
        contexts=tuple(names.contexts),
        arms=tuple(names.arms),
        families=tuple(names.families),
        baseline=names.baseline,
        projects=projects,
        scales=_scales(packs, weights),
        concentrations=_concentrations(packs, weights),
        size=(sum(pack.size[0] for pack in packs), sum(pack.size[1] for pack in packs)),
        promise=_promise(packs),
        card=None,
        slopes=None,
        **{key: np.nan_to_num(table) for key, table in tables.items()},
    )
    return Combined(pack, weights)


def _names(packs: Sequence[Pack]) -> Names:
    """All contexts and arms in the order in which they occur; the baseline of most packs."""
    contexts = list(dict.fromkeys(context for pack in packs for context in pack.contexts))
    family = {arm: family for pack in packs for arm, family in zip(pack.arms, pack.families, strict=True)}
    baselines = [pack.baseline for pack in packs]
    usual = max(dict.fromkeys(baselines), key=baselines.count)
    return Names(contexts, list(family), list(family.values()), usual, np.ones((len(family), 2)), 0.0)


def _aligned(pack: Pack, names: Names) -> tuple[np.ndarray, ...]:
    """Mean, precision, amount and successes [context, arm]; nothing for arms that the pack does not name."""
    found = align(pack._replace(whole=False), names)
    known = np.isin(np.array(names.arms, dtype=object), np.array(pack.arms, dtype=object))
    return found.mean, found.precision * known, found.amount * known, found.successes * known


def _placed(pack: Pack, table: np.ndarray, names: Names) -> np.ndarray:
    made = np.zeros((len(names.contexts), len(names.arms)))
    at = np.ix_([names.contexts.index(c) for c in pack.contexts], [names.arms.index(a) for a in pack.arms])
    made[at] = table
    return made


def _weights(mean: np.ndarray, precision: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Of sites, from how each predicts the numbers of the others; equal where they share none."""
    site, context, arm = np.nonzero((precision > 0) & ((precision > 0).sum(0) > 1))
    chosen = np.sort(random.permutation(len(site))[:POINTS])
    site, cell = site[chosen], (slice(None), context[chosen], arm[chosen])
    known = precision[cell] > 0
    own = 1 / precision[site, cell[1], cell[2]]
    spread = _NORMAL**2 * np.median((mean[cell] - np.median(mean[cell], axis=0)) ** 2) if len(site) else 0.0
    variance = np.where(known, 1 / np.where(known, precision[cell], 1.0) + spread, _USUAL) + own
    gap = mean[site, cell[1], cell[2]] - np.where(known, mean[cell], 0.0)
    scores = -0.5 * (gap**2 / variance + np.log(variance))
    scores[site, np.arange(len(site))] = -np.inf  # nobody predicts itself
    wide = _USUAL + own
    none = -0.5 * (mean[site, cell[1], cell[2]] ** 2 / wide + np.log(wide))
    return _stacked(np.concatenate([scores, none[None]]))


def _stacked(scores: np.ndarray, rounds: int = 200) -> np.ndarray:
    """Weights of sites from log densities (sites + 1, points), the last row that of none: the mode under a prior that
    is equal for all, and counts as much as the points."""
    sites, points = len(scores) - 1, scores.shape[1]
    prior = np.full(sites + 1, max(points, 1) / (sites + 1))
    weights = prior / prior.sum()
    for _ in range(rounds if points else 0):
        part = scores + np.log(weights)[:, None]
        found = prior + np.exp(part - special.logsumexp(part, axis=0)).sum(1)
        weights = found / found.sum()
    return weights[:-1] / weights[:-1].sum()


def _middle(
    mean: np.ndarray, precision: np.ndarray, weights: np.ndarray, minimum: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted median of every cell, and its precision as a prior of the next site."""
    known = precision > 0
    values, own = np.where(known, mean, np.nan), 1 / np.where(known, precision, np.inf)
    equal = weights[:, None, None]
    own = np.maximum(own, np.nan_to_num(_weighted_median(np.where(known, own, np.nan), np.ones_like(equal))))
    tau = _between(values, own, _weighted_median(values, equal), equal)
    share = np.where(known, equal / (own + tau), 0.0)
    middle = _weighted_median(values, share)
    total = _variance(values, middle, share)
    number = share.sum(0) ** 2 / np.maximum((share**2).sum(0), 1e-300)
    tau = _between(values, own, middle, share)
    variance = np.pi / 2 * total / np.maximum(number, 1.0) + tau
    enough = known.sum(0) >= minimum
    return np.where(enough, middle, 0.0), np.where(enough, 1 / np.maximum(variance, 1e-6), 0.0)


def _between(values: np.ndarray, own: np.ndarray, middle: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Variance of sites beyond that of their own numbers."""
    typical = _weighted_median(np.where(np.isnan(values), np.nan, own), share)
    return np.maximum(_variance(values, middle, share) - typical, 0.0)


def _variance(values: np.ndarray, middle: np.ndarray, share: np.ndarray) -> np.ndarray:
    return (_NORMAL * _weighted_median(np.abs(values - middle), share)) ** 2


def _weighted_median(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Over the first axis, of what is not NaN; NaN where nothing is.

    >>> _weighted_median(np.array([1.0, 2.0, 90.0, np.nan]), np.array([1.0, 1.0, 1.0, 5.0]))
    np.float64(2.0)
    """
    share = np.where(np.isnan(values), 0.0, np.broadcast_to(share, values.shape))
    order = np.argsort(values, axis=0)  # NaN comes last
    ordered, heap = np.take_along_axis(values, order, 0), np.cumsum(np.take_along_axis(share, order, 0), 0)
    place = (heap >= heap[-1:] / 2).argmax(0)
    return np.take_along_axis(ordered, place[None], 0)[0]


def _scales(packs: Sequence[Pack], weights: np.ndarray) -> dict[str, tuple[float, float]]:
    """Medians of those that all have; none otherwise."""
    if not all(pack.scales for pack in packs):
        return {}
    return {name: _pair(np.array([pack.scales[name] for pack in packs]), weights) for name in packs[0].scales}


def _concentrations(packs: Sequence[Pack], weights: np.ndarray) -> tuple[float, ...]:
    if not all(pack.concentrations for pack in packs):
        return ()
    return _pair(np.array([pack.concentrations for pack in packs]), weights)


def _pair(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    first, second = _weighted_median(values, weights[:, None]).tolist()
    return first, second


def _promise(packs: Sequence[Pack]) -> dict[str, Any] | None:
    """That of the site which promises least; a project belongs to one site."""
    promises = [pack.promise for pack in packs]
    if not all(promises):
        return None
    return max((one for one in promises if one), key=lambda one: one["with_earlier_packs"]["mu"])

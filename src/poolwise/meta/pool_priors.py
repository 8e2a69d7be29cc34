"""Packs in the terms of one store: matched by name, weighed by how well they predict, joined into one prior.

Weights w_k of packs, and w_0 of none of them, by stacking (Yao, Vehtari, Simpson and Gelman 2018): the mode of

    sum over the store's own cells of log sum_k w_k p_k(mean of the cell's outcomes) + a Dirichlet prior that shares
    0.95 equally among the packs as if from four cells,      p_k = Normal(m_k, 1 / precision_k + between + noise^2 / n)

Joined as a logarithmic opinion pool (Genest and Zidek 1986): precisions add up with weights of sum 1 - w_0 over the
packs that speak of an arm in a context, so that two packs that say the same are not taken for twice the evidence.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poolwise.lazy import special
from poolwise.meta.hyperposterior import between_project_variance
from poolwise.meta.packs import BLOCKS, TIERS, Pack
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import (
    HYPERPRIOR,
    BorrowedEstimates,
    GaussianHyperparameters,
    Hyperprior,
    TierScales,
)

_AS_IF, _NOTHING = 4.0, 0.05
_WIDTHS = (0.1, HYPERPRIOR.width)


class Names(NamedTuple):
    """What a store calls its contexts and known arms."""

    contexts: Sequence[str]
    arms: Sequence[str]
    families: Sequence[str]
    """Of every arm."""
    baseline: str
    success: np.ndarray
    """(arms, 2) pseudo-counts of success and failure before any outcome."""
    failure_utility: float


class AlignedPack(NamedTuple):
    """One pack in a store's terms; tables [context, arm]."""

    mean: np.ndarray
    precision: np.ndarray
    amount: np.ndarray
    successes: np.ndarray
    scales: GaussianHyperparameters
    """The pack's scales, the usual ones where it has none."""
    width: float
    """Standard deviation of their logarithms."""
    between: float
    """Variance of a cell of one project around what all share."""
    unused: dict[str, Any]
    """What the store has no use for, by kind."""


def align(pack: Pack, names: Names) -> AlignedPack:
    """Contexts and arms by name; arms that the pack lacks take what it says of their family, as from one outcome of
    the family shared among them. Utilities are made those over the store's own baseline."""
    mean, precision, lost = _over_baseline(pack, names.baseline)
    scales, width = scales_of(pack)
    where = [pack.contexts.index(c) if c in pack.contexts else -1 for c in names.contexts]
    columns = [
        _column(pack, mean, precision, scales, arm, family, names)
        for arm, family in zip(names.arms, names.families, strict=True)
    ]
    tables = np.array(columns).reshape(len(columns), 4, len(pack.contexts)).transpose(1, 2, 0)
    padded = np.concatenate([tables, np.zeros((4, 1, len(columns)))], 1)[:, where]  # -1: the empty row
    m, k, amount, won = padded
    if pack.whole:
        m, k = _given_success(m, k, names)
    unused = {
        "arms": [a for a in pack.arms if a not in names.arms],
        "families": sorted(set(pack.families) - set(names.families)),
        "effects": lost,
    }
    return AlignedPack(np.where(k > 0, m, 0.0), k, amount, won, scales, width, _between(pack), unused)


def scales_of(pack: Pack) -> tuple[GaussianHyperparameters, float]:
    """The pack's scales as the middle of a hyperprior, and its width."""
    if not pack.scales:
        return HYPERPRIOR.median, HYPERPRIOR.width
    tiers = [TierScales(*(_usable(pack, tier, block) for block in BLOCKS)) for tier in TIERS]
    noise = pack.scales.get("noise", (HYPERPRIOR.median.noise, 0.0))[0]
    spreads = [sd for name, (_, sd) in pack.scales.items() if name not in ("noise", "globe.level")]
    width = float(np.clip(np.sqrt(np.mean(np.square(spreads or [HYPERPRIOR.width]))), *_WIDTHS))
    return HYPERPRIOR.median._replace(arm=tiers[0], family=tiers[1], globe=tiers[2], noise=max(noise, 1e-4)), width


def _between(pack: Pack) -> float:
    blocks = [f"{tier}.{block}" for tier in TIERS for block in ("project", "cell")]
    return (
        sum(pack.scales.get(name, (0.0, 0.0))[0] ** 2 for name in blocks)
        if pack.scales
        else between_project_variance(HYPERPRIOR.median)
    )


def _usable(pack: Pack, tier: str, block: str) -> float:
    """Of large systems, whose families have no tier of their own, that is 0: then the usual scale."""
    value = pack.scales.get(f"{tier}.{block}", (0.0, 0.0))[0]
    return max(value, 0.01) if value > 0 else float(getattr(getattr(HYPERPRIOR.median, tier), block))


def _over_baseline(pack: Pack, baseline: str) -> tuple[np.ndarray, np.ndarray, str | None]:
    """mean and precision of utilities over another baseline; where the pack knows nothing of it, nothing is left. Its
    own baseline is worth 0 for certain."""
    if pack.baseline == baseline:
        return pack.mean, pack.precision, None
    if baseline not in pack.arms:
        return (
            pack.mean,
            np.zeros_like(pack.precision),
            f"its baseline is {pack.baseline!r}, and it knows no {baseline!r}",
        )
    home, exact = pack.arms.index(baseline), np.array(pack.arms) == pack.baseline
    level, sure = pack.mean[:, [home]], pack.precision[:, [home]]
    both = (exact | (pack.precision > 0)) & (sure > 0)
    doubt = np.where(exact, 0.0, 1 / np.where(pack.precision > 0, pack.precision, 1.0))
    precision = 1 / (doubt + 1 / np.where(sure > 0, sure, 1.0))
    return np.where(exact, 0.0, pack.mean) - level, np.where(both, precision, 0.0), None


def _column(
    pack: Pack,
    mean: np.ndarray,
    precision: np.ndarray,
    scales: GaussianHyperparameters,
    arm: str,
    family: str,
    names: Names,
) -> np.ndarray:
    """(4, pack's contexts) of one arm of the store: mean, precision, evidence of success and successes."""
    if arm in pack.arms:
        k = pack.arms.index(arm)
        return np.array([mean[:, k], precision[:, k], pack.amount[:, k], pack.successes[:, k]])
    others = [k for k, other in enumerate(pack.families) if other == family]
    if not others:
        return np.zeros((4, len(pack.contexts)))
    sharers = sum(f == family and a not in pack.arms for a, f in zip(names.arms, names.families, strict=True))
    own = scales.arm.level**2 + scales.arm.context**2
    seen = precision[:, others] > 0
    weight = np.where(seen, 1 / (1 / np.where(seen, precision[:, others], 1.0) + own), 0.0)
    total = weight.sum(1)
    safe = np.where(total > 0, total, 1.0)
    centre = (weight * mean[:, others]).sum(1) / safe
    pseudo_counts = np.array([table[:, others].sum(1) for table in (pack.amount, pack.successes)]) / sharers
    return np.array([centre, np.where(total > 0, 1 / (sharers / safe + own), 0.0), *pseudo_counts])


def _given_success(mean: np.ndarray, precision: np.ndarray, names: Names) -> tuple[np.ndarray, np.ndarray]:
    """From utilities of all outcomes to those given success, at the chance of success expected before any outcome."""
    chance = names.success[:, 0] / names.success.sum(1)
    return (mean - (1 - chance) * names.failure_utility) / chance, precision * chance**2


def log_predictive(packs: Sequence[AlignedPack], data: CellMoments, noise: np.ndarray) -> np.ndarray:
    """(packs + 1, seen cells): log density of the mean of every cell's outcomes from each pack, and from none.

    data [project, context, arm]; noise [context, arm]: standard deviation of one outcome.
    """
    seen = data.count > 0
    own = (np.broadcast_to(noise, data.count.shape)[seen]) ** 2 / data.count[seen]
    rows = []
    nothing = (None, None, HYPERPRIOR.median, between_project_variance(HYPERPRIOR.median))
    for mean, precision, scales, between in [*((p.mean, p.precision, p.scales, p.between) for p in packs), nothing]:
        prior = _usual_variance(scales)
        k = np.zeros(data.count.shape[1:]) if precision is None else precision
        m = np.zeros_like(k) if mean is None else mean
        variance = np.broadcast_to(1 / (k + 1 / prior), data.count.shape)[seen] + between + own
        centre = np.broadcast_to(m * k / (k + 1 / prior), data.count.shape)[seen]
        rows.append(-0.5 * ((data.mean[seen] - centre) ** 2 / variance + np.log(variance)))
    return np.array(rows)


def _usual_variance(scales: GaussianHyperparameters) -> float:
    """Of level and context together, before anything is known."""
    return float(sum(tier.level**2 + tier.context**2 for tier in (scales.arm, scales.family, scales.globe)))


def stacking_weights(scores: np.ndarray, rounds: int = 200) -> np.ndarray:
    """(packs + 1,) weights from `log_predictive`, the last that of no pack; equal among packs before any outcome.

    >>> stacking_weights(np.zeros((3, 0))).round(3).tolist()
    [0.475, 0.475, 0.05]
    """
    packs = len(scores) - 1
    prior = np.array([(1 - _NOTHING) / packs] * packs + [_NOTHING]) * _AS_IF
    weights = prior / prior.sum()
    for _ in range(rounds if scores.shape[1] else 0):
        part = scores + np.log(weights)[:, None]
        weights = prior + np.exp(part - special.logsumexp(part, axis=0)).sum(1)
        weights = weights / weights.sum()
    return weights


def logarithmic_pool(packs: Sequence[AlignedPack], weights: np.ndarray) -> tuple[Hyperprior, np.ndarray]:
    """One prior of all packs, and evidence of success (2, contexts, arms). weights: as `stacking_weights` gives
    them."""
    own = weights[:-1, None, None]
    k = np.array([pack.precision for pack in packs])
    speaking = np.where(k > 0, own, 0.0).sum(0)
    factor = (1 - weights[-1]) / np.where(speaking > 0, speaking, 1.0)
    precision = factor * (own * k).sum(0)
    information = factor * (own * k * [pack.mean for pack in packs]).sum(0)
    success = np.array([(own * [getattr(pack, name) for pack in packs]).sum(0) for name in ("amount", "successes")])
    inside = weights[:-1] / weights[:-1].sum()
    tiers = [
        TierScales(*(float(np.exp(inside @ np.log([getattr(p.scales, tier)[i] for p in packs]))) for i in range(4)))
        for tier in TIERS
    ]
    noise = float(np.exp(inside @ np.log([pack.scales.noise for pack in packs])))
    width = float(np.sqrt(inside @ np.square([pack.width for pack in packs])))
    median = HYPERPRIOR.median._replace(arm=tiers[0], family=tiers[1], globe=tiers[2], noise=noise)
    return HYPERPRIOR._replace(
        median=median._replace(pooled=BorrowedEstimates(precision, information)), width=width
    ), success

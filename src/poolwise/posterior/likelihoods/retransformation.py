"""From log ratios of costs to costs as they add up: what an arm is expected to save of the baseline's cost.

Beliefs are about y = log(baseline cost / cost), whose outcomes are comparable across jobs and whose tails are short.
What adds up is the saving s = baseline cost - cost, and the mean of s does not follow from that of y: an arm that is
twice as fast on most jobs and takes 300 times as long on a few has a high mean y, and loses. So s is regressed on y:

    s_i = slope y_i + d[c, a] + e_i,    d[c, a] = d_f(a) + d_a + d_ca,    e_i of variance noise_a^2,

    E[s | p, c, a] = slope E[y | p, c, a] + E[d[c, a]].

y says what an arm is worth here, as far as savings follow ratios; the remainder d holds what they do not tell. It is
shrunk towards 0 by few outcomes and becomes the mean of s - slope y, of which nothing is clipped and nothing counts
less for being large: the expectation is that of the mean of s, whatever the distribution. The slope is that within
arms, their noise that of a normal with unknown variance (an effect is less expected to be large than an outcome).
Variances are those of families and arms by expectation and maximisation, each with a prior; contexts get one of their
own as far as their means differ by more than chance. Source: Duan (1983), Smearing estimate: a nonparametric
retransformation method; Manning and Mullahy (2001), Estimating log models: to transform or not to transform?; the
remainder as a control variate: Glasserman (2004), section 4.1.

Savings are in units of cost; C contexts, A arms. The baseline saves 0 by definition and has no sums.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.recursive.types import Predictive

PRIOR_COUNT = 4.0
"""Outcomes, arms or families that a prior is worth."""
EFFECT = 0.01
"""Variance of an effect before any was seen, as a share of that of one outcome."""
CHANCE = 6.0
"""Standard deviations by which contexts must differ more than normal outcomes would: tails are heavy."""
_ROUNDS = 6
"""Of expectation and maximisation."""


class Pairs(NamedTuple):
    """Sums over outcomes, (C, A) each."""

    number: Float[np.ndarray, "context arm"]
    ratio: Float[np.ndarray, "context arm"]
    saving: Float[np.ndarray, "context arm"]
    ratio_squares: Float[np.ndarray, "context arm"]
    products: Float[np.ndarray, "context arm"]
    saving_squares: Float[np.ndarray, "context arm"]


class Remainder(NamedTuple):
    """What is believed of s - slope y."""

    slope: float
    mean: Float[np.ndarray, "context arm"]
    variance: Float[np.ndarray, "context arm"]
    arm_mean: Float[np.ndarray, " arm"]
    """In a context of which nothing is known."""
    arm_variance: Float[np.ndarray, " arm"]
    along: Float[np.ndarray, "context arm"]
    """Covariance of what is true in the context and of the arm."""
    noise: Float[np.ndarray, " arm"]
    """Variance of one outcome."""


def empty(contexts: int, arms: int) -> Pairs:
    """Before any outcome."""
    return Pairs(*np.zeros((len(Pairs._fields), contexts, arms)))


def padded(pairs: Pairs, contexts: int, arms: int) -> Pairs:
    """With room for so many."""
    known = pairs.number.shape
    return Pairs(*(np.pad(part, ((0, contexts - known[0]), (0, arms - known[1]))) for part in pairs))


def add(pairs: Pairs, context: int, arm: int, ratio: float, saving: float) -> None:
    """One outcome more, in place."""
    row = (1.0, ratio, saving, ratio * ratio, ratio * saving, saving * saving)
    for part, value in zip(pairs, row, strict=True):
        part[context, arm] += value


def slope(pairs: Pairs, unit: float) -> float:
    """Of savings on log ratios within arms, at least 0; `unit` before any was seen, as for small differences."""
    count, ratio, saving, ratio_squares, products, _ = (part.sum(0) for part in pairs)
    number = np.maximum(count, 1.0)
    together = (products - ratio * saving / number).sum()
    alone = (ratio_squares - ratio**2 / number).sum()
    return max(float((PRIOR_COUNT * unit + together) / (PRIOR_COUNT + alone)), 0.0)


def remainder(pairs: Pairs, family: np.ndarray, unit: float) -> Remainder:
    """From all outcomes. family: (A,) index; unit: the usual cost of a job."""
    by = slope(pairs, unit)
    count = pairs.number
    total = pairs.saving - by * pairs.ratio
    squares = pairs.saving_squares - 2 * by * pairs.products + by * by * pairs.ratio_squares
    mean = total / np.maximum(count, 1.0)
    noise, pooled = _noise(count, total, squares, mean, unit)
    prior = EFFECT * pooled
    context = _context_variance(count, total, mean, noise)
    families, tried = int(family.max()) + 1, count.any(0)
    there = np.bincount(family, tried, families) > 0
    of_arm = of_family = prior
    for _ in range(_ROUNDS):
        arm_mean, arm_variance, family_mean, family_variance = _arms(
            count, mean, noise, family, (of_family, of_arm, context)
        )
        apart = (arm_mean - family_mean[family]) ** 2 + arm_variance
        of_arm = (PRIOR_COUNT * prior + apart[tried].sum()) / (PRIOR_COUNT + tried.sum())
        square = family_mean**2 + family_variance
        of_family = (PRIOR_COUNT * prior + square[there].sum()) / (PRIOR_COUNT + there.sum())
    arm_mean, arm_variance, *_ = _arms(count, mean, noise, family, (of_family, of_arm, context))
    gain = context * count / (context * count + noise)
    return Remainder(
        slope=by,
        mean=arm_mean + gain * (mean - arm_mean),
        variance=(1 - gain) ** 2 * arm_variance + (1 - gain) * context,
        arm_mean=arm_mean,
        arm_variance=arm_variance,
        along=(1 - gain) * arm_variance,
        noise=noise,
    )


def converted(found: Predictive, known: Remainder, context: int, baseline: int | None, usual: float) -> Predictive:
    """The belief about s, in units of what a job of the cell usually costs, from that about y; the baseline's stays."""
    own = np.arange(len(found.mean)) != (-1 if baseline is None else baseline)
    by = np.where(own, known.slope / usual, 1.0)
    mean, variance, along = (
        own * part[context] / usual**power for part, power in ((known.mean, 1), (known.variance, 2), (known.along, 2))
    )
    arm_mean, arm_variance = own * known.arm_mean / usual, own * known.arm_variance / usual**2
    rows = len(found.wider_mean)
    shift = np.stack([arm_mean, mean, arm_mean])[:rows]  # the project elsewhere, the context elsewhere, everything
    wide = np.stack([arm_variance, variance, arm_variance])[:rows]
    shared = np.stack([along, variance, along])[:rows]
    square = (by * found.scale) ** 2
    whole, share = square + variance, found.wider_share
    return found._replace(
        mean=by * found.mean + mean,
        scale=np.sqrt(whole),
        noise=np.sqrt((by * found.noise) ** 2 + own * known.noise / usual**2),
        wider_mean=by * found.wider_mean + shift,
        wider_scale=np.sqrt((by * found.wider_scale) ** 2 + wide),
        wider_share=None if share is None else (square * share + shared) / np.maximum(whole, 1e-300),
    )


def _noise(
    count: np.ndarray, total: np.ndarray, squares: np.ndarray, mean: np.ndarray, unit: float
) -> tuple[np.ndarray, float]:
    """(A,) variance of an outcome of each arm in its context, and that of all around the means of arms, its prior."""
    number = count.sum(0)
    level = total.sum(0) / np.maximum(number, 1.0)
    around = np.maximum(squares.sum(0) - number * level**2, 0.0) + _unsure(number) * level**2
    pooled = (PRIOR_COUNT * unit**2 + around.sum()) / (PRIOR_COUNT + number.sum())
    within = np.maximum(squares - count * mean**2, 0.0).sum(0) + _unsure(number) * level**2
    freedom = np.maximum(count - 1, 0).sum(0) + (number > 0)
    return (PRIOR_COUNT * pooled + within) / (PRIOR_COUNT + freedom), float(pooled)


def _unsure(number: np.ndarray) -> np.ndarray:
    """What the square of an arm's mean adds to the squares around it: of few outcomes nearly all of it, as an effect of
    that size is less expected than an outcome."""
    return number / (1.0 + EFFECT * number)


def _context_variance(count: np.ndarray, total: np.ndarray, mean: np.ndarray, noise: np.ndarray) -> float:
    """Of contexts around their arm, by moments; 0 where their means differ by no more than chance might."""
    number = np.maximum(count.sum(0), 1.0)
    apart = (count * (mean - total.sum(0) / number) ** 2 / noise).sum()
    freedom = np.maximum((count > 0).sum(0) - 1, 0).sum()
    if not freedom:
        return 0.0
    excess = apart - freedom - CHANCE * np.sqrt(2.0 * freedom)
    weight = ((number - (count**2).sum(0) / number) / noise).sum()
    return float(excess / weight) if excess > 0 and weight > 0 else 0.0


def _arms(
    count: np.ndarray, mean: np.ndarray, noise: np.ndarray, family: np.ndarray, scales: tuple[float, float, float]
) -> tuple[np.ndarray, ...]:
    """Mean and variance of every arm, then of every family; scales: variance of a family, an arm and a context."""
    of_family, of_arm, of_context = scales
    precision = count / (count * of_context + noise)
    weight, pulled = precision.sum(0), (precision * mean).sum(0)
    shrinkage = 1.0 / (1.0 + of_arm * weight)
    families = int(family.max()) + 1
    family_variance = 1.0 / (np.bincount(family, weight * shrinkage, families) + 1.0 / of_family)
    family_mean = family_variance * np.bincount(family, pulled * shrinkage, families)
    arm_mean = shrinkage * family_mean[family] + of_arm * shrinkage * pulled
    arm_variance = of_arm * shrinkage + shrinkage**2 * family_variance[family]
    return arm_mean, arm_variance, family_mean, family_variance

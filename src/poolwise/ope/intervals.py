"""One interval function for every estimator: from its influence terms to (low, high)."""

from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.stats import norm, t

from poolwise.compute import HERE, Pool, mapped
from poolwise.errors import InputError
from poolwise.inputs import real, whole
from poolwise.names import shown
from poolwise.ope.estimators import InfluenceTerms
from poolwise.ope.logged import floats

Method = Literal["studentised", "bootstrap", "bernstein"]
METHODS: tuple[Method, ...] = ("studentised", "bootstrap", "bernstein")
CHUNK = 2_000_000


class Interval(NamedTuple):
    """Bounds of a value, in the reward's unit."""

    low: float
    high: float


def interval(
    terms: InfluenceTerms,
    confidence: float = 0.95,
    method: Method = "studentised",
    *,
    span: float | None = None,
    resamples: int = 2000,
    seed: int = 0,
    pool: Pool = HERE,
) -> Interval:
    """Confidence interval of an estimate.

    It is centred on the estimate less its estimated bias, and no narrower to either side than `terms.least` says: what
    makes weights vary is rare, and not to have met it makes no estimate precise. `studentised`: Student's t, corrected
    for the skewness and the heavy tails that importance weights have (Hall 1992). `bootstrap`: BCa over `resamples` of
    the influence terms. `bernstein`: empirical Bernstein (Maurer and Pontil 2009), valid at every n if no influence
    term lies outside a known `span` of values; without one, the largest spread seen, which is a guess.
    pool: who draws the resamples. Raises InputError for an unknown method or fewer than two decisions.
    """
    terms, confidence = _terms(terms), real("confidence", confidence)
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence} is not in (0, 1); give 0.95 for a 95 % interval")
    if not isinstance(method, str) or method not in METHODS:
        raise InputError(f"interval method {shown(method)} is unknown; use one of {', '.join(METHODS)}")
    resamples, seed = whole("resamples", resamples, 1, 1_000_000), whole("seed", seed, 0, 2**63 - 1)
    if span is not None and (span := real("span", span)) < 0:
        raise InputError(f"span {span} must be 0 or more, or left out")
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if method == "studentised":
            low, high = studentised(terms.influence, confidence)
        elif method == "bootstrap":
            low, high = bootstrap(terms.influence, confidence, resamples, seed, pool)
        else:
            low, high = bernstein(terms.influence, confidence, span)
        centre, least = terms.value - terms.bias, float(norm.ppf((1 + confidence) / 2)) * terms.least
        return Interval(centre + float(np.minimum(low, -least)), centre + float(np.maximum(high, least)))


def _terms(given: Any) -> InfluenceTerms:
    """Raises InputError for what no estimator gave, and for a single decision."""
    if not isinstance(given, InfluenceTerms):
        raise InputError(f"the terms of an interval are what an estimator gives, got {shown(given)}")
    value, influence, bias, least = (floats(name, one) for name, one in zip(given._fields, given, strict=True))
    if value.ndim or bias.ndim or least.ndim or influence.ndim != 1:
        raise InputError("the terms of an interval are a value, (decisions,) influence, a bias and a least error")
    if len(influence) < 2:
        raise InputError("an interval needs at least 2 decisions; log more")
    return InfluenceTerms(float(value), influence, float(bias), float(least))


def studentised(influence: np.ndarray, confidence: float) -> tuple[float, float]:
    """Offsets (low, high) from Hall's transformed t statistic: g(T) = T + a T^2 + a^2 T^3 / 3 + b, inverted exactly.

    a = skewness / (3 sqrt n) and b = skewness / (6 sqrt n): Hall's g, monotone in T whatever the skewness. A standard
    error is itself uncertain, the more the heavier the tails: t has 2 n / (kurtosis - 1 - skewness^2) degrees of
    freedom, n for normal terms; the part that skewness explains is left out, as Hall's g accounts for it.
    """
    rows = len(influence)
    error = influence.std(ddof=1) / np.sqrt(rows)
    if error == 0:
        return 0.0, 0.0
    skewness = np.mean(influence**3) / np.mean(influence**2) ** 1.5
    kurtosis = np.mean(influence**4) / np.mean(influence**2) ** 2
    a, b = skewness / (3 * np.sqrt(rows)), skewness / (6 * np.sqrt(rows))
    point = float(t.ppf((1 + confidence) / 2, min(rows - 1, 2 * rows / max(kurtosis - 1 - skewness**2, 1e-12))))
    lower, upper = (invert(sign * point, a, b) for sign in (1, -1))
    return -error * lower, -error * upper


def invert(point: float, a: float, b: float) -> float:
    """T with T + a T^2 + a^2 T^3 / 3 + b = point."""
    if abs(a) < 1e-12:
        return point - b
    return float((np.cbrt(1 + 3 * a * (point - b)) - 1) / a)


def bootstrap(
    influence: np.ndarray, confidence: float, resamples: int, seed: int, pool: Pool = HERE
) -> tuple[float, float]:
    """Offsets of the bias-corrected and accelerated bootstrap of the mean (Efron 1987)."""
    rows = len(influence)
    variance = np.sum(influence**2)
    if variance == 0:
        return 0.0, 0.0
    block = max(1, CHUNK // rows)
    blocks = [(number, min(block, resamples - start)) for number, start in enumerate(range(0, resamples, block))]
    means = np.concatenate(mapped(pool, partial(_means, influence, seed), blocks))
    shift = norm.ppf(np.clip((means < 0).mean() + 0.5 * (means == 0).mean(), 1 / resamples, 1 - 1 / resamples))
    acceleration = np.sum(influence**3) / (6 * variance**1.5)
    tails = norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    levels = norm.cdf(shift + (shift + tails) / (1 - acceleration * (shift + tails)))
    if not np.isfinite(levels).all():  # terms so large that their moments overflow
        return float("nan"), float("nan")
    low, high = np.quantile(means, levels)
    return float(low), float(high)


def _means(influence: np.ndarray, seed: int, block: tuple[int, int]) -> np.ndarray:
    """Of so many resamples of the influence terms, with the luck of their block."""
    number, size = block
    random = np.random.default_rng([seed, number])
    return influence[random.integers(len(influence), size=(size, len(influence)))].mean(axis=1)


def bernstein(influence: np.ndarray, confidence: float, span: float | None) -> tuple[float, float]:
    """Offsets +- sqrt(2 V ln(2/d) / n) + 7 span ln(2/d) / (3 (n - 1)), each side at d = (1 - confidence) / 2."""
    rows = len(influence)
    logarithm = np.log(4 / (1 - confidence))
    width = float(np.ptp(influence)) if span is None else span
    half = np.sqrt(2 * influence.var(ddof=1) * logarithm / rows) + 7 * width * logarithm / (3 * (rows - 1))
    return -float(half), float(half)

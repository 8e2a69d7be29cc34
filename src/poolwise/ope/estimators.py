"""Estimators of a policy's value from a log of another policy, each with its influence function.

w = evaluation(a) / propensity, 0 for a baseline that earns 0 by definition;  d = sum over arms of evaluation q_hat;
e = reward - q_hat(a).
Every function gives `InfluenceTerms`. Estimators that trade bias for variance (DM, Switch-DR, DRos) state their
estimated bias against DR, and the spread of the estimate without it: an interval must hold the policy's value, not the
estimator's mean (robust bias correction; Calonico, Cattaneo and Titiunik 2014). So their intervals are DR's, and an
estimate that lies outside its own interval says that the model is wrong.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from poolwise.errors import InputError
from poolwise.inputs import real
from poolwise.ope import moments
from poolwise.ope.logged import Log, balance_of, of_log, weights_of
from poolwise.ope.moments import judged

GRID = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0, 1000.0, 10_000.0, np.inf)
"""Thresholds on w, and shrinkages of w, among which Switch-DR and DRos choose."""


class InfluenceTerms(NamedTuple):
    """An estimate and what its interval is made of."""

    value: float
    influence: np.ndarray
    """(n,) contribution of every decision to the error of value - bias, mean 0; its s.d. / sqrt n is the s.e."""
    bias: float = 0.0
    """Estimated bias of `value`."""
    least: float = 0.0
    """Standard error by the exact moments of the weights (`moments.exact_error`), 0 where they are not known: it counts
    the weights that could have come, too."""


@of_log
def dm(logged: Log) -> InfluenceTerms:
    """Direct method: mean of d. It is as good as the model; its estimated bias is -mean of w e."""
    direct, weight, residual = parts(logged)
    return corrected(direct, direct + weight * residual, exact_error(logged, residual))


@of_log
def ips(logged: Log) -> InfluenceTerms:
    """Inverse propensity score: mean of w r (Horvitz and Thompson 1952)."""
    return plain(weights_of(logged) * logged.reward, exact_error(logged, logged.reward))


@of_log
def snips(logged: Log) -> InfluenceTerms:
    """Self-normalised IPS: sum of w r / sum of w (Swaminathan and Joachims 2015)."""
    weight = weights_of(logged)
    balance = balance_of(logged, weight)
    total = balance.sum()
    if total == 0:
        return InfluenceTerms(float("nan"), np.full(len(weight), np.nan))
    value = float((weight * logged.reward).sum() / total)
    influence = (weight * logged.reward - balance * value) / balance.mean()
    return InfluenceTerms(value, influence, least=exact_error(logged, logged.reward - value))


@of_log
def dr(logged: Log) -> InfluenceTerms:
    """Doubly robust: mean of d + w e (Dudik, Langford and Li 2011)."""
    direct, weight, residual = parts(logged)
    return plain(direct + weight * residual, exact_error(logged, residual))


@of_log
def sndr(logged: Log) -> InfluenceTerms:
    """Self-normalised DR: mean of d + sum of w e / sum of w."""
    direct, weight, residual = parts(logged)
    balance = balance_of(logged, weight)
    if balance.sum() == 0:
        return InfluenceTerms(float("nan"), np.full(len(weight), np.nan))
    correction = (weight * residual).sum() / balance.sum()
    influence = centred(direct) + (weight * residual - balance * correction) / balance.mean()
    return InfluenceTerms(float(direct.mean() + correction), influence, least=exact_error(logged, residual))


@of_log
def switch_dr(logged: Log, threshold: float | None = None) -> InfluenceTerms:
    """DR that leaves out the correction where w > threshold (Wang, Agarwal and Dudik 2017); None: chosen from GRID."""
    limit = None if threshold is None else _positive("threshold", threshold)
    return shrunk(logged, lambda weight, limit: np.where(weight <= limit, weight, 0.0), limit)


@of_log
def dr_os(logged: Log, shrinkage: float | None = None) -> InfluenceTerms:
    """DR with w -> w s / (w^2 + s), optimistic shrinkage (Su et al. 2020); None: s is chosen from GRID squared."""
    limit = None if shrinkage is None else np.sqrt(_positive("shrinkage", shrinkage))
    return shrunk(logged, lambda weight, s: weight / (1.0 + (weight / s) ** 2), limit)


def shrunk(logged: Log, shrink: Callable[[np.ndarray, float], np.ndarray], limit: float | None) -> InfluenceTerms:
    """Mean of d + shrink(w) e; the limit with the least estimated squared error where none is given.

    Squared error: variance of the mean, and the squared bias mean (w - shrink(w)) e plus its own variance.
    """
    direct, weight, residual = parts(logged)
    if limit is None:
        risks = [squared_error(direct, weight, residual, shrink(weight, candidate)) for candidate in GRID]
        limit = GRID[int(np.argmin(risks))]
    least = exact_error(logged, residual)
    return corrected(direct + shrink(weight, limit) * residual, direct + weight * residual, least)


def squared_error(direct: np.ndarray, weight: np.ndarray, residual: np.ndarray, less: np.ndarray) -> float:
    """Estimated squared error of the mean of direct + less * residual."""
    lost, rows = (weight - less) * residual, len(weight)
    return float((direct + less * residual).var() / rows + lost.mean() ** 2 + lost.var() / rows)


def parts(logged: Log) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """d, w and e, (n,) each; refuses a log without an outcome model."""
    if logged.q_hat is None:
        raise InputError("this estimator needs q_hat, the predicted reward of every arm; give it, or use ips or snips")
    q_hat = logged.q_hat
    if logged.baseline is not None:
        q_hat = np.where(np.arange(q_hat.shape[1]) == logged.baseline, 0.0, q_hat)
    direct = (logged.evaluation * q_hat).sum(axis=1)
    residual = logged.reward - q_hat[np.arange(len(logged.action)), logged.action]
    return direct, weights_of(logged), residual


def _positive(name: str, given: float) -> float:
    if (number := real(name, given)) <= 0:
        raise InputError(f"{name} {number} must be above 0, or left out to be chosen")
    return number


def plain(terms: np.ndarray, least: float) -> InfluenceTerms:
    """The mean of terms."""
    return InfluenceTerms(float(terms.mean()), centred(terms), least=least)


def corrected(terms: np.ndarray, unbiased: np.ndarray, least: float) -> InfluenceTerms:
    """The mean of terms, with its estimated bias against the mean of unbiased terms."""
    return InfluenceTerms(float(terms.mean()), centred(unbiased), float(terms.mean() - unbiased.mean()), least)


def exact_error(logged: Log, residual: np.ndarray) -> float:
    """`moments.exact_error` of the policy to evaluate."""
    return moments.exact_error(logged, judged(logged), residual)


def centred(terms: np.ndarray) -> np.ndarray:
    """Terms minus their mean."""
    return terms - terms.mean()


ESTIMATORS: dict[str, Callable[[Log], InfluenceTerms]] = {
    "DM": dm,
    "IPS": ips,
    "SNIPS": snips,
    "DR": dr,
    "SNDR": sndr,
    "Switch-DR": switch_dr,
    "DRos": dr_os,
}
MODEL_FREE = ("IPS", "SNIPS")
"""Estimators that need no q_hat."""

"""A policy's value with intervals by every estimator, and the paired difference of two policies, on one log."""

from typing import NamedTuple

import numpy as np

from poolwise.compute import HERE, Pool
from poolwise.errors import InputError
from poolwise.ope.diagnosis import Diagnosis, diagnose
from poolwise.ope.estimators import ESTIMATORS, MODEL_FREE, InfluenceTerms, parts
from poolwise.ope.intervals import Method, interval
from poolwise.ope.logged import Log, log, of_log
from poolwise.ope.moments import exact_error, judged


class Estimate(NamedTuple):
    """One estimator's answer, in the reward's unit."""

    value: float
    low: float
    high: float
    error: float
    """Standard error."""


class Evaluation(NamedTuple):
    """What a log says about a policy. Vetoed: no estimates, and `diagnosis.veto` says why."""

    diagnosis: Diagnosis
    logged_value: Estimate
    """Mean reward of the policy that made the log."""
    estimates: dict[str, Estimate]
    confidence: float
    method: str


class Comparison(NamedTuple):
    """Value of a policy minus that of another, on the same decisions. Vetoed if either is."""

    diagnosis: Diagnosis
    """Of the policy about which the log says less."""
    differences: dict[str, Estimate]


@of_log
def evaluate(
    logged: Log, confidence: float = 0.95, method: Method = "studentised", seed: int = 0, pool: Pool = HERE
) -> Evaluation:
    """Value of `logged.evaluation` by every estimator that the log allows; the model-free ones without q_hat.

    pool: who draws the resamples of a bootstrap (`poolwise.compute`). Raises InputError as `interval` does.
    """
    diagnosis = diagnose(logged)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        on_policy = InfluenceTerms(float(logged.reward.mean()), logged.reward - logged.reward.mean())
        logged_value = estimate(on_policy, confidence, method, seed, pool)
        found = {} if diagnosis.veto else {name: ESTIMATORS[name](logged) for name in usable(logged)}
        estimates = {name: estimate(terms, confidence, method, seed, pool) for name, terms in found.items()}
    diagnosis, estimates = finite(diagnosis, estimates)
    return Evaluation(diagnosis, logged_value, estimates, confidence, method)


@of_log
def compare(
    logged: Log,
    other: np.ndarray,
    confidence: float = 0.95,
    method: Method = "studentised",
    seed: int = 0,
    pool: Pool = HERE,
) -> Comparison:
    """Value of `logged.evaluation` minus the value of `other` (n, arms), with the interval of the paired difference.

    Raises DataError where `other` is no matrix of probabilities of the log's shape.
    """
    second = log(
        logged.reward, logged.action, logged.propensity, other, logged.q_hat, logged.behaviour, baseline=logged.baseline
    )
    diagnoses = [diagnose(logged), diagnose(second)]
    vetoed = [one for one in diagnoses if one.veto]
    if vetoed:
        return Comparison(vetoed[0], {})
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        pairs = {name: (ESTIMATORS[name](logged), ESTIMATORS[name](second)) for name in usable(logged)}
        least = {name: difference_error(logged, second, name, pair) for name, pair in pairs.items()}
        found = {
            name: estimate(difference(*pair)._replace(least=least[name]), confidence, method, seed, pool)
            for name, pair in pairs.items()
        }
    return Comparison(*finite(min(diagnoses, key=lambda one: one.effective), found))


def finite(diagnosis: Diagnosis, estimates: dict[str, Estimate]) -> tuple[Diagnosis, dict[str, Estimate]]:
    """The same, or a veto and no estimates where one of them is no number."""
    wrong = [name for name, one in estimates.items() if not np.isfinite(one).all()]
    if not wrong:
        return diagnosis, estimates
    why = f"{', '.join(wrong)} came out as no finite number; look for rewards or weights of absurd size"
    return diagnosis._replace(veto=why), {}


def difference(first: InfluenceTerms, second: InfluenceTerms) -> InfluenceTerms:
    """Terms of a difference: what both estimates share cancels."""
    if len(first.influence) != len(second.influence):
        raise InputError("a paired difference needs both policies on the same decisions; evaluate them on one log")
    return InfluenceTerms(first.value - second.value, first.influence - second.influence, first.bias - second.bias)


def difference_error(first: Log, second: Log, name: str, pair: tuple[InfluenceTerms, InfluenceTerms]) -> float:
    """`moments.exact_error` of a difference: what both policies would do alike costs nothing."""
    if name in MODEL_FREE:
        residual = first.reward - (0.5 * (pair[0].value + pair[1].value) if name == "SNIPS" else 0.0)
    else:
        residual = parts(first)[2]
    return exact_error(first, judged(first) - judged(second), residual)


def estimate(terms: InfluenceTerms, confidence: float, method: Method, seed: int, pool: Pool = HERE) -> Estimate:
    """Value, bounds and standard error."""
    low, high = interval(terms, confidence, method, seed=seed, pool=pool)
    error = float(terms.influence.std(ddof=1) / np.sqrt(len(terms.influence)))
    return Estimate(terms.value, low, high, float(np.maximum(error, terms.least)))


def usable(logged: Log) -> tuple[str, ...]:
    """Names of the estimators that the log allows."""
    return MODEL_FREE if logged.q_hat is None else tuple(ESTIMATORS)

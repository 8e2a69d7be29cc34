"""Can this log answer the question? What is reported with every value, and the rule of the veto."""

from typing import NamedTuple

import numpy as np

from poolwise.ope import moments, remedy
from poolwise.ope.logged import Log, balance_of, of_log, weights_of
from poolwise.ope.moments import judged

LEAST_EFFECTIVE, LEAST_EXACT = 50.0, 25.0
LEAST_SUPPORT = 0.99
MISMATCH = 5.0
"""The veto's limits; see `diagnose`. LEAST_EXACT takes the place of LEAST_EFFECTIVE where the exact moments of the
weights are known, on which intervals then rest, too: with them 95 % intervals hold the truth as often at 25 as at 50.
A log that is in order is vetoed by the last one once in 300,000 at most."""
ROUNDING = 1e-9
"""Of a mean weight that should be 1, and of a spread that should be 0."""


class Diagnosis(NamedTuple):
    """How much a log says about the policy to evaluate."""

    decisions: int
    effective: float
    """Effective sample size, (sum w)^2 / sum w^2, or, where `behaviour` is known and it is less, n / mean E[w^2]."""
    largest_weight: float
    largest_share: float
    """Share of the largest weight in the sum of all."""
    mean_weight: float
    """1 in expectation where the logging policy could choose whatever the new one would."""
    support: float
    """Mean evaluation probability of arms that the logging policy could choose."""
    mismatch: float
    """Largest deviation, in standard errors, of how often an arm was chosen from what the logged policy says."""
    veto: str | None
    """Why the log cannot answer, and which setting would have let it; None where it can."""


@of_log
def diagnose(logged: Log) -> Diagnosis:
    """Numbers behind the veto, and the veto. It fails closed: a number that is not finite vetoes.

    Vetoed: more than 1 - LEAST_SUPPORT of the new policy on arms that were out of reach (probability 0 where
    `behaviour` is known, else never logged); an effective sample size below LEAST_EFFECTIVE (where one decision has a
    seventh of all weight, it is), or, where `behaviour` is known, below LEAST_EXACT, be it the sample's or the exact
    one, since a small floor that was never drawn from answers nothing; a mean weight or a frequency of choices more
    than MISMATCH standard errors from what the propensities say, as after overrides downstream or with propensities of
    another policy or made up. Where weights do not vary there is no standard error, and anything but 1 is a mismatch.
    """
    own = weights_of(logged)
    weight = balance_of(logged, own)
    with np.errstate(over="ignore", invalid="ignore"):
        total, squares = float(weight.sum()), float((weight**2).sum())
        effective = total / squares * total if squares > 0 else 0.0
    numbers = Diagnosis(
        decisions=len(weight),
        effective=float(np.min([effective, exact_effective(logged)])),
        largest_weight=float(weight.max()),
        largest_share=float(weight.max()) / total if total > 0 else 1.0,
        mean_weight=float(weight.mean()),
        support=reachable(logged),
        mismatch=mismatch(logged, own),
        veto=None,
    )
    least = LEAST_EFFECTIVE if logged.behaviour is None else LEAST_EXACT
    why = veto(numbers, least)
    if why and not (numbers.support >= LEAST_SUPPORT and numbers.effective >= least):
        why = f"{why}; {remedy.sentence(logged, least)}"
    return numbers._replace(veto=why)


def exact_effective(logged: Log) -> float:
    """n / mean E[w^2]; infinite where the logging policy's probabilities are not known."""
    return float("inf") if logged.behaviour is None else moments.effective(judged(logged), logged.behaviour)


def veto(numbers: Diagnosis, least: float) -> str | None:
    """The first reason that holds, in one line."""
    if not numbers.support >= LEAST_SUPPORT:
        return f"{1 - numbers.support:.1%} of the policy's choices are arms that the log could not hold"
    if not numbers.effective >= least:
        return (
            f"effective sample size {numbers.effective:.1f} of {numbers.decisions} decisions, largest weight"
            f" {numbers.largest_weight:.4g}; at least {least:.0f} are needed"
        )
    if not numbers.mismatch <= MISMATCH:
        return (
            f"the choices logged are {numbers.mismatch:.1f} standard errors from what the propensities say"
            f" (mean weight {numbers.mean_weight:.3g}); look for arms out of its reach, overrides downstream,"
            " or propensities of another policy"
        )
    return None


def reachable(logged: Log) -> float:
    """Mean evaluation probability of the arms within the logging policy's reach, and of a baseline that is known."""
    needed = judged(logged)
    known = 0.0 if logged.baseline is None else float(logged.evaluation[:, logged.baseline].mean())
    if logged.behaviour is not None:
        return known + float((needed * (logged.behaviour > 0)).sum(axis=1).mean())
    seen = np.bincount(logged.action, minlength=needed.shape[1]) > 0
    return known + float(needed[:, seen].sum(axis=1).mean())


def mismatch(logged: Log, weight: np.ndarray) -> float:
    """Largest z score of the mean weight, of every arm's inverse propensities and, where `behaviour` is known, of every
    arm's frequency: against the exact expectations and variances there, else against a mean weight of 1, at most 1
    inverse propensity per decision, and the sample's spread. NaN or infinite where numbers overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        if logged.behaviour is None:
            balance = balance_of(logged, weight)
            spread = balance.std(ddof=1) if len(balance) > 1 else 0.0
            return float(np.max([abs(excess(balance.mean(), spread, len(balance))), most_frequent(logged)]))
        return float(np.max([weights_off(logged, logged.behaviour, weight), *arms_off(logged, logged.behaviour)]))


def weights_off(logged: Log, behaviour: np.ndarray, weight: np.ndarray) -> float:
    """z of the sum of weights."""
    needed = judged(logged)
    mean, squares = moments.moments(needed, behaviour)
    largest = float(np.max(np.divide(needed, behaviour, out=np.zeros_like(needed), where=behaviour > 0)))
    off = float((weight - mean).sum())
    return moments.surprise(off, float((squares - mean**2).sum() if off > 0 else squares.sum()), largest)


def arms_off(logged: Log, behaviour: np.ndarray) -> list[float]:
    """z of how often every arm was chosen, and of the sum of its inverse propensities, which is expected once for every
    decision in which it was within reach."""
    arms = behaviour.shape[1]
    count, expected = np.bincount(logged.action, minlength=arms), behaviour.sum(axis=0)
    variance = (behaviour * (1 - behaviour)).sum(axis=0)
    found = [moments.surprise(*one, 1.0) for one in zip(abs(count - expected), np.maximum(variance, 1.0), strict=True)]
    inverse = np.divide(1.0, behaviour, out=np.zeros_like(behaviour), where=behaviour > 0)
    off = np.bincount(logged.action, 1.0 / logged.propensity, arms) - (behaviour > 0).sum(axis=0)
    spread = np.where(off > 0, (inverse - (behaviour > 0)).sum(axis=0), inverse.sum(axis=0))
    return found + [moments.surprise(*one) for one in zip(off, spread, inverse.max(axis=0), strict=True)]


def most_frequent(logged: Log) -> float:
    """Largest z score by which an arm was chosen more often than its propensities allow: sum of 1 / propensity over its
    decisions, which the number of all decisions bounds in expectation."""
    rows, arms = logged.evaluation.shape
    inverse = 1.0 / logged.propensity
    mean = np.bincount(logged.action, inverse, arms) / rows
    square = np.bincount(logged.action, inverse**2, arms) / rows
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    return float(np.max([excess(*one, rows) for one in zip(mean, deviation, strict=True)]))


def excess(mean: float, deviation: float, rows: int) -> float:
    """(mean - 1) in standard errors; where nothing varies 0 or infinite."""
    if abs(mean - 1) <= ROUNDING:
        return 0.0
    return float(
        np.sign(mean - 1) * np.inf if deviation <= ROUNDING * abs(mean) else (mean - 1) / deviation * np.sqrt(rows)
    )

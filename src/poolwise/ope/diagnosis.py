"""Can this log answer the question? What is reported with every value, and the rule of the veto."""

from typing import NamedTuple

import numpy as np

from poolwise.ope.logged import Log, of_log, weights_of

LEAST_EFFECTIVE = 50.0
LEAST_SUPPORT = 0.99
MISMATCH = 5.0
"""The veto's limits; see `diagnose`. A log that is in order is vetoed by the last one once in a million."""
ROUNDING = 1e-9
"""Of a mean weight that should be 1, and of a spread that should be 0."""


class Diagnosis(NamedTuple):
    """How much a log says about the policy to evaluate."""

    decisions: int
    effective: float
    """Effective sample size, (sum w)^2 / sum w^2."""
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
    """Why the log cannot answer; None where it can."""


@of_log
def diagnose(logged: Log) -> Diagnosis:
    """Numbers behind the veto, and the veto. It fails closed: a number that is not finite vetoes.

    Vetoed: more than 1 - LEAST_SUPPORT of the new policy on arms that were out of reach (probability 0 where
    `behaviour` is known, else never logged); an effective sample size below LEAST_EFFECTIVE (where one decision has a
    seventh of all weight, it is); a mean weight or a frequency of choices more than MISMATCH standard errors from
    what the propensities say, as after overrides downstream or with propensities of another policy or made up. Where
    weights do not vary there is no standard error, and anything but 1 is a mismatch.
    """
    weight = weights_of(logged)
    with np.errstate(over="ignore", invalid="ignore"):
        total, squares = float(weight.sum()), float((weight**2).sum())
        effective = total / squares * total if squares > 0 else 0.0
    numbers = Diagnosis(
        decisions=len(weight),
        effective=effective,
        largest_weight=float(weight.max()),
        largest_share=float(weight.max()) / total if total > 0 else 1.0,
        mean_weight=float(weight.mean()),
        support=reachable(logged),
        mismatch=mismatch(logged, weight),
        veto=None,
    )
    return numbers._replace(veto=veto(numbers))


def veto(numbers: Diagnosis) -> str | None:
    """The first reason that holds, in one line."""
    if not numbers.support >= LEAST_SUPPORT:
        return (
            f"{1 - numbers.support:.1%} of the policy's choices are arms that the log could not hold;"
            " log with a policy that tries them"
        )
    if not numbers.effective >= LEAST_EFFECTIVE:
        return (
            f"effective sample size {numbers.effective:.1f} of {numbers.decisions} decisions, largest weight"
            f" {numbers.largest_weight:.4g}; at least {LEAST_EFFECTIVE:.0f} are needed; log more, or explore more"
        )
    if not numbers.mismatch <= MISMATCH:
        return (
            f"the choices logged are {numbers.mismatch:.1f} standard errors from what the propensities say"
            f" (mean weight {numbers.mean_weight:.3g}); look for arms out of its reach, overrides downstream,"
            " or propensities of another policy"
        )
    return None


def reachable(logged: Log) -> float:
    """Mean evaluation probability of the arms within the logging policy's reach."""
    if logged.behaviour is not None:
        return float((logged.evaluation * (logged.behaviour > 0)).sum(axis=1).mean())
    seen = np.bincount(logged.action, minlength=logged.evaluation.shape[1]) > 0
    return float(logged.evaluation[:, seen].sum(axis=1).mean())


def mismatch(logged: Log, weight: np.ndarray) -> float:
    """Largest z score of the mean weight (expected 1), of every arm's inverse propensities (expected at most 1 per
    decision) and, where `behaviour` is known, of every arm's frequency. NaN or infinite where numbers overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = [abs(excess(weight.mean(), weight.std(ddof=1) if len(weight) > 1 else 0.0, len(weight)))]
        found.append(most_frequent(logged))
        if logged.behaviour is not None:
            expected = logged.behaviour.sum(axis=0)
            deviation = np.sqrt((logged.behaviour * (1 - logged.behaviour)).sum(axis=0))
            count = np.bincount(logged.action, minlength=len(expected))
            found.append(float(np.max(np.abs(count - expected) / np.maximum(deviation, 1.0))))
    return float(np.max(found))


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

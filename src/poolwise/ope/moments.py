"""What importance weights come to in expectation, exactly, where all probabilities of the logging policy are known.

A sample of heavy-tailed weights shows a spread that is nearly always too small, since what makes it large is rare. The
logging policy's own probabilities say it without a sample: of one decision, with p logging and q to be judged,

    E[w] = sum_a q_a [p_a > 0],      E[w^2] = sum_a q_a^2 / p_a
"""

import numpy as np

from poolwise.ope.logged import Log

ROUNDING = 1e-9
"""Of sums over many decisions, in decisions."""


def judged(logged: Log) -> np.ndarray:
    """(n, arms) what of the policy needs evidence: all but the baseline that earns 0 by definition."""
    if logged.baseline is None:
        return logged.evaluation
    return np.where(np.arange(logged.evaluation.shape[1]) == logged.baseline, 0.0, logged.evaluation)


def moments(needed: np.ndarray, logging: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) sums over the arms within reach, of (n, arms) each."""
    open_to = logging > 0
    with np.errstate(over="ignore", invalid="ignore"):
        squares = needed * np.divide(needed, logging, out=np.zeros_like(needed), where=open_to)
    return (needed * open_to).sum(axis=1), squares.sum(axis=1)


def effective(needed: np.ndarray, logging: np.ndarray) -> float:
    """n / mean of E[w^2]: decisions of its own that would tell as much. Mass missing in a row needs no evidence."""
    known = 1.0 - needed.sum(axis=1)
    mean, squares = moments(needed, logging)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(len(needed) / (squares + 2.0 * known * mean + known**2).mean())


def surprise(excess: float, variance: float, largest: float) -> float:
    """How many standard errors a sum is off, heavy tails allowed for: z with exp(-z^2 / 2) >= P(a sum so far off).

    Freedman's inequality in Bennett's form (1975, 1962), for differences of a martingale with this sum of variances and
    none above `largest`: P(S >= s) <= exp(-V / b^2 h(b s / V)), h(x) = (1 + x) log(1 + x) - x. Below the mean, weights
    have no tail: give `excess` < 0 and the second moments for `variance`, then z = s / sqrt(V).
    """
    if abs(excess) <= ROUNDING:
        return 0.0
    if variance <= ROUNDING**2:
        return float("inf")
    if excess < 0 or largest <= 0:
        return float(abs(excess) / np.sqrt(variance))
    x = largest * excess / variance
    return float(np.sqrt(2.0 * variance / largest**2 * ((1.0 + x) * np.log1p(x) - x)))

"""What importance weights come to in expectation, exactly, where all probabilities of the logging policy are known.

A sample of heavy-tailed weights shows a spread that is nearly always too small, since what makes it large is rare. The
logging policy's own probabilities say it without a sample: of one decision, with p logging and q to be judged,

    E[w] = sum_a q_a [p_a > 0],      E[w^2] = sum_a q_a^2 / p_a
"""

import numpy as np

from poolwise.ope.logged import Log

PSEUDO = 2.0
"""Decisions that what is usual counts for, where residuals of an arm are summed up."""
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


def exact_error(logged: Log, needed: np.ndarray, residual: np.ndarray) -> float:
    """Standard error of the mean of w e, of weights as exact as the logging policy is known; 0 where it is not.

        Var = sum over decisions of  sum_a q_a^2 / p_a s_a - (sum_a q_a m_a)^2

    needed: (n, arms) q, or the difference of two policies; residual: (n,) e of the arms chosen, whose mean m and mean
    square s of each arm are drawn to 0 and to the mean over arms by `PSEUDO` decisions. A weight of 1,000 that could
    have come and did not is in it, where it is not in any sample.
    """
    if logged.behaviour is None:
        return 0.0
    arms = needed.shape[1]
    count = np.bincount(logged.action, minlength=arms)
    with np.errstate(over="ignore", invalid="ignore"):
        total, squares = (np.bincount(logged.action, part, arms) for part in (residual, residual**2))
        usual = (squares[count > 0] / count[count > 0]).mean()
        ratio = np.divide(needed, logged.behaviour, out=np.zeros_like(needed), where=logged.behaviour > 0)
        spread = (needed * ratio) @ ((squares + PSEUDO * usual) / (count + PSEUDO))
        expected = (needed * (logged.behaviour > 0)) @ (total / (count + PSEUDO))
        return float(np.sqrt(np.maximum(spread - expected**2, 0.0).sum()) / len(needed))


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

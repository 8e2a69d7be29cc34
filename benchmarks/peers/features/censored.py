"""Thompson sampling for runtimes under censoring, in the form that did best in its paper (`revisited`, with expected
losses): Tornede, Bengs and Huellermeier, Machine Learning for Online Algorithm Selection under Censored Feedback, AAAI
2022.

Every arm has a ridge regression of log runtime on features, with penalty 1/2; a run that was stopped, or failed, enters
at the cutoff. A draw of x' beta gives an expected loss, and the lowest is chosen; an arm without outcomes comes first:

    P(in time) E[loss | in time] + P(late) loss(late),    log runtime ~ Normal(draw, sigma^2 x' A^-1 x)

The loss is the paper's PAR10, or its logarithm, in which regret is measured here.
"""

import numpy as np
from scipy.special import log_ndtr, ndtr

from benchmarks.peers.features.linear import Ridges, play_lints
from benchmarks.peers.features.problem import Problem
from benchmarks.peers.tabular import generator
from poolwise.schema import STATUSES
from poolwise.table import available

PENALTY, LATE, TRIES = 0.5, 10.0, 20


def play_censored(problem: Problem, order: np.ndarray, seed: int, rule: tuple[str, float, bool]) -> np.ndarray:
    """(units,) arms. rule: loss (`PAR10` or `log PAR10`), sigma, and whether a stopped run enters at a draw above the
    cutoff instead (after Buckley and James). Without runtimes: LinTS of this scale."""
    table, (loss, sigma, imputed) = problem.table, rule
    if table.cost is None or table.cutoff is None:
        return play_lints(problem, order, seed, sigma)
    rng, present = generator("censored", seed), available(table)
    bound = float(np.log(table.cutoff))
    late = (table.status != STATUSES.index("ok")) | (table.cost >= table.cutoff)
    runtime = np.where(late, bound, np.log(np.where(present, table.cost, 1.0)))
    ridges = Ridges(problem.design, len(table.arms), PENALTY)
    tried, chosen = np.zeros(len(table.arms), bool), np.empty(len(order), int)
    for step, unit in enumerate(order):
        variance = sigma * np.maximum(ridges.variance[:, unit], 1e-12)
        draw = ridges.mean[:, unit] + np.sqrt(variance) * rng.standard_normal(len(variance))
        expected = (log_loss if loss == "log PAR10" else par10)(draw, sigma * variance, bound)
        expected = np.where(tried, expected, -1e9 + rng.random(len(variance)))
        arm = chosen[step] = np.where(present[unit], expected, np.inf).argmin()
        value = runtime[unit, arm]
        if imputed and late[unit, arm]:
            draws = ridges.mean[arm, unit] + np.sqrt(variance[arm]) * rng.standard_normal(TRIES)
            value = next((one for one in draws if one > bound), bound)
        ridges.learn(unit, arm, float(value))
        tried[arm] = True
    return chosen


def par10(mean: np.ndarray, variance: np.ndarray, bound: float) -> np.ndarray:
    """(arms,) expected PAR10 over the cutoff, of log-normal runtimes."""
    scale, over = np.sqrt(variance), mean - bound
    in_time = np.exp(over + variance / 2 + log_ndtr(-(over + variance) / scale))
    return in_time + LATE * ndtr(over / scale)


def log_loss(mean: np.ndarray, variance: np.ndarray, bound: float) -> np.ndarray:
    """(arms,) expected log PAR10."""
    scale = np.sqrt(variance)
    z = (bound - mean) / scale
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return ndtr(z) * mean - scale * density + ndtr(-z) * (bound + np.log(LATE))

"""Scores of searches of a configuration space: what they pay, find, and how far they get ahead of random search.

Source of the score: Willemsen and others, A methodology for comparing optimization algorithms for auto-tuning (2024).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

from poolwise.table import Table

AT = (50, 100, 200, 400)
"""Trials after which the best configuration found is read off."""


class Scores(NamedTuple):
    """Of one search."""

    regret: float
    """Sum over trials of log(time of the configuration / best time), in mean times."""
    best: dict[int, float]
    """Best time of all over the best time found, after as many trials."""
    distinct: int
    """Configurations tried."""
    score: float
    """See `score`."""
    seconds: float = 0.0
    """Of processor time, for all trials."""


def scores(table: Table, unit: int, chosen: np.ndarray, seconds: float = 0.0) -> Scores:
    """chosen: (trials,) arms in order."""
    lost = table.reward[unit].max() - table.reward[unit, chosen]
    found = np.exp(-np.minimum.accumulate(lost))
    best = {number: float(found[number - 1]) for number in AT if number <= len(found)}
    times = np.exp(table.reward[unit].max() - table.reward[unit])
    return Scores(float(lost.sum()), best, len(np.unique(chosen)), score(times, times[chosen]), seconds)


def score(times: np.ndarray, tried: np.ndarray) -> float:
    """Mean over trials of the share of the way from what random search is expected to have found to the optimum.

    times: (arms,) of all; tried: (trials,) in order. 1: the optimum at once; 0: as random search; below 0: behind it.
    """
    expected = expected_random(times, len(tried))
    found = np.minimum.accumulate(tried)
    return float(np.mean((expected - found) / (expected - times.min())))


def expected_random(times: np.ndarray, trials: int) -> np.ndarray:
    """(trials,): expected best time of 1, 2 .. different arms drawn at random."""
    return best_of_random(len(times), np.arange(1, trials + 1)) @ np.sort(times)


def best_of_random(arms: int, trials: np.ndarray) -> np.ndarray:
    """(trials, arms): chance that the k-th best of n arms (from 0) is the best of t different ones drawn at random.

    C(n - 1 - k, t - 1) / C(n, t).
    """
    k, t = np.arange(arms), trials[:, None]
    rest = np.maximum(arms - k - t + 1, 1)
    chosen = gammaln(arms - k) - gammaln(t) - gammaln(rest)
    every = gammaln(arms + 1) - gammaln(t + 1) - gammaln(arms - t + 1)
    return np.where(k <= arms - t, np.exp(chosen - every), 0.0)

"""The bound of a sum of means: never above the truth in all but delta of runs, and close to it where noise is small."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from poolwise.policy.constraints import betting_bound

RUNS, STEPS, DELTA = 2_000, 300, 0.05

WORLDS = {
    "coins": lambda draws, t: (np.full(RUNS, 0.5), 1.0 * (draws.random(RUNS) < 0.5)),
    "rare and large": lambda draws, t: (np.ones(RUNS), 10.0 * (draws.random(RUNS) < 0.1)),
    "heavy tails": lambda draws, t: (np.ones(RUNS), draws.pareto(2.1, RUNS) * 1.1),
    "falling": lambda draws, t: (np.full(RUNS, 1.5 - t / STEPS), (1.5 - t / STEPS) * draws.exponential(size=RUNS)),
    "nothing": lambda draws, t: (np.zeros(RUNS), np.zeros(RUNS)),
}


def bounds(world, seed=0):
    """(steps, runs): lower bounds, and the sums of the true means."""
    draws, account, rows, means = np.random.default_rng(seed), betting_bound.start(np, (RUNS,)), [], []
    for t in range(STEPS):
        mean, value = WORLDS[world](draws, t)
        account = betting_bound.update(account, value, np.ones(RUNS), 1.0, DELTA)
        rows.append(account.least)
        means.append(mean)
    return np.array(rows), np.cumsum(means, axis=0)


@pytest.mark.parametrize("world", WORLDS)
def test_holds_at_all_times_at_once(world):
    """In all but delta of the runs, three standard errors allowed."""
    least, truth = bounds(world)
    assert (least > truth + 1e-9).any(axis=0).mean() <= DELTA + 3 * math.sqrt(DELTA * (1 - DELTA) / RUNS)


def test_little_noise_costs_little():
    draws, account = np.random.default_rng(1), betting_bound.start(np)
    for value in draws.normal(1.2, 0.1, 200):
        account = betting_bound.update(account, np.float64(value), 1.0, 1.0, DELTA)
    # log(20 / 0.8) / 0.9 = 3.6, half a stake times the variance 0.01 + the forecast's cut of about 0.15 for 200.
    assert 0.9 * 240 < account.least < 240


def test_is_the_root_of_the_mean_fortune():
    evidence, stakes = np.array([3.0, 8.0, 21.0]), betting_bound.STAKES
    root = brentq(lambda least: betting_bound.WEIGHTS @ np.exp(evidence - stakes * least) - 1 / DELTA, -100, 100)
    found = betting_bound.bound(evidence, stakes, DELTA)
    assert root - 1e-3 < found <= root + 1e-9


def test_never_falls_and_leaves_alone_what_does_not_count():
    account = betting_bound.start(np, (2,))
    for value in (2.0, 3.0, 2.0, 3.0, 2.0, 0.0, 0.0):
        before, account = account, betting_bound.update(account, np.full(2, value), np.array([1.0, 0.0]), 1.0, DELTA)
        assert account.least[0] >= before.least[0]
    assert [account.number[1], account.least[1], account.total[1], *account.log_wealth[1]] == [0.0] * 6

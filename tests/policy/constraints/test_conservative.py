"""The cumulative guarantee, by simulation: at no time below (1 - alpha) of the baseline's, in all but delta of runs."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poolwise.errors import ConfigError
from poolwise.policy.constraints import conservative

RUNS, STEPS = 1_000, 300
PLAIN = conservative.Settings()


def normal(draws, mean):
    return mean + 0.25 * draws.normal(size=len(mean))


def heavy(draws, mean):
    return mean + 0.2 * draws.standard_t(2.5, size=len(mean))


SCENARIOS = {
    "mixed": (lambda t: np.array([1.0, 0.4, 1.6, 0.9]), normal, PLAIN, 0),
    "all worse": (lambda t: np.array([1.0, 0.2, 0.5, 0.8]), normal, PLAIN, 0),
    "turning bad": (
        lambda t: np.array([1.0, 1.4, 1.6, 1.5]) if t < 150 else np.array([1.0, 0.2, 0.3, 0.1]),
        normal,
        PLAIN,
        0,
    ),
    "heavy tails": (lambda t: np.array([1.0, 0.4, 1.6, 0.9]), heavy, PLAIN, 0),
    "delayed": (lambda t: np.array([1.0, 0.4, 1.6, 0.9]), normal, PLAIN, 20),
    "estimated baseline": (lambda t: np.array([1.0, 0.4, 1.6, 0.9]), normal, PLAIN._replace(baseline=None), 0),
}


def simulate(means, noise, settings, delay, guarded=True, seed=0):
    """(runs, steps): cumulative expected performance; arms are tried at random, with a pull to the best average."""
    draws = np.random.default_rng(seed)
    ledger, waiting, path = conservative.start(np, (RUNS,)), [], []
    count, total = np.ones((RUNS, 4)), np.ones((RUNS, 4))
    for t in range(STEPS):
        mean = means(t)
        favourite = (total / count).argmax(axis=1)
        arm = np.where(draws.random(RUNS) < 0.3, draws.integers(0, 4, RUNS), favourite)
        arm = np.where(conservative.may_leave(settings, ledger) | (not guarded), arm, 0)
        ledger = conservative.decided(ledger, arm > 0)
        waiting.append((arm, noise(draws, mean[arm])))
        if t >= delay:
            arm_then, value = waiting.pop(0)
            ledger = conservative.observed(settings, ledger, arm_then > 0, value)
            count[np.arange(RUNS), arm_then] += 1
            total[np.arange(RUNS), arm_then] += value
        path.append(mean[arm])
    return np.cumsum(path, axis=0).T


@pytest.mark.parametrize("name", SCENARIOS)
def test_violations_stay_within_delta(name):
    means, noise, settings, delay = SCENARIOS[name]
    needed = (1 - settings.alpha) * np.arange(1, STEPS + 1)
    violated = (simulate(means, noise, settings, delay) < needed - 1e-9).any(axis=1).mean()
    assert violated <= settings.delta + 3 * math.sqrt(settings.delta * (1 - settings.delta) / RUNS)


def test_without_the_guarantee_it_would_be_violated():
    means, noise, settings, delay = SCENARIOS["all worse"]
    needed = (1 - settings.alpha) * np.arange(1, STEPS + 1)
    assert (simulate(means, noise, settings, delay, guarded=False) < needed).any(axis=1).mean() > 0.9


@pytest.mark.parametrize(("name", "least"), [("mixed", 1.25), ("heavy tails", 1.2), ("estimated baseline", 1.1)])
def test_good_arms_earn_their_freedom(name, least):
    """Without the guarantee it would be 1.47 of the baseline's."""
    means, noise, settings, delay = SCENARIOS[name]
    assert simulate(means, noise, settings, delay)[:, -1].mean() > least * STEPS


def test_the_first_decisions_by_hand():
    """alpha = 0.1, mu = 1, worst 0: nine decisions for the baseline pay for one that may earn nothing."""
    settings, ledger = PLAIN._replace(measured=True), conservative.start(np)
    for _ in range(9):
        assert not conservative.may_leave(settings, ledger)
        ledger = conservative.decided(ledger, False)
    assert conservative.may_leave(settings, ledger)
    ledger = conservative.decided(ledger, True)
    assert not conservative.may_leave(settings, ledger)
    ledger = conservative.observed(settings, ledger, True, np.float64(1.9))
    assert conservative.may_leave(settings, ledger)


def test_the_same_under_scan():
    values = np.random.default_rng(3).normal(1.2, 0.5, 60)

    def step(ledger, value):
        leave = conservative.may_leave(PLAIN, ledger)
        ledger = conservative.decided(ledger, leave)
        return conservative.observed(PLAIN, ledger, leave, value), leave

    ledger, left = conservative.start(np), []
    for value in values:
        ledger, leave = step(ledger, value)
        left.append(bool(leave))
    with jax.enable_x64(True):
        scanned, scanned_left = jax.lax.scan(step, conservative.start(jnp), jnp.asarray(values))
    assert left == list(map(bool, scanned_left))
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-9), scanned, ledger)
    assert 0 < sum(left) < 60


BAD = [
    {"alpha": 0.0},
    {"alpha": 1.0},
    {"delta": 1.0},
    {"cap": -1.0},
    {"cap": math.inf},
    {"baseline": 0.0},
    {"measured": True, "baseline": None},
    {"alpha": math.nan},
]


@pytest.mark.parametrize("settings", BAD)
def test_bad_settings_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        conservative.Settings(**settings).checked()

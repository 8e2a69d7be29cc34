"""Old outcomes count less: weights as stated, one by one and in bulk, and a half-life found where there is one."""

import numpy as np
import pytest

from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.likelihoods import discounting
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.posterior import Posterior

FAMILY = np.array([0, 0, 1])


def made(half_life) -> Posterior:
    hyperparameters = init_hyperparameters(FAMILY, np.tile((3.0, 0.6), (3, 1)))
    return Posterior(hyperparameters, -1.0, options=ObservationModel(outliers=None, half_life=half_life, trust=1.0))


def outcomes(n: int, seed: int = 0):
    random = np.random.default_rng(seed)
    rows = [random.integers(0, size, n) for size in (2, 3, 3)]
    return rows, random.normal(0, 0.3, n), random.random(n) < 0.8


def learned(belief: Posterior, rows, y, ok) -> Posterior:
    for row in zip(*(row.tolist() for row in rows), y.tolist(), ok.tolist(), strict=True):
        belief.update(*row)
    return belief


def test_an_outcome_is_worth_half_after_one_half_life():
    half_life = 64.0
    belief = made(half_life)
    belief.update(0, 0, 0, 0.5, True)
    for _ in range(int(half_life)):
        belief.update(1, 1, 1, 0.0, True)
    assert belief.statistics().count[0, 0, 0] == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("half_life", [None, 20, 333.0])
def test_bulk_and_single_agree(half_life):
    rows, y, ok = outcomes(500)
    single = learned(made(half_life), rows, y, ok)
    bulk = made(half_life)
    for part in (slice(0, 130), slice(130, 500)):
        bulk.update_many(*(row[part] for row in rows), y[part], ok[part])
    for part, other in zip(single.predict(1, 1), bulk.predict(1, 1), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-8, atol=1e-10)
    assert single.outcomes == bulk.outcomes == 500


def test_beliefs_widen_about_what_is_no_longer_tried():
    belief = made(50)
    for _ in range(30):
        belief.update(0, 0, 0, 0.5, True)
    before = belief.predict(0, 0).scale[0]
    for _ in range(400):
        belief.update(0, 1, 1, 0.0, True)
    assert belief.predict(0, 0).scale[0] > 1.5 * before


def walked(step: float, seed: int, n: int = 3_000) -> Posterior:
    """Two cells that wander by `step` at every outcome, of noise 0.2."""
    random, belief = np.random.default_rng(seed), made("learned")
    theta = np.cumsum(random.normal(0, step, (n, 2)), axis=0)
    for i, y in enumerate((theta + random.normal(0, 0.2, (n, 2))).tolist()):
        belief.update(0, 0, i % 2, y[i % 2], True)
    return belief


def test_a_half_life_is_found_where_there_is_one_and_none_where_there_is_none():
    still = [walked(0.0, seed).half_life for seed in range(5)]
    assert np.median(still) == np.inf
    assert min(still) >= 1e5  # Of 3,000 outcomes: too slow a drift to be told from none.
    fast, slow = (np.median([walked(step, seed).half_life for seed in range(3)]) for step in (0.02, 0.004))
    assert fast <= slow < np.inf


def kalman(y, gaps, noise: float, wander: float):
    """Mean and variance of a level that wanders by the variance `wander` in a unit of time, from its own outcomes."""
    mean, variance = y[0], noise
    for value, gap in zip(y[1:], gaps, strict=True):
        variance += wander * gap
        gain = variance / (variance + noise)
        mean, variance = mean + gain * (value - mean), (1 - gain) * variance
    return mean, variance


def test_a_cell_is_filtered_as_a_level_that_wanders():
    random, state = np.random.default_rng(3), discounting.half_life_grid()
    times = np.cumsum(random.integers(1, 40, 30))
    y = random.normal(0, 0.3, 30)
    index = discounting.HALF_LIVES.index(1e3)
    for time, value in zip(times.tolist(), y.tolist(), strict=True):
        state.usual[0] = state.usual[1] * np.log(discounting.noise(state, 0, 0))  # one cell: its noise is the usual one
        discounting.update(state, (0, 0, 0), value, 1.0, time)
    found = discounting.statistics(state, index, (1, 1, 1))
    mean, variance = kalman(y, np.diff(times), 1.0, 1 / discounting.HALF_LIVES[index])
    assert found.count.item() == pytest.approx(1 / variance, rel=1e-3)
    assert (found.total / found.count).item() == pytest.approx(mean, rel=1e-2)


def test_noise_is_told_from_drift():
    belief = walked(0.02, 1)
    fit = belief.reestimate()
    assert fit.scales.noise[0] == pytest.approx(0.2, rel=0.15)


def test_statistics_of_a_system_that_drifts_are_current():
    belief = walked(0.02, 1)
    theta = np.cumsum(np.random.default_rng(1).normal(0, 0.02, (3_000, 2)), axis=0)
    look = belief.predict(0, 0)
    assert (np.abs(look.mean[:2] - theta[-1]) < 3 * look.scale[:2]).all()
    assert (look.scale[:2] < 0.12).all()

"""Absurd measurements: bounded influence, hardly a loss where there are none, one weight however they are learned."""

import numpy as np
import pytest

from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.likelihoods import robust_weights
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.posterior import Posterior

SHAPE, LIMIT = (3, 4, 5), 4.0


def empty() -> CellMoments:
    return CellMoments(*(np.zeros(SHAPE) for _ in range(3)))


def outcomes(n, share, seed=0):
    random = np.random.default_rng(seed)
    rows = tuple(random.integers(0, size, n) for size in SHAPE)
    y = random.normal(0, 1, SHAPE)[rows] + 0.2 * random.standard_normal(n)
    return rows, np.where(random.random(n) < share, y + random.normal(0, 20, n), y)


def one_by_one(rows, y):
    state, found = empty(), []
    tracks = robust_weights.arm_moments(state)
    for at, value in zip(zip(*(row.tolist() for row in rows), strict=True), y.tolist(), strict=True):
        own, every = (np.array([part[place] for part in parts]) for parts, place in ((state, at), (tracks, at[2])))
        weight = robust_weights.weight(own, every, value, LIMIT)
        for part, after in zip(tracks, robust_weights.arm_after(every, own, value, weight), strict=True):
            part[at[2]] = after
        for part, after in zip(state, robust_weights.cell_after(own, value, weight), strict=True):
            part[at] = after
        found.append(weight)
    return np.array(found), state, tracks


@pytest.mark.parametrize("share", [0.0, 0.003, 0.1])
def test_many_at_once_weigh_what_they_weigh_one_by_one(share):
    rows, y = outcomes(6_000, share)
    found, state, tracks = one_by_one(rows, y)
    np.testing.assert_allclose(robust_weights.weights(empty(), rows, y, LIMIT), found, rtol=1e-9)
    for part, other in zip(robust_weights.arm_moments(state), tracks, strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-9)
    assert (found < 1).mean() == pytest.approx(share, abs=0.5 * share + 0.002)


def belief(outliers: float | None = 4.0) -> Posterior:
    return Posterior(
        init_hyperparameters(np.array([0, 0, 1]), np.tile((1e6, 1e-3), (3, 1))), 0.0, options=ObservationModel(outliers)
    )


def trained(outliers: float | None, absurd: float | None, seed: int = 1):
    made, random = belief(outliers), np.random.default_rng(seed)
    for number in range(40):
        made.update(0, number % 2, number % 3, float(random.normal(0.1, 0.2)), True)
    if absurd is not None:
        made.update(0, 0, 0, absurd, True)
    made.reestimate()
    return made.predict(0, 0)


def test_influence_is_bounded_as_an_outlier_goes_to_infinity():
    before = trained(4.0, None)
    moved = {size: trained(4.0, size) for size in (-5.0, -50.0, -1e3, -1e5)}
    for look in moved.values():
        assert (np.abs(look.mean - before.mean) < before.scale).all()
        assert (look.scale < 2 * before.scale).all()
    # Further out it counts for nothing.
    near, far = (np.abs(moved[size].mean - before.mean)[0] for size in (-5.0, -1e5))
    assert far < near + 0.02
    assert np.abs(trained(None, -50.0).mean - before.mean).max() > 4 * before.scale.max()


def test_of_normal_outcomes_hardly_any_counts_less():
    rows, y = outcomes(20_000, 0.0, seed=3)
    # Efficiency lost: the share of what the weights take away.
    assert 1 - robust_weights.weights(empty(), rows, y, LIMIT).mean() < 1e-3


def test_a_change_that_stays_is_believed():
    made = belief()
    for _ in range(20):
        made.update(0, 0, 0, 0.0, True)
    for _ in range(30):
        made.update(0, 0, 0, -3.0, True)
    assert made.predict(0, 0).mean[0] < -1.4


def test_bulk_and_single_beliefs_agree():
    rows, y = outcomes(300, 0.02, seed=5)
    family = np.arange(SHAPE[2])
    hyperparameters, options = init_hyperparameters(family, np.tile((1e6, 1e-3), (5, 1))), ObservationModel(trust=1.0)
    single, bulk = (Posterior(hyperparameters, 0.0, options=options) for _ in range(2))
    bulk.update_many(*rows, y, np.ones(len(y), bool))
    for row in zip(*(row.tolist() for row in rows), y.tolist(), strict=True):
        single.update(*row, True)
    for part, other in zip(single.predict(1, 1), bulk.predict(1, 1), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-7, atol=1e-9)

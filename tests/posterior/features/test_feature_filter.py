"""The filter with features against dense conditioning on every outcome, and the laws that follow."""

import numpy as np
import pytest

from poolwise.posterior.crossed.batch import Fit, SufficientStatistics, cells
from poolwise.posterior.features import feature_filter, feature_prediction, slopes
from poolwise.posterior.features.slope_types import RecentJobs
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales
from tests.posterior.features import dense

BLOCKS = (2, 1)
SLOPES = np.array([[0.3, 0.2], [0.4, 0.1], [0.5, 0.3]])
FAMILY = np.array([0, 0, 1, 2, 2])
SHAPE = (3, 4, 5)


def fitted(families):
    family = FAMILY if families else np.arange(len(FAMILY))
    tiers = TierScales(0.4, 0.3, 0.2, 0.25), TierScales(0.5, 0.3, 0.1, 0.2), TierScales(0.6, 0.2, 0.3, 0.1)
    noise, spread = np.linspace(0.2, 0.5, len(FAMILY)), np.array([1.0, 1.5, 0.7, 1.0])
    scales = GaussianHyperparameters(*tiers, noise, spread, 0.2)
    return Fit(scales, family, families, False, 0.0, 0, True, np.zeros(0))


def drawn(seed=0, rows=60, weights=True):
    rng = np.random.default_rng(seed)
    place = [rng.integers(size, size=rows) for size in SHAPE]
    weight = rng.uniform(0.3, 1.0, rows) if weights else np.ones(rows)
    noise = np.array([1.0, 1.5, 0.7, 1.0])[:, None] * np.linspace(0.2, 0.5, len(FAMILY))
    return dense.Case(*place, rng.normal(size=(rows, sum(BLOCKS))), rng.normal(size=rows), weight, noise)


def started(fit, case, rows=slice(None)):
    place = tuple(part[rows] for part in case[:3])
    stats = cells(SufficientStatistics.of(*place, case.y[rows], shape=SHAPE, weight=case.weight[rows]))
    found = slopes.collect(stats, place, case.y[rows], case.weight[rows], case.phi[rows])
    return feature_filter.init(fit, stats, found, SLOPES, BLOCKS)


def walked(state, case, rows):
    structure, constants, found = state
    for i in rows:
        place = tuple(int(part[i]) for part in case[:3])
        found = feature_filter.update(
            structure, constants, found, place, float(case.y[i]), float(case.weight[i]), case.phi[i]
        )
    return structure, constants, found


def looks(state, places=((0, 1), (2, 3), (1, 0))):
    phi = np.random.default_rng(9).normal(size=(len(places), sum(BLOCKS)))
    return [feature_prediction.predict(*state, *place, one) for place, one in zip(places, phi, strict=True)]


@pytest.mark.parametrize("families", [0, 3])
@pytest.mark.parametrize("after", [0, 60], ids=["one by one", "at once"])
def test_it_is_dense_conditioning(families, after):
    fit, case, phi = fitted(families), drawn(), np.array([0.7, -1.2, 0.4])
    state = walked(started(fit, case, slice(0, after)), case, range(after, 60))
    found = feature_prediction.predict(*state, 1, 2, phi)
    mean, variance = dense.predict(fit, SLOPES, BLOCKS, families, case, 1, 2, phi)
    np.testing.assert_allclose(found.mean[0], mean, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.variance[0], variance, rtol=1e-8)


@pytest.mark.parametrize("families", [0, 3])
def test_the_order_of_outcomes_does_not_matter(families):
    fit, case = fitted(families), drawn(1)
    one = looks(walked(started(fit, case, slice(0, 0)), case, range(60)))
    other = looks(walked(started(fit, case, slice(0, 0)), case, range(59, -1, -1)))
    for left, right in zip(one, other, strict=True):
        for a, b in zip(left, right, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("families", [0, 3])
def test_two_halves_are_the_whole(families):
    fit, case = fitted(families), drawn(2)
    one, other = looks(started(fit, case)), looks(walked(started(fit, case, slice(0, 30)), case, range(30, 60)))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_allclose(left.mean, right.mean, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(left.along, right.along, rtol=1e-7, atol=1e-10)


def test_renaming_permutes():
    fit, case = fitted(0), drawn(3)
    mix = np.random.default_rng(0).permutation(len(FAMILY))
    noise = fit.scales.noise[np.argsort(mix)]
    other = fit._replace(scales=fit.scales._replace(noise=noise))
    one, renamed = looks(started(fit, case)), looks(started(other, case._replace(arm=mix[case.arm])))
    for left, right in zip(one, renamed, strict=True):
        np.testing.assert_allclose(left.mean, right.mean[:, mix], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("families", [0, 3])
def test_recent_jobs_move_with_this_one_as_dense_conditioning_says(families):
    fit, case, phi = fitted(families), drawn(4), np.array([0.7, -1.2, 0.4])
    places, other = np.array([[0, 1], [1, 2], [2, 0]]).T, np.random.default_rng(8).normal(size=(3, sum(BLOCKS)))
    structure, constants, state = started(fit, case)
    recent = RecentJobs(*places.astype(float), other, np.zeros((3, 5)))
    constants = feature_prediction.with_variance(structure, constants, state, recent)
    found = feature_prediction.predict(structure, constants, state, 1, 2, phi)
    for job in range(3):
        at = int(places[0][job]), int(places[1][job])
        mean, variance = dense.predict(fit, SLOPES, BLOCKS, families, case, *at, other[job])
        np.testing.assert_allclose(found.mean[4 + job], mean, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(found.variance[4 + job], variance, rtol=1e-7)
        shared = dense.covariance_between(fit, SLOPES, BLOCKS, families, case, (1, 2, phi), (*at, other[job]))
        np.testing.assert_allclose(found.along[3 + job], shared, rtol=1e-7, atol=1e-10)

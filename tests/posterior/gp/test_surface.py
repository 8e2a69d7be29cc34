"""A surface over parameters: exact conditioning, exact gradients, and neighbours that teach each other."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from poolwise.posterior.gp import surface_likelihood
from poolwise.posterior.gp.kernels import arm_coordinates, covariance
from poolwise.posterior.gp.surface import GaussianProcess
from poolwise.posterior.gp.surface_likelihood import ObservedArms, kernel_at, kernel_hyperprior

RNG = np.random.default_rng(5)
GRID = [one.ravel() for one in np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 1, 6))]
AT = arm_coordinates([*GRID, np.eye(2)[RNG.integers(2, size=48)]])
FEATURES = RNG.normal(size=(48, 3))


def outcomes(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Some arms more than once."""
    arm = RNG.integers(0, 48, number)
    return arm, np.sin(4 * GRID[0][arm]) + GRID[1][arm] + 0.05 * RNG.normal(size=number)


def dense(arm: np.ndarray, y: np.ndarray, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of every arm by conditioning on every outcome apart; the first tells where 0 is."""
    kernel, every = kernel_at(kernel_hyperprior(3, features.shape[1]).median, 3, features.shape[1]), np.arange(48)
    whole = covariance(kernel, AT, features, every, every)
    gain = whole[:, arm] @ np.linalg.inv(whole[np.ix_(arm, arm)] + kernel.noise**2 * np.eye(len(arm)))
    return y[0] + gain @ (y - y[0]), np.diag(whole - gain @ whole[arm])


@pytest.mark.parametrize("number", [1, 5, 90])
def test_row_by_row_equals_dense_conditioning(number):
    arm, y = outcomes(number)
    surface = GaussianProcess(AT, FEATURES)
    for one in zip(arm.tolist(), y.tolist(), strict=True):
        surface.update(*one)
    mean, variance = dense(arm, y, FEATURES)
    np.testing.assert_allclose(surface.predict().mean, mean, atol=1e-7)
    np.testing.assert_allclose(surface.predict().variance, variance, atol=1e-7)


@pytest.mark.parametrize("features", [0, 1, 3])
def test_gradient_of_the_evidence(features):
    arm, y = outcomes(40)
    prior, tried = kernel_hyperprior(3, features), ObservedArms.of(arm, y)
    at = prior.median + np.where(prior.width > 1e-6, 0.3, 0.0) * RNG.normal(size=len(prior.median))
    value = lambda x: surface_likelihood.objective(x, tried, AT, FEATURES[:, :features], prior)[0]
    found = surface_likelihood.objective(at, tried, AT, FEATURES[:, :features], prior)[1]
    free = prior.width > 1e-6
    np.testing.assert_allclose(found[free], approx_fprime(at, value, 1e-6)[free], rtol=2e-3, atol=2e-3)


def test_evidence_of_repeated_outcomes_equals_that_of_single_rows():
    """Differences between two settings, for constants are left out."""
    arm, y = outcomes(60)
    prior = kernel_hyperprior(3, 0)
    other = prior.median.copy()
    other[:6] += 0.4

    def whole(coordinates):
        kernel = kernel_at(coordinates, 3, 0)
        every = covariance(kernel, AT, np.zeros((48, 0)), arm, arm) + kernel.noise**2 * np.eye(60)
        away = (coordinates - prior.median) / prior.width
        return 0.5 * y @ np.linalg.solve(every, y) + 0.5 * np.linalg.slogdet(every)[1] + 0.5 * away @ away

    got = [
        surface_likelihood.objective(x, ObservedArms.of(arm, y), AT, np.zeros((48, 0)), prior)[0]
        for x in (prior.median, other)
    ]
    assert got[1] - got[0] == pytest.approx(whole(other) - whole(prior.median), rel=1e-6)


def test_the_likelihood_of_slices_is_that_of_the_gradient():
    arm, y = outcomes(60)
    prior, tried = kernel_hyperprior(3, 3), ObservedArms.of(arm, y)
    other = prior.median + 0.3 * (prior.width > 1e-6)
    away = ((other - prior.median) / prior.width) ** 2
    got = [surface_likelihood.likelihood(x, tried, AT, FEATURES) for x in (prior.median, other)]
    whole = [surface_likelihood.objective(x, tried, AT, FEATURES, prior)[0] for x in (prior.median, other)]
    assert got[1] - got[0] == pytest.approx(whole[0] - whole[1] + 0.5 * away.sum(), rel=1e-9)


def test_an_untried_arm_keeps_its_nugget():
    surface = GaussianProcess(AT)
    for arm, y in zip(*(part.tolist() for part in outcomes(150)), strict=True):
        if arm:
            surface.update(arm, y)
    surface.reestimate()
    nugget = kernel_at(surface.coordinates, 3, 0).nugget
    assert surface.predict().variance[0] >= nugget**2
    assert surface.predict().variance[1:].min() < surface.predict().variance[0]


def test_neighbours_are_foreseen_better_than_by_the_mean_of_all():
    arm, y = outcomes(24)
    surface = GaussianProcess(AT)
    surface.update_many(arm, y)
    surface.reestimate()
    truth, untried = np.sin(4 * GRID[0]) + GRID[1], np.setdiff1d(np.arange(48), arm)
    error = surface.predict().mean[untried] - truth[untried]
    assert (error**2).mean() < 0.3 * truth[untried].var()


def test_equal_outcomes_give_finite_beliefs():
    surface = GaussianProcess(AT)
    surface.update_many(np.arange(20), np.ones(20))
    surface.reestimate()
    assert np.isfinite(surface.predict().mean).all()
    assert (surface.predict().variance > 0).all()

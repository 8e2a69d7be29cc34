"""Several surfaces with drawn scales: how sure they are of untried arms is right."""

import numpy as np
import pytest

from poolwise.posterior.gp import surface_likelihood
from poolwise.posterior.gp.hyperparameter_samples import HyperparameterSamples, moment_match
from poolwise.posterior.gp.kernels import arm_coordinates, covariance
from poolwise.posterior.gp.surface import SurfacePredictive

GRID = [one.ravel() for one in np.meshgrid(np.linspace(0, 1, 8), np.linspace(0, 1, 6))]
AT = arm_coordinates(GRID)
NONE = np.zeros((48, 0))


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A surface of scales from the prior, and 16 outcomes of it."""
    prior = surface_likelihood.kernel_hyperprior(2, 0)
    kernel = surface_likelihood.kernel_at(prior.median + prior.width * rng.standard_normal(len(prior.width)), 2, 0)
    every = np.arange(48)
    truth = np.linalg.cholesky(covariance(kernel, AT, NONE, every, every)) @ rng.standard_normal(48)
    return truth, truth + kernel.noise * rng.standard_normal(48)


def test_untried_arms_of_surfaces_drawn_from_the_prior_are_foreseen_as_surely_as_they_are():
    scores = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth, y = drawn(rng)
        arms, several = rng.permutation(48), HyperparameterSamples(AT, rng)
        for arm in arms[:16].tolist():
            several.update(arm, float(y[arm]))
        for _ in range(4):
            several.reestimate()
        seen, untried = several.predict(), arms[16:]
        scores.append(np.mean((truth - seen.mean)[untried] ** 2 / seen.variance[untried]))
    error = np.std(scores) / np.sqrt(len(scores))
    assert abs(np.mean(scores) - 1) < 4 * error + 0.1


def test_the_mixture_has_the_moments_of_its_parts():
    first, second = (
        SurfacePredictive(np.array([m]), np.array([v]), n) for m, v, n in ((0.0, 1.0, 1.0), (2.0, 3.0, 2.0))
    )
    found = moment_match([first, second], np.array([0.25, 0.75]))
    assert found.mean[0] == pytest.approx(1.5)
    assert found.variance[0] == pytest.approx(0.25 * 1 + 0.75 * (3 + 4) - 1.5**2)
    assert found.noise**2 == pytest.approx(0.25 + 0.75 * 4)


def test_outcomes_in_other_units():
    """Retold and learned afresh is the same."""
    told, fresh = (HyperparameterSamples(AT, np.random.default_rng(0)) for _ in range(2))
    arm, y = [3, 9, 3, 40], np.array([1.0, 2.0, 1.5, -1.0])
    for one, value in zip(arm, y.tolist(), strict=True):
        told.update(one, value)
        fresh.update(one, 2 * value)
    told.rewarp(2 * y)
    for one in (told, fresh):
        one.reestimate()
    np.testing.assert_allclose(told.predict().mean, fresh.predict().mean)

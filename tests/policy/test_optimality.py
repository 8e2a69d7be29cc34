import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from poolwise.policy.optimality import best_probability, expected_best
from tests.policy import oracle


@pytest.mark.parametrize("seed", range(70))
def test_against_fine_quadrature(seed):
    mean, scale = oracle.case(seed, most=60)
    found = best_probability(mean, scale)
    np.testing.assert_allclose(found, oracle.best_probability(mean, scale), atol=1e-3)
    assert abs(found.sum() - 1) <= 1e-12


def test_against_draws():
    """One comparison of 8 frequencies, each within 4.5 standard errors: false alarm below 1e-4."""
    mean, scale, number = np.linspace(0, 0.7, 8), np.geomspace(0.01, 1, 8), 200_000
    draws = mean + scale * np.random.default_rng(5).normal(size=(number, 8))
    share = np.bincount(draws.argmax(axis=1), minlength=8) / number
    chances = best_probability(mean, scale)
    assert np.all(np.abs(share - chances) <= 4.5 * np.sqrt(chances * (1 - chances) / number) + 1e-5)


def test_two_arms_in_closed_form():
    for gap, first, second in [(0.0, 1.0, 1.0), (0.3, 0.1, 0.5), (-1.0, 1e-3, 1.0), (2.0, 5.0, 0.01)]:
        found = best_probability(np.array([gap, 0.0]), np.array([first, second]))
        np.testing.assert_allclose(found[0], ndtr(gap / np.hypot(first, second)), atol=1e-5)


def test_equal_arms_share_equally_however_many():
    for arms in (2, 24, 25, 2_000):
        np.testing.assert_allclose(best_probability(np.zeros(arms), np.ones(arms)), 1 / arms, rtol=1e-9)


def test_dropping_hopeless_arms_changes_nothing():
    """NumPy drops arms from 25 on; the same 24 with and without hopeless company must agree."""
    draws = np.random.default_rng(3)
    mean, scale = draws.normal(size=24), draws.uniform(0.1, 1.0, size=24)
    company = best_probability(np.append(mean, np.full(500, -40.0)), np.append(scale, np.ones(500)))
    np.testing.assert_allclose(company[:24], best_probability(mean, scale), atol=1e-12)


def test_the_expected_best_of_equal_arms():
    """E[max] of n standard normals: n = 2: 1 / sqrt(pi), n = 3: 1.5 / sqrt(pi); of one arm: its mean."""
    for arms, expected in [(1, 0.0), (2, 1 / np.sqrt(np.pi)), (3, 1.5 / np.sqrt(np.pi))]:
        np.testing.assert_allclose(expected_best(2.0 + np.zeros(arms), np.ones(arms)), 2 + expected, atol=1e-5)


def test_nothing_allowed_gives_nothing():
    np.testing.assert_array_equal(best_probability(np.zeros(3), np.ones(3), np.zeros(3, dtype=bool)), 0.0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-12, 6), st.booleans()), min_size=1, max_size=30),
)
def test_a_distribution_for_any_input(arms):
    mean, exponent, allowed = (np.array(column) for column in zip(*arms, strict=True))
    found = best_probability(mean, 10.0**exponent, allowed)
    assert np.all(found >= 0)
    assert np.all(found[~allowed] == 0)
    assert abs(found.sum() - allowed.any()) <= 1e-12


def test_gradient_is_that_of_the_oracle():
    """Central differences of the oracle, in means and in scales."""
    mean, scale, step = np.array([0.0, 0.2, -0.1, 0.4]), np.array([0.3, 0.1, 0.5, 0.05]), 1e-4
    with jax.enable_x64(True):
        by_mean, by_scale = jax.jacobian(best_probability, argnums=(0, 1))(jnp.asarray(mean), jnp.asarray(scale))
    for k, unit in enumerate(np.eye(4) * step):
        up, down = oracle.best_probability(mean + unit, scale), oracle.best_probability(mean - unit, scale)
        np.testing.assert_allclose(by_mean[:, k], (up - down) / (2 * step), atol=2e-3)
        up, down = oracle.best_probability(mean, scale + unit), oracle.best_probability(mean, scale - unit)
        np.testing.assert_allclose(by_scale[:, k], (up - down) / (2 * step), atol=2e-3)

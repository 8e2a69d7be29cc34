"""What other units say: scales of a new one are those of the others, each foreseen from the rest."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from poolwise.posterior.gp import gp_marginal_likelihood
from poolwise.posterior.gp.coregionalisation import SourceTasks, arm_features
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.replay.search.source_tasks import Observations, _statistics, source_tasks

GRID = [one.ravel() for one in np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 8))]
ARMS = len(GRID[0])
GROUND = arm_features(np.zeros(ARMS, int), {0: arm_coordinates(GRID)})._replace(warped=True)
BOWL = -3 * ((GRID[0] - 0.4) ** 2 + (GRID[1] - 0.7) ** 2)


def known(surfaces: list[np.ndarray]) -> Observations:
    """Every arm of every unit measured twice."""
    unit = np.repeat(np.arange(len(surfaces)), 2 * ARMS)
    arm = np.tile(np.arange(ARMS), 2 * len(surfaces))
    y = np.concatenate(surfaces)[unit * ARMS + arm] + 0.01 * np.random.default_rng(1).standard_normal(len(unit))
    return Observations(unit, arm, y)


def of(surfaces: list[np.ndarray]) -> SourceTasks:
    return source_tasks(GROUND, known(surfaces))


def bumps(amount: float) -> list[np.ndarray]:
    """Four units, each with bumps of its own."""
    return [BOWL + amount * np.sin(7 * GRID[0] + 2 * k) * np.cos(5 * GRID[1] + 3 * k) for k in range(4)]


def test_units_that_are_alike_promise_a_new_one_that_is():
    alike, apart = of(bumps(0.02)), of(bumps(1.0))
    assert np.corrcoef(alike.surface.mean(1), BOWL)[0, 1] > 0.97
    assert alike.surface.shape == (ARMS, 4)
    assert alike.median[0] < apart.median[0]


def test_what_the_others_leave_unexplained_is_known_no_better_than_they_are_alike():
    usual, found = gp_marginal_likelihood.hyperprior_with_sources(GROUND)[1], of(bumps(1.0)).width
    assert (found <= usual).all()
    # Lengths matter to all of them.
    assert (found[18:20] >= 0.3).all()


def test_a_single_other_unit_says_its_surface_and_nothing_of_scales():
    found = of([BOWL])
    assert found.surface.shape == (ARMS, 1)
    usual = gp_marginal_likelihood.hyperprior_with_sources(GROUND)
    np.testing.assert_array_equal(found.median[:-1], usual[0][:-1])


@pytest.mark.parametrize("units", [1, 3])
def test_units_of_a_single_outcome_say_little_and_break_nothing(units):
    found = source_tasks(GROUND, Observations(np.arange(units), np.full(units, 5), np.zeros(units)))
    assert all(np.isfinite(part).all() for part in found)
    assert np.ptp(found.surface) < 0.1


def test_gradient_of_the_evidence_with_sources():
    found = of(bumps(0.5)[:3])
    ground = GROUND._replace(sources=found)
    outcomes = known(bumps(0.5)[3:])
    data = gp_marginal_likelihood.observed_cells(_statistics(ARMS, Observations(*(x[:40] for x in outcomes)), 0))
    prior = HYPERPRIOR._replace(median=HYPERPRIOR.median._replace(noise=np.full(ARMS, 0.25)))
    at = found.median + 0.2 * np.random.default_rng(2).normal(size=len(found.median))
    value = lambda x: gp_marginal_likelihood.objective(x, data, prior, GROUND.family, ground)[0]
    exact = gp_marginal_likelihood.objective(at, data, prior, GROUND.family, ground)[1]
    np.testing.assert_allclose(exact, approx_fprime(at, value, 1e-6), rtol=5e-3, atol=5e-3)

"""Utilities are bent and told as they were: 0 and what is near the best stay, order is kept, the amount is found."""

import numpy as np
import pytest

from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.gp import gp_filter
from poolwise.posterior.gp.coregionalisation import arm_features
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.gp.output_warping import Warping, best_at, slope, unwarp, warp
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.posterior import Posterior
from tests.posterior.gp.test_coregionalisation import FIT, SHAPE, outcomes, served

Y = np.array([-9.0, -3.0, -0.01, 0.0, 0.7, 1.2])


@pytest.mark.parametrize("amount", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("best", [-0.5, 0.0, 0.7])
def test_there_and_back(amount, best):
    found = warp(Y, best, amount)
    back, factor = unwarp(found, best, amount)
    assert (np.diff(found) > 0).all()
    assert warp(0.0, best, amount) == pytest.approx(0.0)
    assert (factor >= 1 - 1e-12).all()
    near = best - 3 < Y if amount else np.inf > Y
    np.testing.assert_allclose(back[near], Y[near], atol=1e-9)


def test_slope_by_differences():
    found = (warp(Y + 1e-6, 0.3, 0.5) - warp(Y - 1e-6, 0.3, 0.5)) / 2e-6
    np.testing.assert_allclose(slope(Y, 0.3, 0.5), found, rtol=1e-5)


def test_a_belief_keeps_its_chance_to_exceed_the_best():
    best, amount, scale = 0.4, 0.6, 0.3
    away = np.linspace(-1.2, -0.1, 5)
    mean, factor = unwarp(away - warp(0.0, best, amount) + warp(best, best, amount), best, amount)
    np.testing.assert_allclose((mean - best) / (factor * scale), away / scale)


def test_the_best_of_what_is_not_known_is_the_average():
    warping = Warping(0.5, np.array([[1.0, np.nan], [2.0, 3.0]]))
    found = best_at(warping, np.array([0, 0, 1, -1, 5]), np.array([0, 1, 1, 0, 0]))
    np.testing.assert_allclose(found, [1.0, 2.0, 3.0, 2.0, 2.0])


def test_row_by_row_equals_at_once():
    rows, y = outcomes(40)
    assert FIT.smooth is not None
    fit = FIT._replace(smooth=FIT.smooth._replace(warping=Warping(0.5, np.full(SHAPE[:2], 0.8))))
    arm = np.arange(40) % 33  # deviations of a cell are bent as small ones are, so each is met once
    rows = [rows[0], rows[1] * 0 + np.arange(40) // 33, arm]
    whole = gp_filter.init(fit, SufficientStatistics.of(*rows, y, shape=SHAPE))
    one = gp_filter.init(fit, SufficientStatistics(*(np.zeros(SHAPE) for _ in range(3))))
    for row in zip(*(part.tolist() for part in (*rows, y)), strict=True):
        gp_filter.update(one, *row)
    for found, right in zip(served(one), served(whole), strict=True):
        np.testing.assert_allclose(found, right, atol=1e-9)


@pytest.mark.parametrize("truth", [0.05, 0.6])
def test_the_amount_that_makes_a_surface_smooth_is_found(truth):
    grid = [one.ravel() for one in np.meshgrid(np.linspace(0, 1, 10), np.linspace(0, 1, 6))]
    rng, family = np.random.default_rng(0), np.zeros(60, int)
    smooth = np.sin(4 * grid[0]) + (grid[1] - 0.5) ** 2
    value = 1.5 * (smooth - smooth.max()) / np.ptp(smooth)
    y = np.log1p(truth * value) / truth
    ground = arm_features(family, {0: arm_coordinates(grid)})._replace(warped=True)
    made = Posterior(init_hyperparameters(family, np.ones((60, 2)), ground=ground), -0.7)
    for arm in rng.permutation(60)[:40].tolist():
        made.update(0, 0, arm, float(y[arm] + 0.01 * rng.standard_normal()), True)
    made.reestimate()
    smooth_part = made.hyperparameters.gaussian.smooth
    assert smooth_part is not None
    assert abs(np.log(smooth_part.warping.amount / truth)) < 1.0

"""How much utilities are bent: the amount that a smooth surface was bent by is found."""

import numpy as np
import pytest

from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.gp.output_warping import WARPS, OutputWarping, warp

GRID = [one.ravel() for one in np.meshgrid(np.linspace(0, 1, 10), np.linspace(0, 1, 6))]


def test_order_and_differences_near_the_best_are_kept():
    y = np.array([-12.0, -3.0, -0.01, 0.0])
    found = warp(y, 0.0, 0.5)
    assert (np.diff(found) > 0).all()
    assert found[2:] == pytest.approx(y[2:], abs=1e-4)
    assert found[0] > -2
    assert warp(y, 0.0, WARPS[0]) == pytest.approx(y, rel=0.12)


@pytest.mark.parametrize("truth", [0.02, 0.5, 2.0])
def test_the_bend_that_makes_a_surface_smooth_is_found(truth):
    rng, scale = np.random.default_rng(0), 3.0 if truth < 0.1 else 0.9 / truth
    smooth = np.sin(4 * GRID[0]) + (GRID[1] - 0.5) ** 2
    value = scale * (smooth - smooth.max()) / np.ptp(smooth)
    y = np.log1p(truth * value) / truth if truth > 0.1 else value
    arm = rng.permutation(len(y))[:40]
    bending = OutputWarping(arm_coordinates(GRID))
    assert bending.best(arm, y[arm] + 0.01 * rng.standard_normal(40)) == truth


def test_one_outcome_decides_nothing():
    assert OutputWarping(arm_coordinates(GRID)).best(np.array([3]), np.array([-1.0])) == 0.5

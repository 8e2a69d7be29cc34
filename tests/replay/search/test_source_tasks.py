"""What other units say: scales of a new one are those of the others, each foreseen from the rest."""

import numpy as np
import pytest

from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.gp.surface_likelihood import kernel_hyperprior
from poolwise.replay.search.source_tasks import Observations, SourceTasks, source_tasks_of

GRID = [one.ravel() for one in np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 8))]
ARMS = len(GRID[0])
AT = arm_coordinates(GRID)
BOWL = -3 * ((GRID[0] - 0.4) ** 2 + (GRID[1] - 0.7) ** 2)


def of(surfaces: list[np.ndarray]) -> SourceTasks:
    """Every arm of every unit measured twice, so that scales are estimated from a part."""
    unit = np.repeat(np.arange(len(surfaces)), 2 * ARMS)
    arm = np.tile(np.arange(ARMS), 2 * len(surfaces))
    rng = np.random.default_rng(1)
    y = np.concatenate(surfaces)[unit * ARMS + arm] + 0.01 * rng.standard_normal(len(unit))
    return source_tasks_of(AT, Observations(unit, arm, y), rng)


def bumps(amount: float) -> list[np.ndarray]:
    """Four units, each with bumps of its own."""
    return [BOWL + amount * np.sin(7 * GRID[0] + 2 * k) * np.cos(5 * GRID[1] + 3 * k) for k in range(4)]


def test_units_that_are_alike_promise_a_new_one_that_is():
    alike, apart = of(bumps(0.02)), of(bumps(1.0))
    assert np.corrcoef(alike.offset, BOWL)[0, 1] > 0.97
    assert alike.features.shape == (ARMS, 5)
    assert alike.prior.median[0] < apart.prior.median[0]


def test_what_the_others_leave_unexplained_is_known_no_better_than_they_are_alike():
    prior, found = kernel_hyperprior(2, 5), of(bumps(1.0)).prior
    assert (found.width <= prior.width).all()
    # Lengths matter to all of them.
    assert (found.width[1:3] >= 0.3).all()


def test_a_single_other_unit_tells_its_own_scales():
    found = of([BOWL])
    assert found.features.shape == (ARMS, 2)
    assert found.features[:, 1] == pytest.approx(0)
    assert np.isfinite(found.prior.median).all()


@pytest.mark.parametrize("units", [1, 3])
def test_units_of_a_single_outcome_say_little_and_break_nothing(units):
    found = source_tasks_of(
        AT, Observations(np.arange(units), np.full(units, 5), np.zeros(units)), np.random.default_rng(0)
    )
    assert all(np.isfinite(part).all() for part in (found.features, found.offset, *found.prior))
    assert np.ptp(found.offset) < 0.1

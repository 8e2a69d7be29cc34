"""How long projects go on: the broad law where nothing is known, the common length where there is one."""

import jax
import numpy as np
import pytest

from poolwise.policy.constraints.lifetimes import EDGES, band_of, law, remaining, survival, within
from poolwise.policy.constraints.lives import Lives

MADE = [0.0, 1.0, 7.0, 60.0, 99.0, 250.0, 1e5]


def lived(lengths, *, rounds=1):
    """Projects one after another, so many times."""
    lives = Lives()
    for _ in range(rounds):
        for project, length in enumerate(lengths):
            for _ in range(length):
                lives.decided(project)
    return lives


def table(lives):
    rows = np.array(lives.saved(), float)[:, 1:]
    return survival(rows, np.float64(lives.total))


@pytest.mark.parametrize("made", MADE)
def test_where_nothing_is_known_the_broad_law_stands(made):
    found = survival(np.zeros((1, 3)), np.float64(0.0))
    whole = max(made, 1.0)  # who asks has at least one decision
    assert remaining(found, np.float64(made)) == pytest.approx(law(whole) + whole - made, rel=0.1)


@pytest.mark.parametrize("length", [12, 100, 700])
def test_a_common_length_is_found(length):
    lives = lived([length] * 40)
    lives.decided(99)
    assert lives.remaining(99) == pytest.approx(length, rel=0.25)
    for _ in range(3 * length // 4):
        lives.decided(99)
    assert lives.remaining(99) < length / 2


@pytest.mark.parametrize("made", MADE)
def test_expected_is_the_area_under_the_curve(made):
    found = table(lived([5, 30, 30, 80, 200]))
    start = max(made, 1.0)
    grid = np.unique(np.append(EDGES[start < EDGES], start))
    curve = np.interp(grid, EDGES, found.share)
    area = np.trapezoid(curve, grid) + found.share[-1] * law(EDGES[-1])
    assert remaining(found, np.float64(made)) == pytest.approx(area / curve[0] + start - made)


@pytest.mark.parametrize("made", MADE)
def test_bounds_are_quantiles_of_the_curve(made):
    found = table(lived([5, 30, 30, 80, 200]))
    low, high = within(found, made, np.array([0.1, 0.9])) + made
    curve = np.interp([max(made, 1.0), low, high], EDGES, found.share)
    np.testing.assert_allclose(curve[1:], curve[0] * np.array([0.9, 0.1]), rtol=1e-9)


def test_projects_that_come_back_have_not_ended():
    """Ten projects of 100 decisions a night, again and again, are no projects of 100 decisions."""
    once, often = lived([100] * 10), lived([100] * 10, rounds=3)
    assert often.remaining(0) > 2 * lived([300] * 10).remaining(0) > 0
    assert once.within(11, np.array([0.5]))[0] < often.within(11, np.array([0.5]))[0]


def test_a_compiled_loop_has_the_same_bands():
    made = np.arange(1.0, 5_000.0)
    with jax.enable_x64():
        np.testing.assert_array_equal(jax.jit(band_of)(made), band_of(made))

"""The serving state: outcome by outcome it stays what the batch posterior would be."""

import numpy as np
import pytest

from poolwise.posterior import gaussian, online
from poolwise.posterior.gaussian import Statistics
from tests.posterior.test_gaussian import SHAPE, data, fit_of, hyper


@pytest.mark.parametrize("families", [0, 2])
@pytest.mark.parametrize("first", [0, 30])
def test_one_by_one_equals_the_batch(families, first):
    truth = hyper(1, families > 0)
    fit = fit_of(truth, families)
    rows, y = data(1, 80)
    state = online.start(fit, Statistics.of(*(row[:first] for row in rows), y[:first], shape=SHAPE))
    for i in range(first, 80):
        online.absorb(state, *(int(row[i]) for row in rows), y[i])
    batch = gaussian.beliefs(fit, Statistics.of(*rows, y, shape=SHAPE))
    for p, c in np.ndindex(*SHAPE[:2]):
        belief = online.query(state, p, c)
        np.testing.assert_allclose(belief.mean, batch.mean[p, c], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(belief.scale, batch.scale[p, c], rtol=1e-8)


def test_what_is_shared_is_the_belief_about_a_cell_never_seen_without_its_own_effects():
    """In a project or context without data, theta = shared part + fresh effects: their variances must add up."""
    truth = hyper(2, families=False)
    fit = fit_of(truth, 0)
    rows, y = data(2)
    state = online.start(fit, Statistics.of(*rows, y, shape=SHAPE))
    new_project = SHAPE[0] - 1
    shared = online.look(state, 0, 1)
    seen_context = online.query(state, new_project, 1)
    fresh = truth.globe.project**2 + truth.arm.project**2 + truth.arm.cell**2
    np.testing.assert_allclose(seen_context.mean, shared.mean[2], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(seen_context.scale**2, shared.scale[2] ** 2 + fresh, rtol=1e-8)


def test_an_outcome_moves_what_is_shared_by_the_stated_share_of_what_it_moves_here():
    for families, cell in ((True, 0.2), (False, 0.0), (False, 0.2)):
        truth = hyper(5, families=families)
        truth = truth._replace(arm=truth.arm._replace(cell=cell))
        rows, y = data(5)
        state = online.start(fit_of(truth, 2 if families else 0), Statistics.of(*rows, y, shape=SHAPE))
        for place in ((0, 1), (1, 2), (SHAPE[0] - 1, 0)):
            before = online.look(state, *place)
            online.absorb(state, *place, 1, before.mean[0, 1] + 2.0)
            moved = online.look(state, *place).mean[:, 1] - before.mean[:, 1]
            np.testing.assert_allclose(moved[1:] / moved[0], before.share[:, 1], rtol=1e-6)


def test_room_to_grow_changes_nothing():
    truth = hyper(3)
    rows, y = data(3)
    tight = online.start(fit_of(truth, 2), Statistics.of(*rows, y, shape=SHAPE))
    roomy = online.start(fit_of(truth, 2), Statistics.of(*rows, y, shape=(9, 8, SHAPE[2])))
    for part, other in zip(online.query(tight, 1, 2), online.query(roomy, 1, 2), strict=True):
        np.testing.assert_allclose(part, other, rtol=1e-10)


def test_a_hundred_thousand_updates_stay_exact():
    truth = hyper(4)
    random = np.random.default_rng(4)
    state = online.start(fit_of(truth, 2), Statistics.of([], [], [], [], shape=SHAPE))
    rows = [random.integers(0, size, 100_000) for size in SHAPE]
    y = random.normal(0, 1, 100_000)
    for p, c, a, value in zip(*rows, y, strict=True):
        online.absorb(state, p, c, a, value)
    batch = gaussian.beliefs(fit_of(truth, 2), Statistics.of(*rows, y, shape=SHAPE))
    belief = online.query(state, 1, 1)
    np.testing.assert_allclose(belief.mean, batch.mean[1, 1], rtol=1e-7)
    np.testing.assert_allclose(belief.scale, batch.scale[1, 1], rtol=1e-7)

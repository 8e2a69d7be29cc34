"""Large systems: exact when pooled, conjugate in between, and chosen by size alone."""

import numpy as np
import pytest

from poolwise.posterior import posterior
from poolwise.posterior.crossed import batch, collapsed
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.hyperparameters.gaussian import layout
from poolwise.posterior.recursive import effects
from tests.posterior.crossed.test_batch import fit_of, scales

SIDES = [(7, 3, 5), (3, 7, 5)]


def pooled(shape, seed=1):
    """Effects of the longer side are (all but) the arm's own: there it is exact."""
    long = "project" if shape[0] > shape[1] else "context"
    truth = scales(seed, families=False)
    truth = truth._replace(spread=np.zeros(0), globe=truth.globe._replace(**{long: 1e-6}))
    fit = fit_of(truth, 0)
    random = np.random.default_rng(seed)
    rows = [random.integers(0, size, 90) for size in shape]
    stats = SufficientStatistics.of(*rows, random.normal(0.2, 0.6, 90), shape=shape)
    return fit, stats, collapsed.init(fit, stats)


@pytest.mark.parametrize("shape", SIDES)
def test_after_pooling_it_is_the_exact_belief(shape):
    fit, stats, state = pooled(shape)
    exact, form = batch.marginals(fit, stats), layout(shape, 0)
    tiers = effects.init(batch.cells(stats), fit.scales, fit.family, 0)
    for p, c in np.ndindex(*shape[:2]):
        found = collapsed.predict(state, p, c)
        np.testing.assert_allclose(found.mean[0], exact.mean[p, c], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(found.variance[0] ** 0.5, exact.scale[p, c], rtol=1e-8)
        mean, variance, _ = effects.predict(tiers, form, None, shape[2], 0, form.at(p, c))
        np.testing.assert_allclose(found.mean[1:], mean[1:3], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(found.variance[1:], variance[1:3], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("shape", SIDES)
def test_an_outcome_updates_its_own_cell_exactly(shape):
    fit, stats, state = pooled(shape)
    collapsed.update(state, 1, 2, 3, 0.9)
    more = SufficientStatistics(*(part.copy() for part in stats))
    for part, value in zip(more, (1.0, 0.9, 0.81), strict=True):
        part[1, 2, 3] += value
    exact, here = batch.marginals(fit, more), collapsed.predict(state, 1, 2)
    np.testing.assert_allclose(here.mean[0, 3], exact.mean[1, 2, 3], rtol=1e-8)
    np.testing.assert_allclose(here.variance[0, 3] ** 0.5, exact.scale[1, 2, 3], rtol=1e-8)
    count, mean, deviation = state.cells
    again = collapsed.init(fit, SufficientStatistics(count, count * mean, deviation + count * mean**2))
    np.testing.assert_allclose(again.mean, exact.mean, rtol=1e-8, atol=1e-9)


def test_others_hear_of_it_from_time_to_time():
    _, _, state = pooled(SIDES[0])
    for _ in range(collapsed._FEW - 1):
        collapsed.update(state, 0, 0, 0, 0.1)
    assert not collapsed.needs_refactor(state)
    collapsed.update(state, 0, 0, 0, 0.1)
    assert collapsed.needs_refactor(state)


def test_the_sides_may_be_exchanged():
    """Projects and contexts play the same part, but for the medians of their scales, which many outcomes outweigh."""
    random = np.random.default_rng(5)
    rows, shape = [random.integers(0, size, 4_000) for size in (8, 4, 5)], (8, 4, 5)
    y = random.normal(0, 0.5, shape)[tuple(rows)] + random.normal(0, 0.2, 4_000)
    stats = SufficientStatistics.of(*rows, y, shape=shape)
    found, swapped = (
        collapsed.fit(stats),
        collapsed.fit(SufficientStatistics(*(np.swapaxes(part, 0, 1) for part in stats))),
    )
    np.testing.assert_allclose(found.scales.arm.cell, swapped.scales.arm.cell, rtol=0.2)
    np.testing.assert_allclose(found.scales.noise, swapped.scales.noise, rtol=0.01)


def test_a_system_moves_to_it_when_it_outgrows_the_exact_state(monkeypatch):
    scales = init_hyperparameters(np.array([0, 0, 1]), np.ones((3, 2)))
    belief, random = posterior.Posterior(scales, -1.0), np.random.default_rng(3)
    for _ in range(40):
        belief.update(*random.integers(0, 3, 3).tolist(), random.normal(), True)
    before = belief.predict(1, 1)
    monkeypatch.setattr(collapsed, "_LARGEST", 1.0)
    belief.make_room(9, 9)
    after = belief.predict(1, 1)
    assert isinstance(belief._serving.form.state(0), collapsed.State)
    assert before.count.tolist() == after.count.tolist()
    np.testing.assert_allclose(after.mean, before.mean, atol=0.25)
    assert np.isfinite(belief.reestimate().log_evidence)


def test_what_cells_have_to_themselves_is_kept():
    """Fitted in three tiers, served in one: a cell never seen is as uncertain as the seen ones are spread."""
    random, shape = np.random.default_rng(6), (60, 9, 4)
    rows = np.indices(shape).reshape(3, -1).repeat(4, axis=1)
    y = random.normal(0, 0.6, shape)[tuple(rows)] + random.normal(0, 0.1, rows.shape[1])
    found = collapsed.fit(SufficientStatistics.of(*rows, y, shape=shape))
    # 2,160 cells: five standard errors of a standard deviation, and the noise of their means.
    assert found.scales.arm.cell == pytest.approx(0.6, rel=5 / np.sqrt(2 * 2_160))
    assert found.scales.family.cell == 0

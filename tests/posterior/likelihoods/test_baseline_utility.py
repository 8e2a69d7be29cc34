"""The baseline apart: what it is worth rests on its own outcomes, and no other arm learns from it."""

import numpy as np
import pytest

from poolwise.posterior.crossed.job_effects import StatisticsDelta, contrasts
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.likelihoods import baseline_utility
from poolwise.posterior.observation_model import ObservationModel
from poolwise.posterior.posterior import Posterior

SURE = np.tile((1e6, 1e-3), (3, 1))


def belief(baseline=0, **options):
    return Posterior(
        init_hyperparameters(np.arange(3), SURE),
        -1.0,
        projects=2,
        contexts=2,
        options=ObservationModel(**options),
        baseline=baseline,
    )


def told(posterior, y, arm=0, ok=True, cut=False, place=(0, 0)):
    for one in np.atleast_1d(y):
        posterior.update(*place, arm, float(one), ok, cut)
    return posterior


def test_before_any_outcome_it_is_worth_nothing():
    look = belief().predict(1, 1)
    assert look.mean[0] == 0
    assert look.scale[0] == pytest.approx(0.05)
    assert (look.wider_mean[:, 0] == 0).all()
    assert (look.wider_share[:, 0] == 0).all()


def test_a_cell_is_what_a_normal_prior_and_its_own_outcomes_say():
    """With scale and noise estimated as documented, written out."""
    here, there = np.array([0.1, -0.2, 0.3]), np.array([0.05])
    posterior = told(told(belief(outliers=None), here), there, place=(1, 0))
    noise = (4 * 0.25**2 + here.var() * 3) / (4 + 2)
    over = here.mean() ** 2 * 3 + there.mean() ** 2 - 2 * noise
    variance = (4 * 0.05**2 + max(over, 0.0)) / (4 + 4)
    precision = 1 / variance + 3 / noise
    look = posterior.predict(0, 0)
    assert look.mean[0] == pytest.approx(here.sum() / noise / precision)
    assert look.scale[0] == pytest.approx(precision**-0.5)
    assert look.noise[0] == pytest.approx(noise**0.5)


def test_no_other_arm_learns_from_it_and_the_scales_do_not():
    posterior, other = told(told(belief(), 0.4, arm=1), [0.0] * 30), told(belief(), 0.4, arm=1)
    for one in (posterior, other):
        one.reestimate()
    for mine, theirs in zip(posterior.predict(0, 0)[:3], other.predict(0, 0)[:3], strict=True):
        np.testing.assert_allclose(mine[1:], theirs[1:])
    assert posterior.statistics().count[..., 0].sum() == 0
    assert posterior.predict(0, 0).count[0] == 30


def test_what_it_is_worth_elsewhere_is_believed_after_some_outcomes():
    """The cost that utilities compare with was measured on another machine: the baseline itself is at -0.5."""
    random = np.random.default_rng(0)
    assert told(belief(), random.normal(-0.5, 0.1, 20)).predict(0, 0).mean[0] == pytest.approx(-0.5, abs=0.1)


def test_in_bulk_is_one_by_one():
    random, count = np.random.default_rng(1), 150
    at = [random.integers(0, 2, count), random.integers(0, 2, count), random.integers(0, 3, count)]
    y, ok = random.standard_t(2, count) * 0.3, random.random(count) < 0.8
    cut = ok & (random.random(count) < 0.1) & (at[2] == 0)
    single, bulk = belief(), belief()
    for row in zip(*(part.tolist() for part in (*at, y, ok, cut)), strict=True):
        single.update(*row)
    bulk.update_many(*at, y, ok, cut)
    for one, many in zip(single.predict(0, 1), bulk.predict(0, 1), strict=True):
        np.testing.assert_allclose(one[..., 0], many[..., 0], rtol=1e-9, atol=1e-12)


def test_a_failure_counts_what_it_is_worth_until_it_is_taken_back():
    before = told(belief(), [0.0] * 3).predict(0, 0)
    posterior = told(told(belief(), [0.0] * 3), -1.0, ok=False)
    assert posterior.predict(0, 0).mean[0] < -0.02
    posterior.remove_failure(0, 0, 0, -1.0)
    np.testing.assert_allclose(posterior.predict(0, 0).mean, before.mean, atol=1e-12)


def test_an_outcome_cut_off_above_0_tells_nothing():
    assert told(belief(), 1.5, cut=True).predict(0, 0).mean[0] == 0
    assert told(belief(), -0.5, cut=True).predict(0, 0).mean[0] < 0


def test_what_is_faded_is_forgotten():
    posterior = told(belief(), [-0.5] * 10)
    posterior.discount_cell(0, 0, np.array([0.0, 1.0, 1.0]))
    assert posterior.predict(0, 0).mean[0] == 0


def test_levelled_jobs_say_nothing_of_it():
    posterior, sums = belief(), {(0, 0, arm): np.array([1.0, y, y * y]) for arm, y in ((0, -12.0), (1, -11.5))}
    said = contrasts(sums, lambda project, context: np.zeros(3))
    posterior.add_statistics(StatisticsDelta(*np.array(list(said)).T, *np.array(list(said.values())).T))
    assert posterior.mean_given_success(0, 0)[0] == 0
    assert posterior.mean_given_success(0, 0)[1] > 0.05


def test_room_for_more_changes_nothing():
    posterior = told(belief(), [-0.1] * 5)
    before = posterior.predict(0, 0).mean.copy()
    posterior.predict(30, 30)
    np.testing.assert_allclose(posterior.predict(0, 0).mean, before)


def test_scales_can_be_estimated_from_a_baseline_alone():
    posterior = told(belief(), [0.0] * 12)
    assert np.isfinite(posterior.reestimate().log_evidence)
    assert posterior.predict(0, 0).scale[0] < baseline_utility._SCALE**0.5

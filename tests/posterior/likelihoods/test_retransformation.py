"""Expected savings from log ratios: the mean of what was saved, whatever its distribution, and little from little."""

import numpy as np
import pytest

from poolwise.posterior.likelihoods import retransformation as r
from poolwise.posterior.likelihoods.savings import Savings
from poolwise.posterior.recursive.types import Predictive

FAMILY = np.array([0, 1, 1])


def pairs_of(ratio, saving, context=0, arm=1, contexts=1):
    pairs = r.empty(contexts, len(FAMILY))
    for y, s in zip(ratio, saving, strict=True):
        r.add(pairs, context, arm, y, s)
    return pairs


def belief(mean, scale=0.1):
    arms, flat = len(FAMILY), np.full(len(FAMILY), float(scale))
    wide = np.tile(flat, (3, 1))
    mean = np.broadcast_to(np.asarray(mean, float), (arms,))
    return Predictive(mean, flat, flat, np.zeros(arms), np.tile(mean, (3, 1)), wide, np.full((3, arms), 0.5))


def heavy(number, seed=0):
    """Twice as fast, or 40 times as slow on one job in twenty: saves 0.5 or loses 39."""
    ratio = np.where(np.random.default_rng(seed).random(number) < 0.05, -np.log(40.0), np.log(2.0))
    return ratio, -np.expm1(-ratio)


@pytest.mark.parametrize("number", [400, 4_000])
def test_the_expectation_is_the_mean_of_what_was_saved(number):
    ratio, saving = heavy(number)
    known = r.remainder(pairs_of(ratio, saving), FAMILY, 1.0)
    found = r.converted(belief(ratio.mean()), known, 0, 0, 1.0)
    assert found.mean[1] == pytest.approx(saving.mean(), abs=0.15 * abs(saving.mean()) + 40 / number)


def test_small_differences_are_what_log_ratios_say_before_any_outcome():
    found = r.converted(belief([0.0, 0.1, -0.1]), r.remainder(r.empty(1, 3), FAMILY, 7.0), 0, 0, 7.0)
    np.testing.assert_allclose(found.mean, [0.0, 0.1, -0.1])
    assert (found.scale[1:] > 0.1).all()
    assert found.scale[0] == pytest.approx(0.1)


def test_one_dear_outcome_condemns_no_arm():
    known = r.remainder(pairs_of([-3.0], [-20.0]), FAMILY, 1.0)
    assert abs(known.arm_mean[1]) < 2 * known.arm_variance[1] ** 0.5


def test_arms_of_a_family_tell_of_each_other_and_unit_does_not_matter():
    ratio, saving = heavy(200)
    one, many = (r.remainder(pairs_of(ratio, unit * saving), FAMILY, unit) for unit in (1.0, 1000.0))
    assert one.arm_mean[1] < one.arm_mean[2] < 0 == one.arm_mean[0]
    np.testing.assert_allclose(1000 * one.arm_mean, many.arm_mean)
    np.testing.assert_allclose(1e6 * one.variance, many.variance)


def test_contexts_differ_only_where_it_is_no_chance():
    rng = np.random.default_rng(1)
    alike, unlike = r.empty(2, 3), r.empty(2, 3)
    for context in (0, 1):
        for noise in rng.normal(size=200):
            r.add(alike, context, 1, 0.0, noise)
            r.add(unlike, context, 1, 0.0, noise + 5 * context)
    same, apart = (r.remainder(one, FAMILY, 1.0).mean[:, 1] for one in (alike, unlike))
    assert same[0] == same[1]
    assert apart[1] - apart[0] == pytest.approx(5.0, abs=0.5)


def test_savings_go_on_from_what_was_saved():
    one, other = Savings(FAMILY, 0, 5.0), Savings(FAMILY, 0, 5.0)
    for k, (y, s) in enumerate(zip(*heavy(60), strict=True)):
        one.add(k % 2, k % 3, 1 + k % 2, y, s, 1.0 + k % 2)
    other.resume(*one.saved())
    for cell in ((0, 0), (1, 2), (5, 9)):
        assert one.usual(*cell) == other.usual(*cell)
        for a, b in zip(one.convert(belief(0.1), *cell), other.convert(belief(0.1), *cell), strict=True):
            np.testing.assert_array_equal(a, b)


def test_what_a_job_usually_costs_is_that_of_its_cell_its_project_and_all():
    found = Savings(FAMILY, 0, 5.0)
    assert found.usual(0, 0) == 1.0
    for _ in range(400):
        found.add(0, 0, 0, 0.0, 0.0, 10.0)
        found.add(0, 1, 0, 0.0, 0.0, 1000.0)
    assert found.usual(0, 0) == pytest.approx(10, rel=0.6)
    assert found.usual(0, 1) == pytest.approx(1000, rel=0.02)
    assert found.usual(0, 7) == found.usual(3, 7) == pytest.approx(505, rel=1e-6)

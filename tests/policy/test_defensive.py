"""The floor that lets a log judge other policies: what it guarantees, what it never touches, how it fades."""

import numpy as np
import pytest

from poolwise import policy
from poolwise.policy.wrappers.defensive import FAVOURITE, PLAUSIBLE, UNIFORM, UPPER, left_to_floor

from .views import CONTEXT, VIEWS, view

SPEC = "defensive(knowledge_gradient)"


def chances(spec, seen, **params):
    made = policy.parse(spec, params)
    return made.probabilities(made.params, seen)


def by_hand(seen, floor):
    """The formula, one arm at a time."""
    arms = np.flatnonzero(seen.allowed)
    best = max(arms, key=lambda a: seen.mean[a])
    upper = max(arms, key=lambda a: seen.mean[a] + seen.scale[a])
    spread = max(seen.noise[a] + seen.scale[a] for a in arms)
    rng = np.random.default_rng(1)
    draws = rng.normal(seen.mean, seen.scale, size=(200_000, len(seen.mean)))
    better = {a: 1.0 if a == best else float((draws[:, a] > draws[:, best]).mean()) for a in arms}
    found = np.zeros(len(seen.mean))
    for a in arms:
        asked = PLAUSIBLE * better[a] / sum(better.values()) + FAVOURITE * (a == best)
        asked += UPPER * (a == upper) + UNIFORM / len(arms)
        found[a] = floor * asked / np.sqrt(1 + (seen.mean[best] - seen.mean[a]) / (0.05 * spread))
    return found


@pytest.mark.parametrize("mask", ["all", "some", "no baseline"])
def test_the_floor_is_its_formula(mask):
    """Pairwise chances from 200,000 draws, within five standard errors: a false alarm once in 10^5."""
    seen = VIEWS[f"usual means, usual scales, {mask}"]
    least = by_hand(seen, 0.1)
    plain = chances("knowledge_gradient", seen)
    expected = (1 - least.sum()) * plain + least
    np.testing.assert_allclose(chances(SPEC, seen, floor=0.1), expected, atol=0.1 * 5 * 0.5 / np.sqrt(200_000))


@pytest.mark.parametrize("name", VIEWS)
def test_every_open_arm_and_no_other_can_be_chosen(name):
    seen = VIEWS[name]
    found = chances("defensive(greedy)", seen)
    np.testing.assert_array_equal(found > 0, seen.allowed)


def test_layers_outside_bound_it():
    seen = view([0.0, -3.0, 0.4], [0.01, 0.1, 0.05])
    assert chances(SPEC, seen)[1] > 0
    assert chances(f"safe({SPEC})", seen)[1] == 0
    assert chances(f"budgeted({SPEC})", seen, budget=0.1)[0] >= 0.9 - 1e-12


def test_without_a_floor_it_is_the_policy_inside():
    seen = VIEWS["usual means, usual scales, all"]
    np.testing.assert_array_equal(chances(SPEC, seen, floor=0.0), chances("knowledge_gradient", seen))


@pytest.mark.parametrize(("made", "expected"), [(0.0, 0.04), (2000.0, 0.04), (4000.0, 0.02), (2e6, 4e-5)])
def test_it_fades_as_decisions_of_the_project(made, expected):
    params = policy.parse(SPEC, {"floor": 0.04}).params
    seen = VIEWS["usual means, usual scales, all"]._replace(context=CONTEXT._replace(project_decisions=made))
    assert left_to_floor(params, seen) == pytest.approx(expected)
    at, first = chances(SPEC, seen, floor=0.04), chances(SPEC, VIEWS["usual means, usual scales, all"], floor=0.04)
    plain = chances("knowledge_gradient", seen)
    np.testing.assert_allclose(at - plain, (first - plain) * expected / 0.04, atol=1e-15)


def test_many_alike_arms_cost_no_more_than_the_floor():
    """Three hundred configurations that nothing is known of: the mass off the policy is the floor's, whatever their
    number."""
    seen = view(np.r_[0.0, np.full(300, -0.2)], np.r_[0.01, np.full(300, 0.2)])
    moved = 0.5 * np.abs(chances("defensive(greedy)", seen, floor=0.04) - chances("greedy", seen)).sum()
    assert 0.005 < moved < 0.04


def test_weights_of_what_a_log_should_judge_are_bounded():
    """No importance weight of the favourite or the highest bound exceeds what the floor promises, sqrt(1 + gap / unit)
    over its part."""
    for name, seen in VIEWS.items():
        found, spread = chances(SPEC, seen, floor=0.05), ((seen.noise + seen.scale) * seen.allowed).max()
        gap = np.where(seen.allowed, seen.mean, -np.inf).max() - seen.mean
        weight = chances("ucb", seen)[seen.allowed] / found[seen.allowed]
        limit = np.sqrt(1 + gap[seen.allowed] / (0.05 * spread)) / (0.05 * UPPER)
        assert (weight <= limit * (1 + 1e-9)).all(), name

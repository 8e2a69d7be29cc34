"""What each wrapper and rule promises beyond the laws."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import norm

from poolwise import policy as policies
from poolwise.errors import ConfigError, InputError
from poolwise.policy import explain
from poolwise.policy.rules.knowledge_gradient import knowledge

from .views import CONTEXT, view

ARMS = view([0.0, 0.1, -0.4, 0.3], [0.02, 0.1, 0.3, 0.5])


def chances(spec, seen, **params):
    policy = policies.parse(spec, params)
    return policy.probabilities(policy.params, seen)


def distance(p, q):
    return 0.5 * np.abs(p - q).sum()


def test_a_family_of_many_equal_arms_holds_no_lottery_tickets():
    family = np.append(np.zeros(300, dtype=int), 1)
    for spec in ("macro_micro(thompson)", "macro_micro(knowledge_gradient)", "farsighted(macro_micro(thompson))"):
        found = chances(spec, view(np.zeros(301), 1.0, family=family))
        np.testing.assert_allclose(found[300], 0.5, atol=1e-9)
        np.testing.assert_allclose(found[:300], 1 / 600, atol=1e-9)


def test_macro_times_micro():
    """Two families of two: by hand, with greedy inside and out, the better family's better arm gets everything."""
    found = chances("macro_micro(greedy)", view([0.0, 0.5, 0.4, 0.1], 0.1, family=[0, 0, 1, 1]))
    np.testing.assert_array_equal(found, [0, 1, 0, 0])


def test_a_family_without_an_allowed_arm_gets_nothing():
    seen = view([0.0, 0.5, 0.4, 0.1], 0.1, [True, True, False, False], family=[0, 0, 1, 1])
    assert chances("macro_micro(thompson)", seen)[:2].sum() == 1.0


def test_a_traced_family_is_refused():
    import jax

    with pytest.raises(InputError, match="close over it"):
        jax.jit(lambda seen: chances("macro_micro(uniform)", seen))(view([0.0, 0.1, 0.2], 0.1, family=[0, 0, 1]))


def test_floor_reaches_every_allowed_arm_and_no_other():
    found = chances("floored(greedy)", ARMS._replace(allowed=np.array([True, True, False, True])), minimum=0.05)
    np.testing.assert_allclose(found, [0.05, 0.05, 0.0, 0.9])


def test_floor_never_asks_for_more_than_there_is():
    np.testing.assert_allclose(chances("floored(greedy)", ARMS, minimum=0.9), 0.25)


def test_safe_keeps_the_baseline_and_what_is_very_likely_harmless():
    assert list(chances("safe(uniform)", ARMS, delta=0.1) > 0) == [True, True, False, False]
    assert list(chances("safe(uniform)", ARMS, delta=0.3) > 0) == [True, True, False, True]


def test_without_baseline_and_eligible_arms_the_least_risky_remains():
    seen = ARMS._replace(allowed=np.array([False, False, True, True]))
    np.testing.assert_array_equal(chances("safe(uniform)", seen, delta=0.01), [0, 0, 0, 1])


def test_the_soft_gate_tends_to_the_cut():
    gated = chances("gated(uniform)", ARMS, gate_delta=0.1, softness=1e-6)
    np.testing.assert_allclose(gated, [0.75, 0.25, 0.0, 0.0], atol=1e-9)


def test_a_budget_pays_for_ineligible_arms():
    found = chances("paid(uniform)", ARMS, delta=0.1, spend=0.2)
    np.testing.assert_allclose(found, [0.45, 0.45, 0.05, 0.05])


def test_budget_bounds_what_leaves_the_baseline():
    np.testing.assert_allclose(chances("budgeted(uniform)", ARMS, budget=0.3), [0.7, 0.1, 0.1, 0.1])
    np.testing.assert_allclose(chances("budgeted(uniform)", ARMS, budget=0.9), 0.25)


def test_curiosity_scores_by_hand():
    """curiosity raises the scale by 0.4 / (1 + n) + 0.3 v / (v + s^2) + 0.2 share + 0.1 (1 - exp(-age / 100))."""
    seen = view([0.0, 0.2], [0.1, 0.3], context=CONTEXT._replace(share=0.5, staleness=100.0), noise=0.2)
    score = 0.4 / np.array([1, 2]) + 0.3 * np.array([0.01 / 0.05, 0.09 / 0.13]) + 0.1 + 0.1 * (1 - math.exp(-1))
    expected = chances("thompson", seen._replace(scale=seen.scale * (1 + 2 * score)))
    np.testing.assert_allclose(chances("curious(thompson)", seen, curiosity=2.0), expected, atol=1e-12)


@pytest.mark.parametrize("budget", [0.001, 0.02, 0.9])
def test_curiosity_moves_no_more_than_its_budget(budget):
    plain, free = chances("thompson", ARMS), chances("curious(thompson)", ARMS)
    bounded = chances("curious(thompson)", ARMS, curiosity_budget=budget)
    assert distance(bounded, plain) <= min(budget, distance(free, plain)) + 1e-12
    np.testing.assert_allclose(distance(bounded, plain), min(budget, distance(free, plain)), atol=1e-6)


def test_coverage_boosts_important_contexts_that_lack_trials():
    lacking = ARMS._replace(context=CONTEXT._replace(importance=0.4, outcomes=0.0, staleness=0.0))
    known = ARMS._replace(context=CONTEXT._replace(importance=0.4, outcomes=1e3, staleness=0.0))
    base = chances("greedy", ARMS)
    np.testing.assert_allclose(distance(chances("covered(greedy)", known), base), 0, atol=1e-9)
    assert chances("covered(greedy)", lacking)[:3].sum() > 0.1


def test_epsilon_follows_doubt_and_not_time():
    sure, torn = view([0.0, 5.0], 0.1), view([0.0, 0.01], 0.1)
    assert chances("epsilon_greedy", sure)[0] < 1e-6
    assert chances("epsilon_greedy", torn)[0] > 0.05
    late = torn._replace(context=CONTEXT._replace(decisions=1e6, outcomes=1e6))
    np.testing.assert_array_equal(chances("epsilon_greedy", torn), chances("epsilon_greedy", late))


def test_the_regime_follows_from_the_belief():
    rare = ARMS._replace(context=CONTEXT._replace(share=0.01))
    stable = view(ARMS.mean, 0.01)
    np.testing.assert_allclose(chances("adaptive", rare), chances("curious(thompson)", rare))
    np.testing.assert_allclose(chances("adaptive", stable), chances("epsilon_greedy", stable))
    np.testing.assert_allclose(chances("adaptive", ARMS), chances("thompson", ARMS))


def test_phases_come_from_what_could_still_be_gained():
    gaps = {"early": 0.0, "learning": 0.1, "mature": 0.2}
    assert [policies.phase(view([0.0, gap, -0.05], 0.1)) for gap in gaps.values()] == list(gaps)


def test_a_favourite_among_near_equal_arms_is_no_ignorance():
    equal = view([0.0, *[1.0] * 20], [0.01] * 21)
    assert policies.confidence(equal)[0] < 0.1
    assert policies.phase(equal) == "mature"


def test_doubt_by_hand():
    """Two arms, the other known: E[max] - favourite = s phi(g / s) - g Phi(-g / s), here with g = s."""
    gap = 0.3
    found = policies.doubt(view([0.0, gap], [1e-6, gap]))
    assert found == pytest.approx(norm.pdf(1) - norm.cdf(-1), abs=1e-4)


def test_information_directed_prefers_what_teaches_at_equal_regret():
    found = chances("information_directed", view([0.2, 0.0, 0.0], [0.1, 0.05, 0.6]))
    assert found[2] > found[1]


def test_knowledge_gradient_against_draws():
    """Value of m = 1 trial for R = 1 use: E[max after one trial] - max now, within 4 standard errors (p < 1e-4)."""
    mean, scale, noise = np.array([0.0, 0.1]), np.array([0.3, 0.2]), np.array([0.2, 0.2])
    draws = np.random.default_rng(1).normal(size=400_000)
    after = np.maximum(mean[0] + draws * scale[0] ** 2 / math.hypot(scale[0], noise[0]), mean[1]) - mean[1]
    found = knowledge(mean, scale, noise, np.array([1.0]), np.ones(2, dtype=bool))[0]
    assert abs(found - after.mean()) <= 4 * after.std() / math.sqrt(len(draws))


def test_knowledge_is_worth_more_the_longer_it_is_used():
    mean, scale, allowed = np.zeros(3), np.full(3, 0.3), np.ones(3, dtype=bool)
    worth = [knowledge(mean, scale, np.full(3, 0.2), np.array([uses]), allowed)[0] for uses in (1.0, 10.0, 100.0)]
    assert worth[0] < worth[1] < worth[2]


def test_explanations_account_for_the_whole_vector():
    policy = policies.parse("floored(safe(covered(curious(thompson))))")
    found = explain(policy, ARMS)
    assert [layer.name for layer in found] == ["thompson", "curious", "covered", "safe", "floored"]
    np.testing.assert_array_equal(found[-1].probabilities, policy.probabilities(policy.params, ARMS))
    for before, layer in pairwise(found):
        assert layer.mass == pytest.approx(distance(layer.probabilities, before.probabilities))


@pytest.mark.parametrize("spec", [*policies.parse.__globals__["RULES"], "floored(paid(budgeted(uniform)))"])
def test_every_layer_has_a_sentence(spec):
    for layer in explain(policies.parse(spec), ARMS):
        assert layer.sentence.startswith(layer.name)
        assert layer.sentence.endswith(".")


BAD = {
    "thompson": {"temperature": [0.0, -1.0, math.nan, math.inf]},
    "ucb": {"width": [-1.0, math.nan]},
    "epsilon_greedy": {"epsilon": [-0.1, 1.1], "boost": [math.nan]},
    "curious(thompson)": {"scarcity": [-1.0, math.nan], "recency": [-0.1], "curiosity_budget": [0.0, 1.0, math.nan]},
    "covered(thompson)": {"coverage": [-1.0], "trials": [0.0], "age": [math.nan]},
    "budgeted(thompson)": {"budget": [0.0, 1.0, math.nan]},
    "paid(thompson)": {"spend": [0.0, 1.0], "delta": [0.0]},
    "safe(thompson)": {"delta": [0.0, 1.0, math.nan], "margin": [math.nan, math.inf]},
    "gated(thompson)": {"softness": [0.0], "gate_delta": [2.0]},
    "floored(thompson)": {"minimum": [-0.1, 1.0, math.nan]},
    "defensive(thompson)": {"floor": [-0.1, 1.0, math.nan], "lasting": [0.0, math.inf]},
    "knowledge_gradient": {"own": [-1.0], "shared": [math.nan], "temperature": [0.0]},
    "information_directed": {"sharpness": [0.0]},
    "adaptive": {"rare": [0.0], "stable": [1.0], "temperature": [0.0]},
}
CASES = [(spec, name, value) for spec, names in BAD.items() for name, values in names.items() for value in values]


@pytest.mark.parametrize(("spec", "name", "value"), CASES)
def test_bad_constants_are_refused_at_construction(spec, name, value):
    with pytest.raises(ConfigError, match=name) as caught:
        policies.parse(spec, {name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spec", ["", "thompson(", "safe", "safe(safe(thompson))", "tompson", "thompson(safe)", "safe(thompson))", "a b"]
)
def test_unreadable_specs_are_refused(spec):
    with pytest.raises(ConfigError):
        policies.parse(spec)


def test_unknown_constants_are_refused():
    with pytest.raises(ConfigError, match="has no constant 'temprature'"):
        policies.parse("thompson", {"temprature": 1.0})

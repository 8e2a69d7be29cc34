"""Estimators against plain loops, and what must hold for all of them."""

import numpy as np
import pytest

from poolwise import ope
from poolwise.errors import InputError


def simulated(rows: int, seed: int) -> tuple[ope.Log, float]:
    """Full support, 3 contexts, 4 arms, a model that is off by a constant in one context; the true value."""
    rng = np.random.default_rng(seed)
    mean = np.array([[0.1, 0.5, 0.3, 0.7], [0.6, 0.2, 0.4, 0.3], [0.5, 0.5, 0.1, 0.2]])
    behaviour = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.25] * 4])
    evaluation = np.array([[0.1, 0.2, 0.2, 0.5], [0.6, 0.2, 0.1, 0.1], [0.4, 0.4, 0.1, 0.1]])
    context = rng.integers(3, size=rows)
    action = (behaviour[context].cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    reward = mean[context, action] + 0.3 * rng.normal(size=rows)
    q_hat = (mean + np.array([[0.2], [0.0], [0.0]]))[context]
    log = ope.log(reward, action, behaviour[context, action], evaluation[context], q_hat, behaviour[context])
    return log, float((evaluation * mean).sum() / 3)


def by_loop(log: ope.Log, name: str) -> float:
    """The textbook's sums, one decision at a time."""
    top = bottom = direct = correction = 0.0
    for i, arm in enumerate(log.action):
        weight = log.evaluation[i, arm] / log.propensity[i]
        direct += sum(log.evaluation[i, a] * log.q_hat[i, a] for a in range(4))
        correction += weight * (log.reward[i] - log.q_hat[i, arm])
        top, bottom = top + weight * log.reward[i], bottom + weight
    rows = len(log.action)
    sums = {"DM": direct / rows, "IPS": top / rows, "SNIPS": top / bottom}
    return {**sums, "DR": (direct + correction) / rows, "SNDR": direct / rows + correction / bottom}[name]


@pytest.mark.parametrize("name", ["DM", "IPS", "SNIPS", "DR", "SNDR"])
def test_value_is_the_textbook_sum(name: str) -> None:
    log, _ = simulated(200, 0)
    assert ope.ESTIMATORS[name](log).value == pytest.approx(by_loop(log, name), rel=1e-12)


@pytest.mark.parametrize("estimate", ope.ESTIMATORS.values(), ids=ope.ESTIMATORS)
def test_on_policy_value_is_the_mean_reward_where_the_model_is_exact(estimate) -> None:
    rng = np.random.default_rng(1)
    behaviour = rng.dirichlet(np.ones(3), size=500)
    action = (behaviour.cumsum(axis=1) > rng.random((500, 1))).argmax(axis=1)
    reward = 1.0 + 0.0 * action
    log = ope.log(reward, action, behaviour[np.arange(500), action], behaviour, np.ones((500, 3)))
    assert estimate(log).value == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("estimate", ope.ESTIMATORS.values(), ids=ope.ESTIMATORS)
def test_influence_has_mean_zero_and_the_error_of_the_estimate(estimate) -> None:
    """Over 300 logs; |z| < 5 and a ratio of spreads within 20 %: a false alarm less than once in 10^5 runs."""
    found = [(estimate(log), value) for log, value in (simulated(400, seed) for seed in range(300))]
    errors = np.array([terms.value - terms.bias - value for terms, value in found])
    stated = np.array([terms.influence.std() / 20 for terms, _ in found])
    assert all(abs(terms.influence.mean()) < 1e-12 for terms, _ in found)
    assert abs(errors.mean()) < 5 * errors.std() / np.sqrt(len(errors))
    assert stated.mean() == pytest.approx(errors.std(), rel=0.2)


def test_shrinking_estimators_lie_between_dm_and_dr() -> None:
    log, _ = simulated(300, 4)
    for estimate in (ope.switch_dr, ope.dr_os):
        assert estimate(log, 1e12).value == pytest.approx(ope.dr(log).value, abs=1e-6)
        assert estimate(log, 1e-12).value == pytest.approx(ope.dm(log).value, abs=1e-6)


def test_shrinkage_is_su_s_weight() -> None:
    log, _ = simulated(50, 5)
    weight = ope.weights(log)
    residual = log.reward - log.q_hat[np.arange(50), log.action]
    by_hand = ope.dm(log).value + np.mean(3.0 * weight / (weight**2 + 3.0) * residual)
    assert ope.dr_os(log, 3.0).value == pytest.approx(by_hand, rel=1e-12)


def test_model_based_estimators_ask_for_the_model() -> None:
    log, _ = simulated(50, 6)
    with pytest.raises(InputError, match="needs q_hat"):
        ope.dr(log._replace(q_hat=None))


def test_self_normalised_value_does_not_move_with_a_constant_weight_error() -> None:
    log, _ = simulated(100, 7)
    halved = log._replace(propensity=log.propensity / 2)
    assert ope.snips(halved).value == pytest.approx(ope.snips(log).value)
    assert ope.ips(halved).value == pytest.approx(2 * ope.ips(log).value)


def test_belief_as_outcome_model_bears_arms_whose_rewards_are_all_equal() -> None:
    rng = np.random.default_rng(9)
    project, context, action = rng.integers(2, size=300), rng.integers(3, size=300), rng.integers(4, size=300)
    reward = np.where(action == 1, 1.0, np.where(action == 2, rng.random(300) < 0.5, 0.0))
    q_hat = ope.cross_fitted(project, context, action, reward, 4)
    np.testing.assert_allclose(q_hat.mean(axis=0), [0.0, 1.0, 0.5, 0.0], atol=0.15)


def test_belief_as_outcome_model_sees_other_folds_only() -> None:
    rng = np.random.default_rng(8)
    project, context, action = rng.integers(2, size=300), rng.integers(3, size=300), rng.integers(4, size=300)
    reward = 1.0 * action + 0.5 * context + 0.1 * rng.normal(size=300)
    q_hat = ope.cross_fitted(project, context, action, reward, 4, seed=1)
    expected = np.arange(4) + 0.5 * context[:, None]
    assert np.abs(q_hat - expected).mean() < 0.1
    spoiled = reward.copy()
    spoiled[0] += 50.0
    moved = np.abs(ope.cross_fitted(project, context, action, spoiled, 4, seed=1) - q_hat).max(axis=1)
    same_fold = np.random.default_rng(1).permutation(300) % 3
    assert moved[same_fold == same_fold[0]].max() == 0.0
    assert moved[same_fold != same_fold[0]].max() > 0.0

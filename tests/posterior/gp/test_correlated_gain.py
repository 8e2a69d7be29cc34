"""What an outcome of an arm tells of its advantage over the best one, where arms are alike."""

import numpy as np

from poolwise.policy import knowledge_gradient
from poolwise.policy.view import Context, View
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.gp import gp_filter
from poolwise.posterior.gp.correlated_gain import gain_over_best
from poolwise.posterior.likelihoods.hurdle_utility import Utility
from tests.posterior.gp.test_coregionalisation import FIT, SHAPE, conditioned, outcomes, prior


def test_contrast_by_dense_conditioning():
    """Cov(theta_a, theta_b | y) from Var(theta_a + theta_b), of the whole joint posterior."""
    rows, y = outcomes(30)
    whole, at = prior(), np.ravel_multi_index(rows, SHAPE)
    noise = FIT.scales.noise[rows[2]]
    gain = np.linalg.solve(whole[np.ix_(at, at)] + np.diag(noise**2), whole[at])
    posterior = (whole - whole[:, at] @ gain)[:34, :34]
    mean = conditioned(whole, at, y, noise)[0][0, 0]
    state = gp_filter.init(FIT, SufficientStatistics.of(*rows, y, shape=SHAPE))
    here = Utility(mean, np.sqrt(np.diag(posterior)), noise[0])
    found = gain_over_best(state, (0, 0), here, np.ones(34), np.arange(34))
    order = np.argsort(-mean)
    other = np.where(np.arange(34) == order[0], order[1], order[0])
    exact = 1 - posterior[np.arange(34), other] / np.diag(posterior)
    np.testing.assert_allclose(found, np.clip(np.abs(exact), 0, 1), atol=1e-9)
    # Doubt whether an arm can run widens the belief; in a session it is nothing that a trial finds an arm better by.
    chance, doubt = np.random.default_rng(3).uniform(0.5, 1, 34), 0.3
    doubtful = Utility(mean, np.sqrt(chance**2 * np.diag(posterior) + doubt**2), noise[0])
    found = gain_over_best(state, (0, 0), doubtful, chance, np.arange(34), session=True)
    own = chance**2 * np.diag(posterior)
    exact = (own - chance * chance[other] * posterior[np.arange(34), other]) / (own + doubt**2)
    np.testing.assert_allclose(found, np.clip(np.abs(exact), 0, 1), atol=1e-9)


def test_one_arm_and_retired_arms_are_no_trouble():
    state = gp_filter.init(FIT, SufficientStatistics(*(np.zeros(SHAPE) for _ in range(3))))
    for offered in (np.array([3]), np.array([3, 7])):
        here = Utility(*np.ones((3, len(offered))))
        found = gain_over_best(state, (0, 0), here, np.ones(34), offered)
        assert found.shape == offered.shape
        assert np.isfinite(found).all()


def test_a_policy_explores_what_is_unlike_the_best():
    """Of two arms equal in all else the one that is like the best is tried less often."""
    mean, scale = np.array([0.5, 0.3, 0.3]), np.full(3, 0.3)
    wide = np.zeros((2, 3)), np.full((2, 3), 1e-6)
    view = View(mean, scale, np.full(3, 0.2), np.ones(3, bool), np.ones(3), np.zeros(3, int), 0, *wide,
                context=Context(remaining=50.0, remaining_project=50.0, remaining_all=50.0),
                contrast=np.array([1.0, 0.1, 1.0]))  # fmt: skip
    policy = knowledge_gradient()
    chances = policy.probabilities(policy.params, view)
    assert chances[2] > 5 * chances[1]


def test_among_configurations_nothing_is_paid_for_what_others_learn():
    """However many jobs of other projects are to come: each tunes its own thousands of configurations."""
    mean, scale = np.array([0.5, 0.3, 0.2]), np.full(3, 0.3)
    wide = np.zeros((2, 3)), np.array([[1e-6, 1e-6, 0.3]] * 2)
    policy, made = knowledge_gradient(), []
    for elsewhere in (0.0, 5_000.0):
        cell = Context(
            remaining=50.0, remaining_project=50.0, remaining_all=50.0 + elsewhere, remaining_elsewhere=elsewhere
        )
        view = View(
            mean, scale, np.full(3, 0.2), np.ones(3, bool), np.ones(3), np.zeros(3, int), 0, *wide, context=cell
        )
        alike = view._replace(contrast=np.ones(3))
        made.append([policy.probabilities(policy.params, one) for one in (alike, view)])
    assert np.array_equal(made[0][0], made[1][0])
    assert not np.allclose(made[0][1], made[1][1])

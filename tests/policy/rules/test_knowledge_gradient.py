"""What knowledge is worth: for whom it is gathered, and how much of it a trial gives them."""

import numpy as np

from poolwise import policy
from poolwise.policy.rules.knowledge_gradient import UNKNOWN, bonus
from tests.policy.views import view

CONSTANTS = {"own": 0.0, "shared": 1.0}


def test_what_a_trial_here_does_not_tell_others_is_worth_nothing_to_them() -> None:
    seen = view([0.0, 0.1, -0.1], 0.3)
    share = np.tile([[0.0, 0.5, 1.0]], (2, 1))
    found = bonus(CONSTANTS, seen._replace(wider_share=share))
    assert found[0] < 1e-6 < found[1]
    assert (np.diff([bonus(CONSTANTS, seen._replace(wider_share=k * share))[1] for k in (0.2, 0.6, 1.0)]) > 0).all()


def test_shares_that_are_not_known_count_for_little() -> None:
    seen = view([0.0, 0.1, -0.1], 0.3)
    known = seen._replace(wider_share=np.minimum((seen.wider_scale / seen.scale) ** 2, 1.0))
    np.testing.assert_allclose(bonus(CONSTANTS, seen), UNKNOWN * bonus(CONSTANTS, known))


def test_chance_fades_where_little_is_to_come() -> None:
    seen = view([0.0, -0.02], 0.3)
    chances = []
    for left in (0.0, 100.0, 1e6):
        context = seen.context._replace(remaining=0.0, remaining_project=0.0, remaining_all=left)
        rule = policy.knowledge_gradient(own=0.0, shared=0.0, patience=300.0)
        chances.append(rule.probabilities(rule.params, seen._replace(context=context))[1])
    assert chances[0] < chances[1] < chances[2] < 0.5


def test_where_jobs_have_features_arms_share_what_only_one_of_them_can_earn() -> None:
    def worth(arms: int, allowed: int) -> np.ndarray:
        """Of the first two arms; any others are hopeless, and known to be."""
        mean, scale = np.array([0.0, -0.1, *(-50.0,) * (arms - 2)]), np.array([0.1, 0.4, *(1e-3,) * (arms - 2)])
        rows = np.full((8, arms), mean)
        seen = view(mean, scale)._replace(wider_mean=rows, wider_share=np.full((8, arms), 0.5))
        return bonus({"own": 1.0}, seen._replace(allowed=np.arange(arms) < allowed))[:2]

    assert worth(2, 2)[1] > 0.01
    np.testing.assert_allclose(worth(6, 6), worth(2, 2) / 4)
    np.testing.assert_allclose(worth(6, 4), worth(2, 2) / 2)
    np.testing.assert_allclose(worth(6, 3), worth(2, 2))


def test_what_is_expected_to_fail_is_not_tried_unless_there_is_nothing_else() -> None:
    seen, rule = view([0.0, 0.4, 0.5], 0.3), policy.knowledge_gradient()
    some, all_of_them = (seen._replace(chance=np.array(one)) for one in ([1.0, 0.9, 0.05], [0.05] * 3))
    assert rule.probabilities(rule.params, some)[2] == 0 < rule.probabilities(rule.params, some)[1]
    np.testing.assert_allclose(*(rule.probabilities(rule.params, one) for one in (all_of_them, seen)))


def test_a_tuning_session_tries_configurations_that_are_worse_than_the_baseline_and_never_that() -> None:
    seen, rule = view([0.0, -1.0, -1.2], 0.3), policy.knowledge_gradient()
    alike = seen._replace(contrast=np.ones(3), chance=np.array([1.0, 0.9, 0.9]))
    session = alike._replace(context=alike.context._replace(afterwards=500.0))
    assert rule.probabilities(rule.params, alike)[0] > 0.99
    assert rule.probabilities(rule.params, session)[0] == 0.0
    only = session._replace(allowed=np.array([True, False, False]))
    assert rule.probabilities(rule.params, only)[0] == 1.0
    worse = session._replace(scale=np.full(3, 0.05))
    assert rule.probabilities(rule.params, worse)[0] == 1.0
    failing = session._replace(chance=np.array([1.0, 0.05, 0.05]))
    assert rule.probabilities(rule.params, failing)[0] == 1.0


def test_a_tuning_session_repeats_nothing_that_teaches_nothing() -> None:
    seen, rule = view([0.0, 1.0, 0.99, 0.5], np.array([0.01, 0.01, 0.2, 0.2])), policy.knowledge_gradient()
    seen = seen._replace(count=np.array([0.0, 5.0, 0.0, 0.0]), noise=np.full(4, 0.01), contrast=np.ones(4))
    served = seen._replace(chance=np.ones(4), context=seen.context._replace(remaining=0.0))
    session = served._replace(context=served.context._replace(afterwards=1.0))
    assert rule.probabilities(rule.params, served)[1] > 0.6
    assert rule.probabilities(rule.params, session)[1] < 0.1 < 0.9 < rule.probabilities(rule.params, session)[2]
    noisy = session._replace(noise=np.full(4, 1.0), scale=np.array([0.01, 0.5, 0.05, 0.05]))
    noisy = noisy._replace(context=noisy.context._replace(remaining=50.0, afterwards=100.0))
    assert rule.probabilities(rule.params, noisy)[1] > 0.9  # whether it is that good is what is not known

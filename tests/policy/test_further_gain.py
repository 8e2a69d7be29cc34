"""What knowledge is worth after the last trial, what heavy tails add, and when there is enough of it."""

import numpy as np
import pytest
from scipy import integrate, stats

from poolwise import policy
from poolwise.policy.normal import heavy_tailed_excess
from poolwise.policy.rules.knowledge_gradient import bonus, knowledge
from tests.policy.views import view

RULE = policy.knowledge_gradient()


@pytest.mark.parametrize(("lead", "scale"), [(0.0, 1.0), (-1.0, 0.5), (-20.0, 1.0), (-0.3, 2.0)])
def test_heavy_tails_by_quadrature(lead: float, scale: float) -> None:
    expected = integrate.quad(lambda x: stats.t.sf((x - lead) / scale, 4), 0, np.inf)[0]
    np.testing.assert_allclose(heavy_tailed_excess(np.array(lead), np.array(scale)), expected, rtol=1e-6)


def test_uses_afterwards_count_as_uses_to_come_and_leave_the_number_of_trials_as_it_is() -> None:
    mean, scale, allowed = np.array([0.0, -0.1, -0.2]), np.full(3, 0.2), np.ones(3, dtype=bool)
    found = lambda noise, uses, after: knowledge(mean, scale, np.full(3, noise), np.array([uses]), allowed, 1.0, after)
    np.testing.assert_allclose(found(0.0, 1.0, 99.0), 100 * found(0.0, 1.0, 0.0))
    # With noise four trials tell more than one, where there are four left.
    once, often = found(5.0, 1.0, 1e4), found(5.0, 4.0, 1e4)
    assert (often > 1.1 * once).all()


@pytest.mark.parametrize("contrast", [None, np.ones(4)])
def test_a_configuration_without_noise_is_not_worth_a_second_trial(contrast: np.ndarray | None) -> None:
    seen = view([0.0, 0.5, 0.4, -1.0], [1e-3, 1e-3, 0.3, 0.3], noise=1e-3)
    seen = seen._replace(contrast=contrast)
    earn, best = (seen._replace(context=seen.context._replace(afterwards=after)) for after in (0.0, 1000.0))
    worth = bonus(RULE.params, best)
    assert worth[:2].max() < 1e-3 * worth[2:].min()
    assert RULE.probabilities(RULE.params, best)[1] < 1e-6
    assert (bonus(RULE.params, earn) <= worth).all()


def test_what_is_still_to_be_gained_falls_with_what_is_known_and_with_what_is_left() -> None:
    wide, narrow = (view([0.0, 0.1, 0.05], scale, noise=0.01) for scale in (0.3, 0.03))
    gains = [policy.expected_further_gain(one) for one in (wide, narrow)]
    assert 0 < gains[1] < 0.01 < gains[0] < 0.3
    last = wide._replace(context=wide.context._replace(remaining=1.0))
    assert policy.expected_further_gain(last) < gains[0]
    assert policy.expected_further_gain(view([0.0], 0.3)) == 0

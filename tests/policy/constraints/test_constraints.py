"""What stands between a policy and the choice."""

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.errors import ConfigError
from poolwise.policy.constraints import change_detection, constraints, quarantine
from poolwise.policy.constraints.control import Controls
from tests.policy.test_laws import LAYERS
from tests.policy.views import ARMS, VIEWS, view

SEEN = view([0.0, 0.1, -0.4, 0.3], [0.02, 0.1, 0.3, 0.5])
NONE = constraints.unconstrained(4)
IN_FORCE = {
    "none": {},
    "held": {"may_leave_baseline": False},
    "stopped": {"controls": Controls(stop=True)},
    "pinned": {"controls": Controls(pin=3)},
    "frozen": {"controls": Controls(freeze=True, ban=(1,))},
    "banned": {"controls": Controls(ban=(1, 3), fallbacks=(4, 2))},
    "quarantine": {"code": np.array([0, 2, 1, 3, 0, 1]), "probation_factor": 0.1},
    "budget": {"exploration_factor": 0.0, "delta": 0.1},
    "coverage": {"exploration_factor": 0.5, "coverage_share": 0.3, "delta": 0.1},
}


def ruling(spec, seen=SEEN, **changes):
    return constraints.constrain(policies.parse(spec), seen, NONE._replace(**changes))


@pytest.mark.parametrize("name", IN_FORCE)
@pytest.mark.parametrize("spec", LAYERS)
def test_a_distribution_over_what_is_left(spec, name):
    """Of every policy and wrapper: sums to 1, zero where not available, and on the way through the log unchanged."""
    force = constraints.unconstrained(ARMS)._replace(**IN_FORCE[name])
    policy = policies.parse(spec)
    for key in list(VIEWS)[::3]:
        seen = VIEWS[key]
        found = constraints.constrain(policy, seen, force)
        assert np.all(found.probabilities >= 0), key
        assert abs(found.probabilities.sum() - 1) <= 1e-12, key
        assert np.all(found.probabilities[~seen.allowed] == 0), key
        assert found.probabilities[list(force.controls.ban)].sum() == 0 or not seen.allowed[seen.baseline], key
        again = constraints.constrain(policy, seen, constraints.from_arrays(constraints.to_arrays(force)))
        np.testing.assert_array_equal(found.probabilities, again.probabilities, err_msg=key)


def test_nothing_in_force_changes_nothing():
    policy = policies.parse("thompson")
    np.testing.assert_array_equal(ruling("thompson").probabilities, policy.probabilities(policy.params, SEEN))
    assert ruling("thompson").acted == ()


def test_what_may_not_explore_goes_to_the_sound_favourite():
    np.testing.assert_allclose(ruling("uniform", exploration_factor=0.0, delta=0.1).probabilities, [0, 1, 0, 0])
    np.testing.assert_allclose(ruling("uniform", exploration_factor=0.4).probabilities, [0.1, 0.1, 0.1, 0.7])


def test_coverage_reserves_for_what_was_never_tried_then_for_what_may_be_best_and_is_least_known():
    """Arms 0 and 1 are sound, tried 0 and 1 times; then both tried, of which 1 is five times less well known."""
    first = ruling("greedy", coverage_share=0.5, delta=0.1).probabilities
    np.testing.assert_allclose(first, [0.5, 0, 0, 0.5])
    tried = SEEN._replace(count=np.ones(4))
    later = ruling("greedy", seen=tried, coverage_share=0.5, delta=0.1).probabilities
    np.testing.assert_allclose(later, [0.5 / (1 + 5**8), 0.5 / (1 + 5**-8), 0, 0.5])


def test_coverage_sets_aside_what_cannot_be_best():
    """Two standard deviations up, arm 0 reaches 0.1: that and no more is the lower bound of arm 1."""
    even = view([-0.3, 0.3, 0.0, 0.0], [0.2, 0.1, 0.01, 0.01])._replace(count=np.ones(4))
    assert ruling("greedy", seen=even, coverage_share=1.0).probabilities[0] > 0.99
    worse = even._replace(mean=even.mean - np.array([0.01, 0, 0, 0]))
    np.testing.assert_allclose(ruling("greedy", seen=worse, coverage_share=1.0).probabilities, [0, 1, 0, 0])


def test_safety_comes_before_orders_and_orders_before_exploration():
    away = {"code": np.array([0, 0, 0, quarantine.QUARANTINED]), "controls": Controls(pin=3)}
    assert ruling("thompson", **away).probabilities[3] == 0
    held = ruling("thompson", may_leave_baseline=False, controls=Controls(pin=3))
    assert (held.probabilities[0], held.acted) == (1.0, ("conservative budget",))
    pinned = ruling("thompson", exploration_factor=0.0, controls=Controls(pin=2))
    np.testing.assert_array_equal(pinned.probabilities, [0, 0, 1, 0])


def test_without_the_baseline_only_sound_arms_remain_then_fallbacks_then_the_least_uncertain():
    seen = SEEN._replace(allowed=np.array([False, True, True, True]))
    assert ruling("uniform", seen, delta=0.1).probabilities.tolist() == [0, 1, 0, 0]
    assert ruling("uniform", seen, delta=1e-4, controls=Controls(fallbacks=(2,))).probabilities[2] == 1
    assert ruling("uniform", seen, delta=1e-4).probabilities[1] == 1


def test_a_change_is_noticed_after_a_few_outcomes_and_noise_is_not():
    draws = np.random.default_rng(0)
    track, changes = change_detection.CusumState(), 0
    for utility in draws.normal(0.5, 0.2, 2000):
        track, changed = change_detection.update(change_detection.Settings(), track, float(utility))
        changes += changed
    # Once in some 10^4 outcomes: three in 2,000 would be a false alarm of 1 in 1,000.
    assert changes <= 2
    assert change_detection.noise(change_detection.Settings(), track) == pytest.approx(0.2, abs=0.02)
    for _ in range(5):
        track, changed = change_detection.update(change_detection.Settings(), track, -0.5)
        if changed:
            return
    raise AssertionError("3.5 noise standard deviations went unnoticed for five outcomes")


def test_one_absurd_outcome_is_no_change():
    track = change_detection.CusumState()
    for utility in [0.1, 0.2, 0.1, 0.2, 0.1, -1e6, 0.2, 0.1]:
        track, changed = change_detection.update(change_detection.Settings(), track, utility)
        assert not changed
    assert abs(track.mean) < 0.2


@pytest.mark.parametrize("bad", [{"threshold": 0.0}, {"noise": np.nan}, {"keep": 1.0}, {"slack": -0.1}])
def test_bad_settings_of_the_watch_are_refused(bad):
    with pytest.raises(ConfigError, match="drift"):
        change_detection.Settings(**bad).checked()

import math

import numpy as np
import pytest

from poolwise.errors import ConfigError
from poolwise.policy.constraints.control import Controls, apply_bans, apply_overrides, may_promote
from tests.policy.views import view

SEEN = view([0.0, 0.4, 0.2], [0.1, 0.3, 0.2])
ALL = np.ones(3, dtype=bool)


@pytest.mark.parametrize(
    ("controls", "expected", "reason"),
    [
        (Controls(stop=True, pin=2, freeze=True), [1, 0, 0], "stopped"),
        (Controls(pin=2, freeze=True), [0, 0, 1], "pinned"),
        (Controls(freeze=True), [0, 1, 0], "frozen"),
        (Controls(), [0.2, 0.3, 0.5], None),
    ],
)
def test_the_strongest_order_wins(controls, expected, reason):
    found, code = apply_overrides(controls, SEEN, np.array([0.2, 0.3, 0.5]))
    np.testing.assert_array_equal(found, expected)
    assert code == reason


def test_a_pinned_arm_that_is_unavailable_leaves_the_choice_to_the_policy():
    seen = SEEN._replace(allowed=np.array([True, True, False]))
    assert apply_overrides(Controls(pin=2), seen, np.array([0.5, 0.5, 0.0]))[1] is None


def test_bans_and_fallbacks_in_order():
    nothing = SEEN._replace(allowed=np.array([False, True, False]))
    controls = Controls(ban=(1,), fallbacks=(2,))
    assert list(apply_bans(controls, SEEN, ALL).allowed) == [True, False, True]
    assert list(apply_bans(controls, nothing, ALL).allowed) == [False, False, True]
    assert list(apply_bans(controls, nothing, np.array([True, True, False])).allowed) == [True, False, False]
    assert list(apply_bans(Controls(), nothing._replace(allowed=~ALL), np.array([False, True, True])).allowed) == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "controls", [Controls(pin=1, ban=(1,)), Controls(ban=(0,)), Controls(pin=3), Controls(ban=(2,), fallbacks=(2,))]
)
def test_contradictory_orders_are_refused(controls):
    with pytest.raises(ConfigError, match="operator controls"):
        controls.checked(3, 0)


def test_promotion_needs_a_lower_bound_above_zero():
    assert may_promote(0.2, 0.1)
    assert not may_promote(0.15, 0.1)
    assert not may_promote(0.2, math.nan)
    with pytest.raises(ConfigError, match="confidence"):
        may_promote(0.2, 0.1, 2.0)

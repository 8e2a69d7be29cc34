"""Spaces, families, parameters and policies refuse arguments of another type in their own words."""

from decimal import Decimal

import numpy as np
import pytest

from poolwise import ArmSpace, Choice, Family, Integer, Real, policy
from poolwise.errors import ConfigError, SpaceError
from poolwise.space import arm_id

PARAMETERS = [Choice(["a", 1]), Integer(1, 8), Real(0.1, 1.0)]
FAMILY = Family("f", {"x": Integer(1, 8)})
SPACE = ArmSpace([Family("default"), FAMILY], "default")


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("wrong", [["a"], {}, None, 0.5, b"a"])
def test_an_id_is_read_from_text(parameter, wrong):
    with pytest.raises(SpaceError):
        parameter.read(wrong)
    with pytest.raises(SpaceError):
        FAMILY.read(wrong)


def test_an_array_of_one_value_is_no_list_of_choices():
    with pytest.raises(SpaceError, match="list of values"):
        Choice(np.array(3))


def test_a_list_has_no_place_among_choices():
    assert PARAMETERS[0].encode(["a"]) is None


@pytest.mark.parametrize("wrong", [["f"], None, 3])
def test_arms_and_families_are_named_by_text(wrong):
    for call in (SPACE.arm, SPACE.family, SPACE.retire, ArmSpace.from_dict, lambda one: arm_id("f", one)):
        with pytest.raises(SpaceError):
            call(wrong)


@pytest.mark.parametrize("wrong", [(), None, "thompson"])
@pytest.mark.parametrize("wrapper", [policy.safe, policy.floored, policy.curious, policy.paid, policy.macro_micro])
def test_a_wrapper_goes_around_a_policy(wrapper, wrong):
    with pytest.raises(ConfigError, match="goes around a policy"):
        wrapper(wrong)


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_a_number_beyond_all_floating_point_numbers_has_no_place(parameter, value):
    assert parameter.encode(value) is None


def test_a_floor_is_a_finite_number():
    with pytest.raises(ConfigError, match="finite number"):
        policy.floored(policy.thompson(), Decimal("sNaN"))

"""What is proposed of a large family: allowed, one parameter away, and all of it within reach."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.errors import SpaceError
from poolwise.space import ArmSpace, Family
from poolwise.space.candidates import anywhere, neighbours
from poolwise.space.parameters import Choice, Integer, Real
from poolwise.space.renewal import record, renewed
from tests.space.test_family import allowed, built, families

MIXED = Family(
    "tune",
    {
        "mode": Choice(["fast", "deep"]),
        "depth": Integer(1, 8),
        "size": Integer(1, 64, log=True, levels=7),
        "share": Real(0.0, 1.0, levels=5),
        "rate": Real(1e-9, 1e9, log=True, levels=3),
        "near": Real(1e6, 1e6 + 1, levels=3),
    },
    conditions={"depth": {"mode": ["deep"]}},
    forbidden=[{"mode": "fast", "size": 64}],
    limit=10,
)
START = {"mode": "fast", "size": 8, "share": 0.5, "rate": 1.0, "near": 1e6}


@given(families(), st.integers(0, 2**32 - 1))
def test_all_that_is_proposed_is_allowed(body, seed):
    if (family := built(body)) is None:
        return
    random, every = np.random.default_rng(seed), allowed(**body)
    drawn = anywhere(family, 20, random)
    assert drawn
    for arm in (*drawn, *(near for one in drawn[:3] for near in neighbours(family, one, random))):
        assert frozenset(arm.params.items()) in every
        assert family.read(arm.id) == arm


def test_neighbours_differ_in_one_parameter_and_those_that_follow_it():
    start, random = MIXED.arm(START), np.random.default_rng(0)
    near = neighbours(MIXED, start, random)
    changed = [{name for name in {**START, **arm.params} if arm.params.get(name) != START.get(name)} for arm in near]
    assert all(one in ({"mode", "depth"}, {"size"}, {"share"}, {"rate"}, {"near"}) for one in changed)
    assert {arm.params["size"] for arm in near} == {4, 8, 16}
    assert len({arm.id for arm in near}) == len(near)
    assert start not in near


@pytest.mark.parametrize("name", ["share", "rate", "near"])
def test_reals_come_between_the_levels_as_near_as_is_wanted(name):
    start, random, parameter = MIXED.arm(START), np.random.default_rng(1), MIXED.parameters[name]
    values = {arm.params[name] for _ in range(40) for arm in neighbours(MIXED, start, random)} - {START[name]}
    step = 1 / (parameter.levels - 1)
    away = sorted(abs(parameter.encode(value)[0] - parameter.encode(START[name])[0]) / step for value in values)
    assert away[0] == pytest.approx(1 / 8, rel=0.1)
    assert away[-1] == pytest.approx(1.0)
    assert all(parameter.hold(value) == value for value in values)


def test_every_configuration_is_drawn_alike():
    family, random = (
        Family("f", {"a": Integer(0, 9, levels=10), "b": Integer(0, 9, levels=10)}),
        np.random.default_rng(2),
    )
    counts = np.zeros(100)
    for _ in range(300):
        for arm in anywhere(family, 20, random):
            counts[arm.params["a"] * 10 + arm.params["b"]] += 1
    expected = 300 * 100 * (1 - 0.99**20) / 100
    assert abs(counts - expected).max() < 5 * np.sqrt(expected)  # 100 normal counts: wrong once in 20,000 runs


def test_a_space_of_any_size_is_drawn_from():
    family = Family("f", {f"p{k}": Integer(0, 999, levels=1000) for k in range(40)}, limit=3)
    assert len(anywhere(family, 50, np.random.default_rng(3))) == 50


def test_renewals_follow_each_other_and_respect_what_is_declared():
    space = ArmSpace([Family("default"), MIXED], "default")
    first, second = (arm.id for arm in space.arms[1:3])
    new = MIXED.arm(START).id
    one = renewed(space, [record("tune", [new], [first], 10)])
    assert (new in one.index, first in one.index, len(one.arms)) == (True, False, len(space.arms))
    back = renewed(space, [record("tune", [new], [first], 10), record("tune", [first], [new], 20)])
    assert back == space
    kept = renewed(space, [record("tune", [], ["default", second], 10)])
    assert "default" in kept.index
    narrow = ArmSpace([Family("default"), Family("tune", {"mode": Choice(["fast"])})], "default")
    assert renewed(narrow, [record("tune", [new], [first], 10)]) is narrow
    retired = space.add("tune", START).retire(new)
    assert new not in renewed(retired, [record("tune", [new], [first], 10)]).index
    with pytest.raises(SpaceError):
        renewed(space, [record("tune", [new], [first], 10)]).arm(first)

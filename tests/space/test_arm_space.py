"""The arm space: it round-trips, its baseline is always there, arms come and go, nonsense is refused in one line."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.errors import SpaceError
from poolwise.space import Arm, ArmSpace, Family
from poolwise.space.parameters import Choice, Integer, Real, parameter_from_dict

values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
choices = st.lists(values, min_size=1, max_size=4).map(lambda found: lambda: Choice(found))
integers = st.builds(
    lambda low, width, log, levels: lambda: Integer(low, low + width, log, levels),
    st.integers(-(2**70), 2**70), st.integers(0, 9) | st.integers(0, 2**70), st.booleans(), st.integers(1, 9),
)  # fmt: skip
reals = st.builds(
    lambda low, high, log, levels: lambda: Real(low, high, log, levels),
    st.floats(), st.floats(), st.booleans(), st.integers(1, 9),
)  # fmt: skip
names = st.text("pqr_ -é", min_size=1, max_size=2) | st.text(max_size=2)
parameters = st.dictionaries(names, choices | integers | reals, max_size=3)


@given(parameters)
def test_a_space_that_is_accepted_survives_text_json_and_back(builders):
    try:
        family = Family("f", {name: build() for name, build in builders.items()}, limit=40)
    except SpaceError:
        return
    space = ArmSpace([Family("default"), family], "default")
    again = ArmSpace.from_dict(json.loads(json.dumps(space.to_dict(), allow_nan=False)))
    assert again == space
    assert len({arm.id.encode() for arm in space.arms}) == len(space.arms) <= 41
    for arm in family.arms():
        assert family.read(arm.id) == family.arm(arm.params) == arm
        assert json.loads(json.dumps(arm.params)) == arm.params
        for name, value in arm.params.items():
            assert all(0 <= x <= 1 for x in family.parameters[name].encode(value))


def test_adding_and_retiring_keeps_other_arms():
    space = ArmSpace([Family("default"), Family("sample", {"ratio": Real(0.1, 1.0)})], "default")
    more = space.add("sample", {"ratio": 0.42})
    assert [arm.id for arm in more.arms] == [*(arm.id for arm in space.arms), "sample(ratio=0.42)"]
    fewer = more.retire("sample(ratio=0.1)")
    assert "sample(ratio=0.1)" not in fewer.index
    assert fewer.add("sample", {"ratio": 0.1}).index.keys() == more.index.keys()
    assert ArmSpace.from_dict(fewer.to_dict()) == fewer
    assert pickle.loads(pickle.dumps(fewer)) == fewer


def test_availability_by_arm_or_family():
    space = ArmSpace([Family("default"), Family("f", {"x": Choice([1, 2])})], "default")
    assert space.matching(["f"]) == ["f(x=1)", "f(x=2)"]
    with pytest.raises(SpaceError, match="unknown arm or family 'g'"):
        space.matching(["g"])


GRID = Family("f", {"a": Integer(0, 99, levels=100), "b": Choice(["x", "y"])}, forbidden=[{"a": 3, "b": "y"}], limit=20)


@pytest.mark.parametrize("baseline", ["f(a=17,b=x)", "f(b=x,a=17)", "f(a=0,b=x)"])
def test_the_baseline_is_offered_where_the_limit_left_it_out(baseline):
    space = ArmSpace([GRID], baseline)
    assert space.baseline == GRID.read(baseline).id in space.index
    assert ArmSpace.from_dict(space.to_dict()) == space


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "needs a"),
        ({"a": 2}, "needs b"),
        ({"a": 1, "b": 3}, "only where a is one of"),
        ({"a": 2, "b": 4}, "is forbidden"),
        ({"a": 2, "b": 5}, "outside"),
        ({"a": True}, "outside"),
        ({"a": "1"}, "outside"),
        ({"a": float("nan")}, "no finite number"),
        ({"a": 1, "c": 2}, "no parameter 'c'"),
        ([1], "a dict of their values"),
    ],
)
def test_an_arm_has_every_parameter_that_applies_and_no_other(params, message):
    parameters = {"a": Choice([1, 2]), "b": Choice([3, 4])}
    family = Family("f", parameters, conditions={"b": {"a": [2]}}, forbidden=[{"a": 2, "b": 4}])
    space = ArmSpace([Family("d"), family], "d")
    with pytest.raises(SpaceError, match=message):
        space.add("f", params)
    if isinstance(params, dict):
        with pytest.raises(SpaceError, match=message):
            ArmSpace([Family("d"), family], "d", (Arm("f", "f", params),))


def test_numbers_of_numpy_and_equal_ones_are_the_values_they_equal():
    family = Family("f", {"a": Choice(np.arange(3)), "n": Integer(np.int64(1), 4), "x": Real(0, np.float64(1))})
    arm = family.arm({"a": np.int8(2), "n": 2.0, "x": np.int64(1)})
    assert arm.params == {"a": 2, "n": 2, "x": 1.0}
    assert [type(value) for value in arm.params.values()] == [int, int, float]
    assert arm.id == "f(a=2,n=2,x=1)"


def one(parameter, **rules):
    return Family("f", {"x": parameter, "y": Choice([1, 2])}, **rules)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Integer(3, 1), "bounds reversed"),
        (lambda: Integer(0, 1.5), "whole"),
        (lambda: Integer(0, True), "whole"),
        (lambda: Integer(0, 9, levels=0), "levels from 1"),
        (lambda: Integer(0, 9, levels=2.5), "levels from 1"),
        (lambda: Integer(1, 9, log="yes"), "True or False"),
        (lambda: Real(0, 1, log=True), "log scale"),
        (lambda: Real(0, float("nan")), "finite"),
        (lambda: Real(0, float("inf")), "finite"),
        (lambda: Real(-1e308, 1e308), "wider than numbers reach"),
        (lambda: Real(0, 2**60 + 1), "more digits"),
        (lambda: Real("0", 1), "finite numbers"),
        (lambda: parameter_from_dict({"type": "int"}), "unknown"),
        (lambda: parameter_from_dict({"type": ["choice"]}), "unknown"),
        (lambda: parameter_from_dict({"type": "choice", "value": 1}), "cannot be built"),
        (lambda: parameter_from_dict([1, 2]), "described by a table"),
        (lambda: Family("a b"), "free of"),
        (lambda: Family(""), "non-empty"),
        (lambda: Family(7), "non-empty"),
        (lambda: Family("a\nb"), "shown safely"),
        (lambda: Family("f", {"a=1,b": Choice([1])}), "free of"),
        (lambda: Family("f", {"": Choice([1])}), "non-empty"),
        (lambda: Family("f", {"x": [1, 2]}), "make it a Choice"),
        (lambda: Family("f", [Choice([1])]), "a dict of names"),
        (lambda: Family("f", {"a": Choice(["1", "1,b=2"]), "b": Choice(["2"])}), "would read as the parameter 'b'"),
        (lambda: Family("f", limit=0), "limit from 1"),
        (lambda: Family("f", limit=2.0), "limit from 1"),
        (lambda: Family("f", {}, conditions={"x": {"y": [1]}}), "unknown parameter 'x'"),
        (lambda: one(Choice([1]), conditions={"x": {"z": [1]}}), "unknown parameter 'z'"),
        (lambda: one(Choice([1]), conditions={"x": {"y": 1}}), "give a list"),
        (lambda: one(Choice([1]), conditions={"x": {"y": "1"}}), "give a list"),
        (lambda: one(Choice([1]), conditions={"x": ["y"]}), "must be a table"),
        (lambda: one(Choice([1]), conditions={"x": {"y": []}}), "never hold"),
        (lambda: one(Choice([1]), conditions={"x": {"y": [3]}}), "never hold"),
        (lambda: one(Choice([1]), conditions={"x": {"y": [True]}}), "never hold"),
        (lambda: one(Choice([1]), conditions={"x": {"x": [1]}}), "wait for each other"),
        (lambda: one(Choice([1]), conditions={"x": {"y": [1]}, "y": {"x": [1]}}), "wait for each other"),
        (lambda: one(Choice([1]), forbidden={"x": 1}), "a list of combinations"),
        (lambda: one(Choice([1]), forbidden=[{}]), "forbids everything"),
        (lambda: one(Choice([1]), forbidden=[{"z": 1}]), "unknown parameter 'z'"),
        (lambda: one(Choice([1]), forbidden=[{"x": 2}]), "never hold"),
        (lambda: one(Choice([1]), forbidden=["x"]), "must be a table"),
        (lambda: one(Choice([1]), conditions={"x": {"y": [1]}}, forbidden=[{"x": 1, "y": 2}]), "never hold"),
        (
            lambda: Family(
                "f", dict.fromkeys("abc", Choice([1, 2])), conditions={"b": {"a": [1]}, "c": {"b": [1], "a": [2]}}
            ),
            "condition of 'c' can never hold: no value of 'a'",
        ),
        (lambda: one(Choice([1]), forbidden=[{"x": 1}]).arms(), "forbids every"),
        (lambda: one(Choice([1])).arm({"x": 2, "y": 1}), "outside"),
        (lambda: one(Choice([1])).read("g(x=1,y=1)"), "no arm of family"),
        (lambda: one(Choice([1])).read("f(x=1,y=1"), "no id of an arm"),
        (lambda: one(Choice([1])).read("f(z=1)"), "no id of an arm"),
        (lambda: ArmSpace([Family("f"), Family("f")], "f"), "must differ"),
        (lambda: ArmSpace(Family("f"), "f"), "list of families"),
        (lambda: ArmSpace([Family("f")], 1), "id of an arm"),
        (lambda: ArmSpace([Family("f")], "f", retired="f"), "set of ids"),
        (lambda: ArmSpace([Family("f", {"x": Choice([1, 2])})], "f"), "family of 2 arms"),
        (lambda: ArmSpace([Family("f")], "g"), "neither"),
        (lambda: ArmSpace([GRID], "f(a=3,b=y)"), "is forbidden in family 'f'"),
        (lambda: ArmSpace([GRID], "f(a=100,b=y)"), "outside"),
        (lambda: ArmSpace([GRID], "f(a=1)"), "needs b"),
        (lambda: ArmSpace([GRID], "f(a=1,b=x)", retired={"f(a=1,b=x)"}), "is retired"),
        (lambda: ArmSpace([Family("f")], "f").retire("f"), "is the baseline"),
        (lambda: ArmSpace([Family("f")], "f").arm("z"), "unknown arm"),
        (lambda: ArmSpace([Family("f")], "f").add("g", {}), "unknown family"),
        (lambda: ArmSpace.from_dict({"families": []}), "describes no arm space"),
        (lambda: ArmSpace.from_dict({"families": [{"parameters": 1}], "baseline": "f"}), "describes no family"),
        (lambda: ArmSpace.from_dict([]), "describes no arm space"),
    ],
)
def test_nonsense_is_refused(build, message):
    with pytest.raises(SpaceError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)

"""The arm space: every arm round-trips, restrictions hold, ids stay the same, nonsense is refused in one line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.errors import SpaceError
from poolwise.parameters import Choice, Integer, Real, parameter_from_dict
from poolwise.space import ArmSpace, Family, low_discrepancy, micro_features

choices = st.lists(st.text("abcxyz", min_size=1, max_size=3), min_size=1, max_size=4, unique=True).map(Choice)
integers = st.builds(
    lambda low, width, log: Integer(low, low + width, log=log), st.integers(1, 50), st.integers(0, 500), st.booleans()
)
reals = st.builds(
    lambda low, ratio, log: Real(low, low * ratio, log=log), st.floats(1e-3, 1e3), st.floats(1, 1e3), st.booleans()
)
parameters = st.dictionaries(st.text("pqr", min_size=1, max_size=2), choices | integers | reals, max_size=3)


@given(parameters)
def test_every_arm_survives_encode_decode_and_json(parameters):
    family = Family("f", parameters, limit=40)
    space = ArmSpace([Family("default"), family], "default")
    assert ArmSpace.from_dict(space.to_dict()) == space
    assert len({arm.id for arm in space.arms}) == len(space.arms) <= 41
    for arm in family.arms():
        assert family.arm(family.decode(family.encode(arm.params))).id == arm.id
        assert ((family.encode(arm.params) >= 0) & (family.encode(arm.params) <= 1)).all()


def test_conditions_and_forbidden_combinations():
    family = Family(
        "search",
        {"mode": Choice(["fast", "deep"]), "depth": Integer(1, 3), "seed": Choice([0, 1])},
        conditions={"depth": {"mode": ["deep"]}},
        forbidden=[{"mode": "deep", "seed": 1}],
    )
    ids = [arm.id for arm in family.arms()]
    assert ids == ["search(mode=fast,seed=0)", "search(mode=fast,seed=1)"] + [
        f"search(depth={depth},mode=deep,seed=0)" for depth in (1, 2, 3)
    ]


def test_adding_and_retiring_keeps_other_arms():
    space = ArmSpace([Family("default"), Family("sample", {"ratio": Real(0.1, 1.0)})], "default")
    more = space.add("sample", {"ratio": 0.42})
    assert [arm.id for arm in more.arms] == [*(arm.id for arm in space.arms), "sample(ratio=0.42)"]
    fewer = more.retire("sample(ratio=0.1)")
    assert "sample(ratio=0.1)" not in fewer.index
    assert fewer.add("sample", {"ratio": 0.1}).index.keys() == more.index.keys()
    assert ArmSpace.from_dict(fewer.to_dict()) == fewer


def test_a_large_grid_is_thinned_evenly():
    family = Family("big", {f"x{i}": Integer(0, 9, levels=10) for i in range(6)}, limit=200)
    points = np.array([family.encode(arm.params) for arm in family.arms()])
    assert points.shape == (200, 6)
    assert abs(points.mean(axis=0) - 0.5).max() < 0.06
    assert low_discrepancy(5, 2).shape == (5, 2)


def test_micro_features_are_centred_within_families():
    features = micro_features(["a", "b", "b"], [np.zeros(0), np.array([0.0, 1.0]), np.array([1.0, 1.0])])
    np.testing.assert_allclose(features, [[0, 0], [-0.5, 0], [0.5, 0]])


def test_availability_by_arm_or_family():
    space = ArmSpace([Family("default"), Family("f", {"x": Choice([1, 2])})], "default")
    assert space.matching(["f"]) == ["f(x=1)", "f(x=2)"]
    with pytest.raises(SpaceError, match="unknown arm or family 'g'"):
        space.matching(["g"])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Choice([]), "at least one value"),
        (lambda: Integer(3, 1), "bounds reversed"),
        (lambda: Integer(0, 1.5), "whole"),  # type: ignore[arg-type]
        (lambda: Real(0, 1, log=True), "log scale"),
        (lambda: Real(0, float("nan")), "finite"),
        (lambda: parameter_from_dict({"type": "int"}), "unknown"),
        (lambda: parameter_from_dict({"type": "choice", "value": 1}), "cannot be built"),
        (lambda: Family("a b"), "free of"),
        (lambda: Family("f", {}, conditions={"x": {"y": [1]}}), "unknown parameters"),
        (lambda: Family("f", {"x": Choice([1])}, forbidden=[{"x": 1}]).arms(), "forbids every"),
        (lambda: Family("f", {"x": Choice([1])}).arm({"x": 2}), "outside"),
        (lambda: Family("f", {"x": Choice([1])}).arm({"y": 2}), "no parameter"),
        (lambda: ArmSpace([Family("f"), Family("f")], "f"), "must differ"),
        (lambda: ArmSpace([Family("f", {"x": Choice([1, 2])})], "f"), "family of 2 arms"),
        (lambda: ArmSpace([Family("f")], "g"), "neither"),
        (lambda: ArmSpace([Family("f")], "f").retire("f"), "is the baseline"),
        (lambda: ArmSpace([Family("f")], "f").arm("z"), "unknown arm"),
    ],
)
def test_nonsense_is_refused(build, message):
    with pytest.raises(SpaceError, match=message):
        build()

"""One notion of equality, one text: two values are two arms, or they are refused."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise.errors import SpaceError
from poolwise.space import Family
from poolwise.space.parameters import Choice, Integer, Real
from poolwise.space.values import same, value_of, written

plain = st.none() | st.booleans() | st.integers(-(10**300), 10**300) | st.floats(allow_nan=False, allow_infinity=False)


@given(plain, plain)
def test_two_values_are_written_alike_where_they_are_the_same_or_are_refused(one, other):
    one, other = value_of(one), value_of(other)
    if written(one) == written(other):
        assert same(one, other)
    if same(one, other) and not same(None, one):
        with pytest.raises(SpaceError):
            Choice([one, other])
    assert same(json.loads(json.dumps(one)), one)


@pytest.mark.parametrize(
    "values",
    [
        [1, "1"], [None, "None"], [True, "True"], [1, 1.0], [0.0, -0.0], [2**53, float(2**53)], [0.1, "0.1"],
        [np.float64(1), 1], [np.True_, True], ["a", "a"], [1e200, int(1e200)],
    ],
)  # fmt: skip
def test_equal_values_and_those_written_alike_are_refused(values):
    with pytest.raises(SpaceError, match="rename or drop one"):
        Choice(values)


@pytest.mark.parametrize(
    "values",
    [
        [0.12345678901, 0.12345678902], [1 / 3, 0.3333333333], [2**53, 2**53 + 1], [2**63, 2**63 - 1, -(2**63)],
        [True, 1], [False, 0, None], [0.1, np.float32(0.1)], [5e-324, 1e-323], ["", " "], ["a,b", "a=b", "(", ")"],
        ["\u00e9", "e\u0301"], [1.0, np.nextafter(1.0, 2)],
    ],
)  # fmt: skip
def test_values_that_differ_are_arms_that_differ_and_come_back(values):
    family = Family("f", {"x": Choice(values), "y": Choice([1])})
    arms = family.arms()
    assert len({arm.id for arm in arms}) == len(values)
    for value, arm in zip(values, arms, strict=True):
        assert same(family.read(arm.id).params["x"], value_of(value))
        assert family.arm({"x": value, "y": 1}) == arm
        assert family.parameters["x"].encode(arm.params["x"]).index(1.0) == arms.index(arm)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), float("inf"), -float("inf"), np.float64("nan"), (1, 2), [1], {"a": 1}, {1}, b"a", Path("a"),
        Decimal("1"), 1j, object(), np.datetime64("2020-01-01"), np.array([1]), "a\x00", "a\nb", "\ud800", "\x1b[31m",
        10**301, 10**5000, len,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_does_not_come_back_is_refused_when_the_space_is_made(value):
    with pytest.raises(SpaceError) as caught:
        Choice([1, value])
    assert len(str(caught.value)) < 300
    for parameter in (Choice([1]), Integer(0, 9), Real(0, 1)):
        with pytest.raises(SpaceError):
            parameter.hold(value)


@pytest.mark.parametrize("values", [[], (), "abc", b"abc", {1, 2}, {"a": 1}, 5, None])
def test_what_is_no_list_of_values_is_refused(values):
    with pytest.raises(SpaceError):
        Choice(values)


@pytest.mark.parametrize(
    ("parameter", "grid"),
    [
        (Integer(0, 2**62, levels=3), [0, 2**61, 2**62]),
        (Integer(2**60, 2**60 + 8, levels=5), [2**60 + k for k in (0, 2, 4, 6, 8)]),
        (Integer(2**60, 2**60 + 8, log=True, levels=5), [2**60 + k for k in (0, 2, 4, 6, 8)]),
        (Integer(-(10**40), 10**40, levels=3), [-(10**40), 0, 10**40]),
        (Integer(1, 64, log=True, levels=4), [1, 4, 16, 64]),
        (Integer(0, 100), [0, 25, 50, 75, 100]),
        (Integer(0, 9, levels=1), [0]),
        (Real(0.01, 1.0, log=True, levels=3), [0.01, 0.1, 1.0]),
        (Real(0, 1, levels=4), [0.0, 0.333333, 0.666667, 1.0]),
        (Real(1.0, 1.0000001, levels=3), [1.0, 1.00000005, 1.0000001]),
        (Real(0.1, 0.1), [0.1]),
        (Real(-0.0, 0.0), [0.0]),
        (Real(1.0, float(np.nextafter(1.0, 2))), [1.0, float(np.nextafter(1.0, 2))]),
        (Real(1e-300, 1e300, log=True, levels=3), [1e-300, 1.0, 1e300]),
    ],
)
def test_wide_integers_and_narrow_reals_keep_their_digits(parameter, grid):
    assert parameter.grid() == grid
    places = [parameter.encode(value)[0] for value in grid]
    assert places == sorted(set(places))
    assert len(Family("f", {"x": parameter}).arms()) == len(grid)


@pytest.mark.parametrize(
    ("parameter", "value", "place"),
    [
        (Integer(0, 10), 20, (2.0,)),
        (Integer(0, 10), 10**300, (10.0,)),
        (Real(1, 100, log=True), 0.1, (-0.5,)),
        (Real(1, 100, log=True), 0, None),
        (Real(0, 1), "a", None),
        (Real(0, 1), True, None),
        (Integer(3, 3), 4, (1.5,)),
        (Choice([1, 2]), 2.0, (0.0, 1.0)),
        (Choice([1, 2]), 3, None),
        (Choice([True, 1]), 1, (0.0, 1.0)),
    ],
)
def test_where_values_of_another_space_stand(parameter, value, place):
    assert parameter.encode(value) == (place if place is None else pytest.approx(place))


def test_ids_of_earlier_versions_are_read():
    """They wrote ten digits of every number."""
    family = Family("f", {"x": Choice([1 / 3, 2.0]), "flags": Choice(["-Wl,-O1", "-march=native"])})
    assert family.read("f(flags=-Wl,-O1,x=0.3333333333)").params == {"x": 1 / 3, "flags": "-Wl,-O1"}
    assert family.arms()[-1].id == "f(flags=-march=native,x=2)"

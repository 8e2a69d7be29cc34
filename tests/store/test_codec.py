"""Arrays come back bit for bit, whatever they hold, in no more bytes than their numbers need."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from poolwise.errors import StoreDamaged
from poolwise.store.codec import pack, unpack, unpack_first

KINDS = st.sampled_from([np.dtype(kind) for kind in ("bool", "int64", "float64")])
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)
VIEWS = st.dictionaries(
    st.text("abcdefgh._", min_size=1, max_size=9), KINDS.flatmap(lambda kind: arrays.arrays(kind, SHAPES)), max_size=8
)


@given(VIEWS)
def test_any_arrays_come_back_bit_for_bit(view):
    read = unpack(*pack(view))
    assert list(read) == list(view)
    for name, value in view.items():
        assert (read[name].dtype, read[name].shape) == (value.dtype, value.shape)
        assert read[name].tobytes() == value.tobytes()


@pytest.mark.parametrize(
    ("value", "width"),
    [
        (np.array([0, 127]), 2),
        (np.array([-129, 5]), 4),
        (np.array([2**31, 0]), 16),
        (np.array([0.5, np.nan, -0.0, np.inf, 2048.0]), 10),
        (np.array([1 + 2.0**-23, 0.5]), 8),
        (np.array([0.1, 0.5]), 16),
        (np.ones(9, dtype=bool), 2),
    ],
)
def test_as_many_bytes_as_the_numbers_need(value, width):
    assert len(pack({"x": value})[1]) == 1 + width


@given(st.binary(max_size=40))
def test_other_bytes_are_said_to_be_damaged(body):
    line, whole = pack({"x": np.array([0.1, 0.2]), "n": np.array([1, 2, 3]), "b": np.array([True])})
    try:
        unpack(line, body)
    except StoreDamaged:
        assert len(body) != len(whole) or body[:3] != whole[:3]


def test_views_of_the_first_version_are_read():
    value = np.array([[0.1, 2.0]])
    assert unpack_first(b"x:<f8:1,2\n" + value.tobytes())["x"].tobytes() == value.tobytes()
    with pytest.raises(StoreDamaged):
        unpack_first(b"x:<f8:1,3\n" + value.tobytes())

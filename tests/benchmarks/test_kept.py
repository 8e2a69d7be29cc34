"""A measurement that was stopped goes on."""

import numpy as np
import pytest

from benchmarks.harness.kept import kept


def test_what_was_done_is_not_done_again(tmp_path):
    calls: list[int] = []

    def work() -> np.ndarray:
        calls.append(1)
        return np.array([len(calls) / 3, 1.0])

    first, again, other = (kept(tmp_path / "runs", name, work) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(again, first)
    assert (other[0], len(calls)) == (2 / 3, 2)
    kept(None, "a", work)
    assert len(calls) == 3


def test_work_that_was_stopped_leaves_nothing(tmp_path):
    def stopped() -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, "a", stopped)
    assert kept(tmp_path, "a", lambda: np.ones(2)).tolist() == [1.0, 1.0]

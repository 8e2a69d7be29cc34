"""A measurement that was stopped goes on."""

import numpy as np

from benchmarks.harness.kept import kept
from poolwise import compute


def test_what_was_written_down_is_not_done_again(tmp_path):
    done: list[int] = []

    def work(task: int) -> np.ndarray:
        done.append(task)
        return np.array([task / 3, 1.0])

    pool = kept(compute.HERE, tmp_path / "laps", str)
    first = compute.mapped(pool, work, [1, 2])
    again = compute.mapped(kept(compute.HERE, tmp_path / "laps", str), work, [3, 2, 1])
    assert done == [1, 2, 3]
    np.testing.assert_array_equal(again[:0:-1], first)


def test_without_a_file_it_is_the_pool_itself():
    assert kept(compute.HERE, None, str) is compute.HERE

"""Levels of jobs: contrasts by hand, their number, and what must not matter."""

import numpy as np
import pytest

from poolwise.posterior.crossed.job_effects import Sums, contrasts, level_of

THETA = np.array([0.0, 0.5, -0.5])


def theta(project: int, context: int) -> np.ndarray:
    return THETA


def summed(rows: list[tuple[int, float]]) -> Sums:
    every = {(0, 0, arm): np.array([y for one, y in rows if one == arm]) for arm, _ in rows}
    return {key: np.array([len(y), y.sum(), (y**2).sum()]) for key, y in every.items()}


ROWS = [(0, 3.0), (0, 3.4), (1, 3.9), (2, 2.0)]


def test_contrasts_by_hand():
    """Arm 0: two outcomes of mean 3.2 against (3.9 - 0.5 + 2.0 + 0.5) / 2, worth 2 * 2 / 4 = 1 outcome."""
    found = np.array(list(contrasts(summed(ROWS), theta).values()))
    assert found[:, 0].tolist() == [1.0, 0.75, 0.75]
    assert found[0, 1] == pytest.approx(3.2 - 2.95)
    assert found[0, 2] == pytest.approx(0.25**2 + 0.2**2)


def test_counts_are_the_information_that_is_left_of_each_arm():
    """The diagonal of I - 11'/N summed by arm."""
    rows = [(arm, 0.0) for arm in (0, 0, 0, 1, 1, 2)]
    member = np.eye(3)[[arm for arm, _ in rows]]
    left = member.T @ (np.eye(6) - np.ones((6, 6)) / 6) @ member
    found = [part[0] for part in contrasts(summed(rows), theta).values()]
    np.testing.assert_allclose(found, np.diag(left))


def test_a_constant_added_to_a_job_changes_nothing():
    one, other = (contrasts(summed([(arm, y + more) for arm, y in ROWS]), theta) for more in (0.0, 7.0))
    for key, value in one.items():
        np.testing.assert_allclose(other[key], value, atol=1e-12)


def test_one_arm_alone_says_nothing():
    assert contrasts(summed(ROWS[:2]), theta) == {}
    assert level_of(summed(ROWS[:2]), (0, 0, 0), theta) is None
    assert level_of(summed(ROWS[:2]), (0, 0, 1), theta) == pytest.approx(3.2)

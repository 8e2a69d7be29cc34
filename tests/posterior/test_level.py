"""Levels of jobs: contrasts by hand, their number, and what must not matter."""

import numpy as np
import pytest

from poolwise.posterior.level import Levels

THETA = np.array([0.0, 0.5, -0.5])


def theta(project: int, context: int) -> np.ndarray:
    return THETA


def filled(rows: list[tuple[int, float]], job: int = 4) -> Levels:
    levels = Levels()
    for arm, y in rows:
        levels.add(job, (0, 0, arm), y)
    return levels


ROWS = [(0, 3.0), (0, 3.4), (1, 3.9), (2, 2.0)]


def test_contrasts_by_hand():
    """Arm 0: two outcomes of mean 3.2 against (3.9 - 0.5 + 2.0 + 0.5) / 2, worth 2 * 2 / 4 = 1 outcome."""
    found = filled(ROWS).change([4], theta)
    assert found.arm.tolist() == [0, 1, 2]
    assert found.count.tolist() == [1.0, 0.75, 0.75]
    assert found.total[0] == pytest.approx(3.2 - 2.95)
    assert found.squares[0] == pytest.approx(0.25**2 + 0.2**2)


def test_counts_are_the_information_that_is_left_of_each_arm():
    """The diagonal of I - 11'/N summed by arm."""
    rows = [(arm, 0.0) for arm in (0, 0, 0, 1, 1, 2)]
    member = np.eye(3)[[arm for arm, _ in rows]]
    left = member.T @ (np.eye(6) - np.ones((6, 6)) / 6) @ member
    np.testing.assert_allclose(filled(rows).change([4], theta).count, np.diag(left))


def test_a_constant_added_to_a_job_changes_nothing():
    one, other = (filled([(arm, y + more) for arm, y in ROWS]).change([4], theta) for more in (0.0, 7.0))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_changes_add_up_to_what_is_said_at_last():
    levels, sums = filled([ROWS[0]]), np.zeros((3, 3))
    for arm, y in [*ROWS[1:], (1, 4.4)]:
        levels.add(4, (0, 0, arm), y)
        change = levels.change([4], theta)
        sums[:, change.arm] += change[3:]
    last = filled([*ROWS, (1, 4.4)]).change([4], theta)
    np.testing.assert_allclose(sums, last[3:], atol=1e-12)


def test_what_was_forgotten_is_compared_with_nothing():
    levels = filled(ROWS)
    levels.change([4], theta)
    levels.forget(0, 0, {1, 2})
    assert levels.worth(4, (0, 0, 0), 9.0, theta) == 0.0
    assert levels.change([4], theta).count.tolist() == [-1.0]

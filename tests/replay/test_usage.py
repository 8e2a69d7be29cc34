"""Uses as arrays are those of `policy.constraints.usage`."""

from collections import Counter

import numpy as np
import pytest

from poolwise.policy.constraints.usage import UsageCounts
from poolwise.replay import usage


def jobs(seed: int, size: int) -> list[tuple[int, int]]:
    """(project, context) of each: six projects in bursts, so that some fall silent for long, and come back."""
    random = np.random.default_rng(seed)
    bursts = [np.full(random.integers(1, 50), random.integers(6)) for _ in range(size)]
    projects = np.concatenate(bursts)[:size].tolist()
    return list(zip(projects, random.integers(2, size=size).tolist(), strict=True))


@pytest.mark.parametrize("horizon", [None, 300.0])
def test_as_an_engine_counts(horizon: float | None) -> None:
    counts, expected = usage.empty(6, 2), UsageCounts(horizon)
    for p, c in jobs(0, 400):
        np.testing.assert_allclose(usage.scalars(counts, p, c, horizon), expected.context(p, c))
        counts = usage.decided(counts, p, c)
        expected.decided(p, c)
        if c == 0:
            counts = usage.observed(counts, p, c, 1.0)
            expected.observed(p, c, float("nan"))


@pytest.mark.parametrize("seed", range(3))
def test_decisions_count_alike_one_by_one_together_and_resumed(seed: int) -> None:
    random, one, other = np.random.default_rng(seed), UsageCounts(None), UsageCounts(None)
    left = jobs(seed, 600)
    while left:
        size = int(random.integers(1, 80))
        part, left = left[:size], left[size:]
        other.decided_together(np.array([p for p, _ in part]), Counter(part).items())
        for place in part[: len(part) // 2]:
            one.decided(*place)
        one.context(*part[0])
        for place in part[len(part) // 2 :]:
            one.decided(*place)
        again = UsageCounts(None)
        again.resume(other.saved())
        for p in range(6):
            assert one.context(p, 1) == other.context(p, 1) == again.context(p, 1)
        other = again if random.random() < 0.5 else other


def test_told_how_many_decisions_there_are_lengths_are_those_of_projects_that_ended() -> None:
    """The fourth of five, of 200 decisions each, is not given a fourth of what is left, which was given before."""
    counts = UsageCounts(1000.0)
    for p in range(3):
        for _ in range(200):
            counts.decided(p, 0)
    for _ in range(60):
        counts.decided(3, 0)
    told, learned = counts.context(3, 0).remaining_project, counts.lives.remaining(3)
    assert told == learned
    assert 130 < told < 200
    for _ in range(280):
        counts.decided(3, 0)
    assert counts.context(3, 0).remaining_project == 60


def test_told_how_many_decisions_there_are_projects_that_take_turns_share_them() -> None:
    counts = UsageCounts(2000.0)
    for k in range(400):
        counts.decided(k % 4, 0)
    assert counts.context(0, 0).remaining_project == 1600 / 4

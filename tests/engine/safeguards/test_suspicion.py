"""Who lies is believed less, and many who do are noticed."""

import numpy as np
import pytest

from benchmarks.robustness import poisoning
from poolwise.engine.safeguards import suspicion
from poolwise.engine.state import observations
from tests.engine.test_undo import opened, same


def test_an_absurd_utility_is_a_failure():
    engines = [opened(), opened()]
    for engine, absurd in zip(engines, (True, False), strict=True):
        for turn in range(20):
            decision = engine.decide("p", "c")
            report = {"utility": (-1) ** turn * 2 * observations.ABSURD} if absurd else {"status": "failed"}
            engine.observe(decision.id, **report)
    same(*engines)
    assert engines[0].status()["clipped"] == 20


@pytest.mark.parametrize("camp", [2, 5, 10])
def test_two_camps_are_told_apart(camp):
    score = np.random.default_rng(camp).normal(0, 0.1, 30)
    score[:camp] += 3.0
    part, second = suspicion.split(score)
    assert set(np.flatnonzero(second)) == set(range(camp))
    assert suspicion.probability(30, part) <= suspicion.ALARM


def test_the_probability_is_that_of_normal_samples():
    """4,000 samples: 5 standard errors of 5 % are 1.7 %."""
    draws = np.random.default_rng(7).standard_normal((4_000, 12))
    found = [suspicion.probability(12, suspicion.split(row)[0]) for row in draws]
    assert abs(np.mean(np.array(found) <= 0.05) - 0.05) < 0.017


def test_the_oracle_of_the_best_split():
    score = np.random.default_rng(3).normal(size=9)
    ordered, whole = np.sort(score), ((score - score.mean()) ** 2).sum()
    parts = [1 - (ordered[:k].var() * k + ordered[k:].var() * (9 - k)) / whole for k in range(1, 9)]
    assert suspicion.split(score)[0] == pytest.approx(max(parts))


@pytest.mark.parametrize("lie", ["huge", "failed"])
def test_thirty_liars_among_ten_are_noticed(lie):
    assert poisoning.noticed(lie, 30, 10, 12, 1)


def test_honest_projects_are_not_suspicious():
    assert not poisoning.noticed(None, 0, 10, 12, 1)

"""Twenty projects: the published references come out, and what happens does not depend on who decides."""

import numpy as np
import pytest

from benchmarks.peers import projects as peers
from benchmarks.simulation.projects import DEVIATIONS, PUBLISHED, REFERENCES, SHIPPED, summed
from benchmarks.simulation.projects_world import expected, outcome, world
from benchmarks.simulation.world import read

PROBLEM = read(SHIPPED)


@pytest.mark.parametrize("name", ["flat Thompson", "fully pooled Thompson"])
@pytest.mark.parametrize("place", [0, 2])
def test_published_references_come_out(name, place):
    made = world(PROBLEM, range(100), DEVIATIONS[place])
    found = summed(made, peers.run(PROBLEM, made, REFERENCES[name][0], 1))
    assert found["regret"] == pytest.approx(PUBLISHED[name][place], abs=4 * found["regret_se"])


def test_the_expected_speed_up_is_the_mean_of_outcomes():
    rng, (context, arm) = np.random.default_rng(0), (3, 3)
    mean, sd, chance = (float(part[context, arm]) for part in (PROBLEM.mean, PROBLEM.sd, PROBLEM.reliability))
    speed = np.maximum(PROBLEM.floor, rng.normal(mean, sd, 400_000))
    drawn = np.where(rng.random(400_000) < chance, speed, PROBLEM.failed)
    assert expected(PROBLEM, PROBLEM.mean)[context, arm] == pytest.approx(drawn.mean(), abs=4e-3)


def test_luck_is_the_same_in_any_company_and_for_every_deviation():
    alone, together = world(PROBLEM, range(3, 4), 0.05), world(PROBLEM, range(5), 0.6)
    np.testing.assert_array_equal(alone.context[0], together.context[3])
    np.testing.assert_allclose((alone.mean[0] - PROBLEM.mean) / 0.05, (together.mean[3] - PROBLEM.mean) / 0.6)
    assert outcome(PROBLEM, alone, 0, 0, np.array([0]))[0].shape == (1,)


def test_an_outlier_is_shuffled_and_the_others_are_not():
    made = world(PROBLEM, range(2), 0.0, outlier=9)
    assert not np.allclose(made.mean[:, 9], PROBLEM.mean)
    np.testing.assert_allclose(np.sort(made.mean[:, 9], axis=2)[0], np.sort(PROBLEM.mean, axis=1))
    np.testing.assert_array_equal(np.delete(made.mean, 9, axis=1)[1, 4], PROBLEM.mean)


def test_more_evidence_for_the_true_scales_than_for_others():
    rng, shape = np.random.default_rng(1), (1, 12, 5, 8)
    theta = 1.0 + 0.4 * rng.normal(size=(1, 1, 5, 8)) + 0.2 * rng.normal(size=shape)
    y = theta[..., None] + 0.3 * rng.normal(size=(*shape, 5))
    sums = peers.Sums(np.full(shape, 5.0), y.sum(axis=-1), (y**2).sum(axis=-1))
    scales = lambda context, project: peers.Scales(*(np.array([v]) for v in (0.5, context, project, 0.3)))
    best = peers.evidence(sums, scales(0.4, 0.2))[0]
    assert all(
        best > peers.evidence(sums, scales(*other))[0] for other in ((0.4, 0.05), (0.4, 0.8), (0.05, 0.2), (3, 0.2))
    )

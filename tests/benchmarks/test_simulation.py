"""The simulated table: the benchmark's environment and references against plain arithmetic."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import simulated as simulated_peers
from benchmarks.simulation import prover as prover_simulation
from benchmarks.simulation import world as simulated

CONFIG = Path(__file__).parents[2] / "configs" / "prover_simulation.toml"
PROBLEM = simulated.read(CONFIG)


def test_a_seeds_luck_is_the_same_in_any_company():
    alone, both = simulated.luck(PROBLEM, range(5, 6)), simulated.luck(PROBLEM, range(4, 6))
    for one, two in zip(alone, both, strict=True):
        np.testing.assert_array_equal(one[0], two[1])


def test_the_oracle_has_no_regret_and_earns_what_it_expects():
    """Mean speed-up of 12,000 jobs at 4 standard errors."""
    chance = simulated.luck(PROBLEM, range(40))
    made = simulated_peers.oracle(PROBLEM, chance)
    found = simulated.figures(PROBLEM, chance, made)
    assert (found["regret"], found["found"]) == (0.0, 1.0)
    expected = (PROBLEM.frequency * PROBLEM.value.max(axis=1)).sum()
    assert abs(found["speed_up"] - expected) < 4 * made.speed.std() / made.speed.size**0.5


@pytest.mark.parametrize("name", simulated_peers.PEERS)
def test_every_reference_learns_more_than_nothing(name):
    """Their published regret, at 5 standard errors of 40 seeds: uniform has 149, a learner's spread is about 20."""
    chance = simulated.luck(PROBLEM, range(40))
    made = simulated_peers.run(PROBLEM, chance, simulated_peers.PEERS[name], 0)
    found = simulated.figures(PROBLEM, chance, made)
    assert abs(found["regret"] - prover_simulation.KNOWN[name][3]) < 5 * max(found["regret_se"], 1.0)


def test_poolwise_is_the_engine_and_a_chunk_of_seeds_is_their_sum():
    short = PROBLEM._replace(rounds=12)
    both = prover_simulation.poolwise_run(short, range(2), {})[1]
    second = prover_simulation.poolwise_run(short, range(1, 2), {})[1]
    np.testing.assert_array_equal(both.arm[1], second.arm[0])
    np.testing.assert_array_equal(both.favourite[1], second.favourite[0])
    assert both.speed.shape == (2, 12)

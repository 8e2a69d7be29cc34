"""Simulated systems as histories: the same luck for all settings, and a policy that explores too much loses."""

import numpy as np

from poolwise import policy as policies
from poolwise.meta import simulated, systems
from poolwise.simulate import Shape

SHAPE = Shape(2, 15, 2, 3)
PASTS = simulated.of_systems(systems.sample(np.random.default_rng(0), 2, None, SHAPE), SHAPE)


def test_a_seed_is_one_luck_whatever_else_is_played():
    policy = policies.thompson(1.0)
    both, second = PASTS[0].play(policy, [4, 9]), PASTS[0].play(policy, [9])
    np.testing.assert_allclose(both[1:], second, rtol=1e-5)
    assert both[0] != both[1]


def test_too_much_exploration_costs_in_every_system():
    for past in PASTS:
        lost = [past.play(policies.thompson(temperature), range(3)).mean() for temperature in (1.0, 50.0)]
        assert lost[0] < lost[1]


def test_systems_are_groups_of_their_own_with_their_characteristics():
    assert len({one.group for one in PASTS}) == 2
    assert all(np.isfinite(one.known).all() for one in PASTS)
    assert {round(np.exp(one.known.arms)) for one in PASTS} == {3}

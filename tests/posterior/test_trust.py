"""The guard against negative transfer: who is like the others keeps what they taught, who is not soon stands alone."""

import numpy as np
import pytest

from poolwise.posterior.joint import Joint, prior_scales
from poolwise.posterior.trust import TRUST, Trusting, log_density, mixed

ARMS, CONTEXTS = 4, 2
SUCCESS = np.tile((1e6, 1e-3), (ARMS, 1))
TABLE = np.array([[0.0, 0.8, -0.6, 0.3], [0.0, -0.7, 0.9, 0.2]])


def after(last, outcomes, seed=0):
    """Six projects on TABLE, then one on `last`; its index is 6."""
    rng, family = np.random.default_rng(seed), np.arange(ARMS)
    made = Trusting(Joint(prior_scales(family, SUCCESS), -1.0), -1.0)
    for project in range(7):
        table, number = (TABLE, 80) if project < 6 else (last, outcomes)
        for k in range(number):
            context, arm = int(rng.integers(CONTEXTS)), int(rng.integers(ARMS))
            made.learn(project, context, arm, float(table[context, arm] + 0.1 * rng.normal()), True)
            if project < 6 and k % 40 == 0:
                made.reestimate()
    return made


def test_an_ordinary_project_keeps_its_trust():
    made = after(TABLE, 15)
    assert made.weight(6) > TRUST
    assert made.look(6, 0).mean == pytest.approx(TABLE[0], abs=0.15)


def test_an_outlier_stands_alone_and_believes_what_it_sees():
    made = after(-TABLE, 25)
    assert made.weight(6) < 0.5
    pooled, guarded = made.joint.look(6, 0), made.look(6, 0)
    error = [abs(seen.mean + TABLE[0]).mean() for seen in (pooled, guarded)]
    assert error[1] <= error[0] + 0.05


def test_the_first_project_has_nothing_to_distrust():
    made = after(TABLE, 0)
    assert made.weight(0) == 1.0
    np.testing.assert_array_equal(made.look(0, 0).mean, made.joint.look(0, 0).mean)


def test_the_mixture_has_the_moments_of_one():
    made = after(TABLE, 1)
    a, b = made.joint.look(0, 0), made.joint.look(3, 1)
    rng, weight = np.random.default_rng(1), 0.3
    which = rng.random((200_000, 1)) < weight
    draws = np.where(
        which, a.mean + a.scale * rng.normal(size=(200_000, ARMS)), b.mean + b.scale * rng.normal(size=(200_000, ARMS))
    )
    found = mixed(a, b, weight)
    np.testing.assert_allclose(found.mean, draws.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(found.scale, draws.std(axis=0), rtol=0.02)


def test_no_single_outcome_decides():
    seen = after(TABLE, 1).joint.look(0, 0)
    near, far = (log_density(seen, 0, y) for y in (0.0, 1e3))
    assert np.isfinite(far)
    assert near - far < 60

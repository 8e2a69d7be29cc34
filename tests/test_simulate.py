"""The simulator: worlds are what their population says, the belief is exact, and the loop credits what was decided."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.policy.constraints.usage import UsageCounts
from poolwise.posterior.hyperparameters.hyper import Hyper, Tier
from poolwise.posterior.joint import Joint, prior_scales
from poolwise.posterior.observation_model import Options
from poolwise.simulate import Population, Shape, belief, draw, population_of, simulate, values
from poolwise.simulate.belief import Predictive
from poolwise.simulate.loop import _scalars

SHAPE = Shape(projects=2, decisions=30, contexts=3, arms=4)
NONE = Tier(0.0, 0.0, 0.0, 0.0)
POPULATION = population_of(Hyper(Tier(0.3, 0.4, 0.1, 0.2), NONE, NONE, jnp.full(4, 0.2)))


def population(**changes) -> Population:
    return POPULATION._replace(**changes)


@cache
def worlds(**changes):
    keys = jax.random.split(jax.random.key(4), 2_000)
    return jax.jit(jax.vmap(lambda key: draw(key, population(**changes), SHAPE)))(keys)


@cache
def runs(spec, number=32):
    policy = policies.parse(spec)
    keys = jax.random.split(jax.random.key(5), number)
    play = jax.vmap(lambda key: simulate(policy.probabilities, policy.params, key, POPULATION, SHAPE))
    return jax.jit(play)(keys)


def test_effects_have_the_scales_of_the_hierarchy():
    theta = np.asarray(worlds().theta[:, 0])  # world, project, context, arm
    assert theta[..., 1:].var() == pytest.approx(0.3**2 + 0.4**2 + 0.1**2 + 0.2**2, rel=0.05)
    shared = (theta[:, 0, 0, 1:] * theta[:, 1, 0, 1:]).mean()
    assert shared == pytest.approx(0.3**2 + 0.4**2, rel=0.1)
    assert (theta[:, 0, 0, 1:] * theta[:, 1, 1, 1:]).mean() == pytest.approx(0.3**2, rel=0.2)
    assert not theta[..., 0].any()


def test_stress_is_as_frequent_as_it_was_asked_for():
    calm, rough = worlds(), worlds(drift=0.01, outlier=1.0)
    assert not (calm.change < SHAPE.decisions).any()
    assert float((rough.change < SHAPE.decisions).mean()) == pytest.approx(1 - np.exp(-0.3), abs=0.03)
    theta = np.asarray(rough.theta[:, 0, :, :, 1:])
    assert abs((theta[:, 0, 0] * theta[:, 1, 0]).mean()) < 0.3 * (0.3**2 + 0.4**2)


def test_families_share_their_effects():
    shape = SHAPE._replace(families=2)
    hyper = Hyper(NONE, Tier(1.0, 0.0, 0.0, 0.0), NONE, jnp.full(4, 0.2))
    theta = draw(jax.random.key(0), population_of(hyper), shape).theta
    assert shape.family.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(theta[..., 2], theta[..., 3])


def test_the_belief_is_that_of_dense_conditioning():
    world = draw(jax.random.key(1), POPULATION, SHAPE)
    rng, rows = np.random.default_rng(2), []
    learn = jax.jit(lambda *given: belief.update(*given, SHAPE))
    state = belief.init(world.believed, SHAPE)
    for p in range(2):
        if p:
            state = belief.marginalise_project(state, world.believed, SHAPE)
        for _ in range(25):
            c, arm, y = int(rng.integers(3)), int(rng.integers(4)), float(rng.normal())
            share = 1.0 * (jnp.arange(4) == arm)
            state = learn(state, world, jnp.asarray(c), share, jnp.full(4, y), jnp.ones(4))
            rows.append((p, c, arm, y))
    certain = world._replace(believed=world.believed._replace(success=jnp.tile(jnp.array([1e9, 1.0]), (4, 1))))
    for c in range(3):
        seen = belief.predict(state, certain, jnp.asarray(c), SHAPE)
        for arm in range(1, 4):
            mean, scale = _conditioned([row for row in rows if row[2] == arm], (1, c))
            assert float(seen.mean[arm]) == pytest.approx(mean, abs=2e-3)
            assert float(seen.scale[arm]) == pytest.approx(scale, rel=1e-2)
            moved = learn(state, certain, jnp.asarray(c), 1.0 * (jnp.arange(4) == arm), jnp.full(4, 9.0), jnp.ones(4))
            later = belief.predict(moved, certain, jnp.asarray(c), SHAPE)
            change = float(later.mean[arm] - seen.mean[arm])
            shared = np.asarray(later.wider_mean - seen.wider_mean)[:, arm] / change
            np.testing.assert_allclose(seen.wider_share[:, arm], shared, atol=5e-3)


def _conditioned(rows, at):
    """Mean and standard deviation of theta at (project, context) from the covariance between all outcomes of an arm."""
    level, context, project, cell = POPULATION.hyper.arm
    places = [row[:2] for row in rows]

    def covariance(a, b):
        same = (a[0] == b[0], a[1] == b[1])
        return level**2 + context**2 * same[1] + project**2 * same[0] + cell**2 * all(same)

    own = np.array([[covariance(a, b) for b in places] for a in places]) + 0.2**2 * np.eye(len(rows))
    across = np.array([covariance(at, b) for b in places])
    gain = np.linalg.solve(own, across)
    mean = gain @ np.array([row[3] for row in rows])
    return mean, (covariance(at, at) - gain @ across) ** 0.5


def test_the_belief_is_the_one_that_serves():
    """The scales given, every arm alone, no outcome left out of account: failures, the baseline and all."""
    world = draw(jax.random.key(1), POPULATION, SHAPE)
    alone = POPULATION.hyper._replace(globe=Tier(1e-6, 1e-6, 1e-6, 1e-6), noise=np.full(4, 0.2))
    scales = prior_scales(np.arange(4), np.array(world.believed.success, float))
    served = Joint(
        scales._replace(gaussian=scales.gaussian._replace(hyper=alone)),
        float(world.failed),
        projects=2,
        contexts=3,
        options=Options(outliers=None, trust=1.0),
        baseline=0,
    )
    rng, learn = np.random.default_rng(3), jax.jit(lambda *given: belief.update(*given, SHAPE))
    state = belief.init(world.believed, SHAPE)
    for number in range(60):
        p, c, arm, y, ok = number // 40, *rng.integers(3, size=2).tolist(), float(rng.normal()), rng.random() < 0.8
        state = belief.marginalise_project(state, world.believed, SHAPE) if number == 40 else state
        share, fine = 1.0 * (jnp.arange(4) == arm), jnp.full(4, 1.0 * ok)
        state = learn(state, world, jnp.asarray(c), share, jnp.full(4, y), fine)
        served.learn(p, c, arm, y if ok else float(world.failed), bool(ok))
    served.adopt(served.scales)
    for c in range(3):
        ours, theirs = belief.predict(state, world, jnp.asarray(c), SHAPE), served.look(1, c)
        for name in Predictive._fields:
            wanted = getattr(theirs, name)
            found = np.asarray(getattr(ours, name))
            np.testing.assert_allclose(found, wanted if found.ndim == 1 else wanted[:2], atol=2e-3, err_msg=name)


@pytest.mark.parametrize("told", [True, False])
def test_a_simulated_policy_is_told_what_an_engine_would_tell_it(told):
    world = draw(jax.random.key(1), population(unknown_horizon=float(not told)), SHAPE)
    counted = UsageCounts(SHAPE.projects * SHAPE.decisions if told else None)
    before, made = np.zeros((2, 3, 3))
    for p, t in [(p, t) for p in range(2) for t in range(SHAPE.decisions)]:
        made, before = (np.zeros((3, 3)), before + made) if (p, t) == (1, 0) else (made, before)
        c = (t * t + p) % 3
        expected = counted.context(p, c)
        given = _scalars(jnp.asarray(made), before[0, c], world, SHAPE, jnp.asarray(p), jnp.asarray(t), c)
        for name in ("decisions", "share", "remaining", "remaining_project", "remaining_all", "remaining_elsewhere"):
            assert float(getattr(given, name)) == pytest.approx(getattr(expected, name), rel=1e-5), name
        counted.decided(p, c)
        made[0, c] += 1


def test_uniform_play_earns_the_average_arm():
    key = jax.random.split(jax.random.key(5), 32)[0]
    value = np.asarray(values(draw(jax.random.split(key)[0], POPULATION, SHAPE)))[0]
    made = runs("uniform")
    assert set(np.round(np.asarray(made.utility[0, 0]), 4)) <= set(np.round(value[0].mean(axis=1), 4))
    assert (np.asarray(made.regret) >= 0).all()


def test_the_same_key_gives_the_same_run():
    policy = policies.parse("uniform")
    key = jax.random.split(jax.random.key(5), 32)[3]
    alone = simulate(policy.probabilities, policy.params, key, POPULATION, SHAPE)
    np.testing.assert_allclose(alone.utility, runs("uniform").utility[3], rtol=1e-5)


def test_learning_pays():
    assert float(runs("thompson").regret.mean()) < 0.7 * float(runs("uniform").regret.mean())
    assert float(runs("thompson").regret[:, 1].mean()) < float(runs("thompson").regret[:, 0].mean())

"""The simulator: worlds are what their population says, the belief is exact, and the loop credits what was decided."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.policy.constraints.usage import UsageCounts
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales
from poolwise.posterior.posterior import Posterior
from poolwise.replay.replay_posterior import FAILURE_UTILITY
from poolwise.simulate import Population, Shape, draw, population_of, simulate, values
from poolwise.simulate.loop import decide, episodes, play, scales_of
from poolwise.views import view

SHAPE = Shape(projects=2, decisions=30, contexts=3, arms=4)
NONE = TierScales(0.0, 0.0, 0.0, 0.0)
POPULATION = population_of(GaussianHyperparameters(TierScales(0.3, 0.4, 0.1, 0.2), NONE, NONE, jnp.full(4, 0.2)))
TIERS = GaussianHyperparameters(
    TierScales(0.3, 0.4, 0.1, 0.2), TierScales(0.2, 0.2, 0.1, 0.1), TierScales(0.2, 0.1, 0.1, 0.1), jnp.full(4, 0.2)
)


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
    play = jax.vmap(lambda key: simulate(policy, key, POPULATION, SHAPE))
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
    scales = GaussianHyperparameters(NONE, TierScales(1.0, 0.0, 0.0, 0.0), NONE, jnp.full(4, 0.2))
    theta = draw(jax.random.key(0), population_of(scales), shape).theta
    assert shape.family.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(theta[..., 2], theta[..., 3])


def drawn(shape, number=1, **changes):
    """Episodes of one population."""
    every = jax.tree.map(lambda part: np.broadcast_to(part, (number, *np.shape(part))), population(**changes))
    return episodes(shape)(jax.random.split(jax.random.key(1), number), every)


@pytest.mark.parametrize(("families", "horizon_known"), [(0, False), (2, True)])
def test_decisions_are_those_of_the_posterior_that_serves(families, horizon_known):
    """Outcome by outcome in NumPy: failures, importance, the baseline and the trust in projects included."""
    shape, policy = SHAPE._replace(families=families), policies.parse("curious(knowledge_gradient)")
    given = jax.tree.map(lambda part: np.array(part[0], float), drawn(shape, scales=TIERS, success=1.0, importance=0.5))
    with jax.enable_x64():
        made = jax.jit(lambda given: decide(policy, given, shape, horizon_known=horizon_known))(given)
    believer = Posterior(
        scales_of(given.believed, shape), FAILURE_UTILITY, projects=2, contexts=3, baseline=0, backend="numpy"
    )
    counted = UsageCounts(2.0 * SHAPE.decisions if horizon_known else None)
    for number, arm in enumerate(np.asarray(made.arm).tolist()):
        p, c = number // SHAPE.decisions, int(given.context[number])
        scalars = np.array(counted.context(p, c))
        seen = view(believer.predict(p, c), shape, np.ones(4, bool), scalars)
        np.testing.assert_allclose(made.chances[number], policy.probabilities(policy.params, seen), atol=1e-6)
        counted.decided(p, c)
        believer.update(p, c, arm, given.utility[number, arm], bool(given.ok[number, arm]))
        counted.observed(p, c, float(given.worth[number]))


def test_single_precision_is_enough():
    shape = Shape(projects=4, decisions=50, contexts=3, arms=4)
    runs, policy, given = [], policies.default(), jax.tree.map(np.asarray, drawn(shape, 16))
    for double in (False, True):
        with jax.enable_x64(double):
            exact = jax.tree.map(partial(np.asarray, dtype="float64" if double else "float32"), given)
            exact = exact._replace(context=given.context)
            runs.append(jax.jit(jax.vmap(lambda one: play(policy, one, shape)))(exact).regret)
    single, double = (np.asarray(part, float).sum((1, 2)) for part in runs)
    assert single.mean() == pytest.approx(double.mean(), rel=0.02)
    assert np.median(abs(single / double - 1)) < 0.01


def test_uniform_play_earns_the_average_arm():
    key = jax.random.split(jax.random.key(5), 32)[0]
    value = np.asarray(values(draw(jax.random.split(key)[0], POPULATION, SHAPE)))[0]
    made = runs("uniform")
    assert set(np.round(np.asarray(made.utility[0, 0]), 4)) <= set(np.round(value[0].mean(axis=1), 4))
    assert (np.asarray(made.regret) >= 0).all()


def test_the_same_key_gives_the_same_run():
    policy = policies.parse("uniform")
    key = jax.random.split(jax.random.key(5), 32)[3]
    alone = simulate(policy, key, POPULATION, SHAPE)
    np.testing.assert_allclose(alone.utility, runs("uniform").utility[3], rtol=1e-5)


def test_learning_pays():
    assert float(runs("thompson").regret.mean()) < 0.7 * float(runs("uniform").regret.mean())
    assert float(runs("thompson").regret[:, 1].mean()) < float(runs("thompson").regret[:, 0].mean())

"""The run loop: one scan over decisions within a scan over projects, `vmap` over worlds; float32 unless told else.

Every step decides by the policy's own probability vector and is credited with what that vector earns on average, so
that no luck of the choice is in the reward; the arm that is learned from is drawn.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poolwise.policy.constraints.usage import HORIZON_MULTIPLE
from poolwise.policy.view import Context, Params, View
from poolwise.simulate import belief
from poolwise.simulate.population import Population, Shape
from poolwise.simulate.world import World, draw, values

Array = Any
Decide = Callable[[Params, View], Array]
"""A policy's `probabilities`."""
MARGIN = float(np.log(0.95))
"""A decision is unsafe where its arm's expected utility lies below this."""


class Run(NamedTuple):
    """Of every project and decision, on average over what the policy might choose: (projects, decisions)."""

    utility: Array
    regret: Array
    """To the best arm of the cell, in units of utility; like `utility` times what the job is worth."""
    unsafe: Array
    """Probability of an arm whose expected utility is below MARGIN."""


class RandomDraws(NamedTuple):
    """Of every decision of a project, the same for every policy: (decisions,) or (decisions, arms)."""

    context: Array
    pick: Array
    fine: Array
    """Uniform: the arm fails where this is not below its chance."""
    score: Array
    """Standard normal."""


class Step(NamedTuple):
    """What is about to be decided."""

    view: View
    value: Array
    """(arms,): true expected utility."""
    worth: Array
    pick: Array


Act = Callable[[Any, Step], tuple[Any, Array, Array]]
"""(memory, step) -> (memory, probabilities, arm)."""


def simulate(decide: Decide, params: Params, key: Array, population: Population, shape: Shape) -> Run:
    """One world of the population, and the policy in it from nothing."""
    first, second = jax.random.split(key)
    return play(decide, params, second, draw(first, population, shape), shape)


def play(decide: Decide, params: Params, key: Array, world: World, shape: Shape) -> Run:
    """The policy in one world. Pure; to be jitted and mapped by the caller."""

    def act(memory: None, step: Step) -> tuple[None, Array, Array]:
        chances = decide(params, step.view)
        return memory, chances, drawn(chances, step.pick)

    return loop(act, None, key, world, shape)[1]


def drawn(chances: Array, number: Array) -> Array:
    """Arm that a uniform number falls on."""
    ends = jnp.cumsum(chances)
    return jnp.minimum((number * ends[-1] >= ends).sum(), len(chances) - 1)


def loop(act: Act, memory: Any, key: Array, world: World, shape: Shape) -> tuple[Any, Run]:
    """All projects of a world, one after another; `memory` goes through all decisions."""
    everything = values(world)

    def project(carry: Any, at: tuple[Array, Array]) -> tuple[Any, Run]:
        (memory, state, before), (p, one) = carry, at
        inner = partial(_step, act, world, shape, p, world.theta[:, p], everything[:, p], before)
        start, times = (memory, state, jnp.zeros((3, shape.contexts))), jnp.arange(shape.decisions)
        (memory, state, uses), made = jax.lax.scan(inner, start, (times, random_draws(one, world, shape)))
        return (memory, belief.marginalise_project(state, world.believed, shape), before + uses[0]), made

    keys = jax.random.split(key, shape.projects)
    start: Any = (memory, belief.init(world.believed, shape), jnp.zeros(shape.contexts))
    (memory, *_), made = jax.lax.scan(project, start, (jnp.arange(shape.projects), keys))
    return memory, made


def random_draws(key: Array, world: World, shape: Shape) -> RandomDraws:
    """Drawn at once, since a generator inside the scan would cost as much as the policy."""
    where, pick, fine, score = jax.random.split(key, 4)
    ends = jnp.cumsum(world.frequency)
    number = jax.random.uniform(where, (shape.decisions,)) * ends[-1]
    context = jnp.minimum((number[:, None] > ends).sum(1), shape.contexts - 1)
    each = (shape.decisions, shape.arms)
    return RandomDraws(
        context, jax.random.uniform(pick, each[:1]), jax.random.uniform(fine, each), jax.random.normal(score, each)
    )


def _step(
    act: Act,
    world: World,
    shape: Shape,
    p: Array,
    theta: Array,
    value: Array,
    before: Array,
    carry: Any,
    at: tuple[Array, RandomDraws],
) -> tuple[Any, Run]:
    (memory, state, uses), (t, chance) = carry, at
    c, late = chance.context, 1 * (t >= world.change[p])
    seen, now = belief.predict(state, world, c, shape), value[late, c]
    every, scalars = jnp.ones(shape.arms, bool), _scalars(uses, before[c], world, shape, p, t, c)
    view = View(*seen[:3], every, seen.count, shape.family, 0, *seen[4:6], scalars, seen.wider_share)
    memory, chances, arm = act(memory, Step(view, now, world.worth[c], chance.pick))
    share, fine = 1.0 * (jnp.arange(shape.arms) == arm), 1.0 * (chance.fine < world.chance[c])
    y = theta[late, c] + world.noise[c] * chance.score
    earned = chances @ now
    made = Run(world.worth[c] * earned, world.worth[c] * (now.max() - earned), chances @ (1.0 * (now < MARGIN)))
    counted = uses.at[:, c].set(jnp.stack([uses[0, c] + 1.0, uses[1, c] + world.worth[c], t + 1.0]))
    return (memory, belief.update(state, world, c, share, y, fine, shape), counted), made


def _scalars(uses: Array, elsewhere: Array, world: World, shape: Shape, p: Array, t: Array, c: Array) -> Context:
    """As `constraints.usage`. uses: (3, contexts) decisions of this project, their worth, and when the last was;
    elsewhere: decisions of other projects in this context."""
    made, total = uses[0, c], 1.0 * (p * shape.decisions + t)
    unknown = world.unknown_horizon > 0
    left = jnp.where(
        unknown, jnp.maximum(HORIZON_MULTIPLE * total, 10.0), jnp.maximum(shape.projects * shape.decisions - total, 1.0)
    )
    usual = jnp.where(unknown, HORIZON_MULTIPLE * total, left) / jnp.maximum(p + (t > 0), 1)
    project = jnp.minimum(jnp.maximum(jnp.where(unknown, HORIZON_MULTIPLE, 1.0) * t + 1.0, usual), left)
    return Context(
        made,
        made,
        made / jnp.maximum(t, 1),
        uses[1, c] / jnp.maximum(uses[1].sum(), 1e-9),
        t - uses[2, c],
        project * (made + 1.0) / (t + 2.0),
        project,
        left,
        left * elsewhere / (total + 2.0),
    )

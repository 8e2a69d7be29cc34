"""A policy in simulated worlds: jobs drawn from a world, decided one after another by the loop of a replay.

What is believed is the posterior that serves (`posterior.recursive`), in the layout that an engine of this size has,
from an engine's defaults, but with scales that are known with an error instead of estimated on the way. Pure, so that
worlds are mapped by `jax.vmap`, on CPU or GPU, in the precision that JAX is set to.

Every decision is credited with what the policy's probability vector earns on average, so that no luck of the choice is
in the reward; the arm that is learned from is drawn.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poolwise.policy.view import Policy
from poolwise.posterior.hyperparameters.estimation import Hyperparameters, init_hyperparameters
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters
from poolwise.posterior.observation_model import DEFAULT
from poolwise.posterior.recursive.initial import empty, init
from poolwise.posterior.recursive.types import Constants, State, Structure
from poolwise.replay import usage
from poolwise.replay.compiled_loop import Decisions, Frame, Jobs, LoopConstants, LoopState, nothing, step
from poolwise.replay.replay_posterior import FAILURE_UTILITY, USUAL_SUCCESS
from poolwise.simulate.population import Population, Shape
from poolwise.simulate.world import World, draw, values

Array = Any
MARGIN = float(np.log(0.95))
"""A decision is unsafe where its arm's expected utility lies below this."""


class Run(NamedTuple):
    """Of every project and decision, on average over what the policy might choose: (projects, decisions)."""

    utility: Array
    regret: Array
    """To the best arm of the cell, in units of utility; like `utility` times what the job is worth."""
    unsafe: Array
    """Probability of an arm whose expected utility is below MARGIN."""


class Episode(NamedTuple):
    """The jobs of all projects, one project after another, the same for every policy; (jobs,) or (jobs, arms)."""

    believed: GaussianHyperparameters
    """What the belief takes for the scales."""
    context: Array
    lottery: Array
    """Uniform: picks the arm."""
    utility: Array
    ok: Array
    """1 where the arm does not fail."""
    value: Array
    """Expected utility, failures included."""
    worth: Array
    """Of the job, which is also what its baseline costs."""


@cache
def episodes(shape: Shape) -> Callable[[Array, Population], Episode]:
    """From many keys and populations to an episode of each, compiled once per shape."""
    return jax.jit(jax.vmap(lambda key, population: _drawn(key, population, shape)))


def _drawn(key: Array, population: Population, shape: Shape) -> Episode:
    first, second = jax.random.split(key)
    return episode(second, draw(first, population, shape), shape)


def simulate(policy: Policy, key: Array, population: Population, shape: Shape, *, horizon_known: bool = False) -> Run:
    """One world, and the policy in it from nothing. horizon_known: it is told how many decisions are to come."""
    return play(policy, _drawn(key, population, shape), shape, horizon_known=horizon_known)


def episode(key: Array, world: World, shape: Shape) -> Episode:
    """Jobs of a world."""
    where, lottery, fine, score = jax.random.split(key, 4)
    project, time = _order(shape)
    size, each = (len(project),), (len(project), shape.arms)
    ends = jnp.cumsum(world.frequency)
    number = jax.random.uniform(where, size) * ends[-1]
    context = jnp.minimum((number[:, None] > ends).sum(1), shape.contexts - 1).astype("int32")
    late = 1 * (time >= world.change[project])
    ok = jax.random.uniform(fine, each) < world.chance[context]
    y = world.theta[late, project, context] + world.noise[context] * jax.random.normal(score, each)
    utility, value = jnp.where(ok, y, world.failed), values(world)[late, project, context]
    uniform = jax.random.uniform(lottery, size)
    return Episode(world.believed, context, uniform, utility, 1.0 * ok, value, world.worth[context])


def play(policy: Policy, given: Episode, shape: Shape, *, horizon_known: bool = False) -> Run:
    """The policy in one episode. Pure; to be jitted and mapped by the caller."""
    return credited(decide(policy, given, shape, horizon_known=horizon_known).chances, given, shape)


def decide(policy: Policy, given: Episode, shape: Shape, *, horizon_known: bool = False) -> Decisions:
    """What the policy decides in one episode."""
    project, _ = _order(shape)
    size = len(project)
    every = np.ones((size, shape.arms), bool)
    jobs = Jobs(project, given.context, given.lottery, every, given.utility, given.ok, given.worth)
    structure, constants, state = start(given.believed, shape)
    frame = Frame(structure, float(size) if horizon_known else None)
    known = LoopConstants(constants, np.arange(shape.projects))
    counts = usage.empty(shape.projects, shape.contexts)
    course = LoopState(state, np.zeros(shape.projects), counts, nothing(size, shape.arms))
    course, known, jobs = jax.tree.map(jnp.asarray, (course, known, jobs))

    def decision(now: LoopState, number: Array) -> tuple[LoopState, None]:
        return step(frame, policy, shape, now, known, jobs, number), None

    course, _ = jax.lax.scan(decision, course, jnp.arange(size))
    return course.made


def start(believed: GaussianHyperparameters, shape: Shape) -> tuple[Structure, Constants, State]:
    """What is believed before any outcome."""
    tally = empty((shape.projects, shape.contexts, shape.arms), FAILURE_UTILITY)
    slots = tuple(range(shape.projects))
    structure, constants, state = init(scales_of(believed, shape), tally, DEFAULT, shape.baseline, slots)
    return structure._replace(censored=False), constants, state


def scales_of(believed: GaussianHyperparameters, shape: Shape) -> Hyperparameters:
    """An engine's before any outcome, but for those of the utilities."""
    hyperparameters = init_hyperparameters(
        shape.family, np.tile(USUAL_SUCCESS, (shape.arms, 1)), baseline=shape.baseline
    )
    return hyperparameters._replace(gaussian=hyperparameters.gaussian._replace(scales=believed))


def _order(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """(jobs,): project of every job, and how many the project has had before."""
    project, time = np.divmod(np.arange(shape.projects * shape.decisions, dtype=np.int32), shape.decisions)
    return project, time


def credited(chances: Array, given: Episode, shape: Shape) -> Run:
    """What probabilities of the arms, (jobs, arms), come to in one episode."""
    earned = (chances * given.value).sum(1)
    unsafe = (chances * (given.value < MARGIN)).sum(1)
    made = Run(given.worth * earned, given.worth * (given.value.max(1) - earned), unsafe)
    return Run(*(part.reshape(shape.projects, shape.decisions) for part in made))

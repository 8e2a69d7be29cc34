"""One world drawn from a population: several projects, and what the belief is told about them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poolwise.posterior.hyperparameters.hyper import Hyper, Tier
from poolwise.simulate.population import Population, Shape, total_scales

Array = Any


class BelievedParameters(NamedTuple):
    """What the belief takes for the truth."""

    scales: Tier
    noise: Array
    """(contexts, arms)."""
    success: Array
    """(arms, 2) pseudo-counts of success and failure."""


class World(NamedTuple):
    """Arrays of one world; stacked worlds have one more leading axis."""

    theta: Array
    """(2, projects, contexts, arms): expected utility of what does not fail, before and after a change."""
    change: Array
    """(projects,): decision of the project at which it changes; at or past its end: never."""
    chance: Array
    """(contexts, arms): of not failing."""
    noise: Array
    """(contexts, arms): standard deviation of one outcome that does not fail."""
    frequency: Array
    """(contexts,), sums to 1."""
    worth: Array
    """(contexts,): of a job; 1 on average over jobs."""
    failed: Array
    unknown_horizon: Array
    believed: BelievedParameters


def draw(key: Array, population: Population, shape: Shape) -> World:
    """One world. The same key gives the same world."""
    shared, own, anew, shuffle, chance, noise, place, worth, believed = jax.random.split(key, 9)
    common = _shared(shared, population.hyper, shape)
    first, later = (_own(one, population.hyper, shape) for one in (own, anew))
    odd = jax.random.uniform(shuffle, (shape.projects, 1, 1)) < population.outlier
    mixed = jax.random.permutation(shuffle, jnp.tile(common, (shape.projects, 1, 1)), axis=2, independent=True)
    theta = jnp.where(odd, mixed, common) + jnp.stack([first, later])
    away = 1.0 * (np.arange(shape.arms) > 0)
    rank = jax.random.permutation(place, shape.contexts) + 1.0
    frequency = rank**-population.concentration / (rank**-population.concentration).sum()
    weight = jnp.exp(population.importance * jax.random.normal(worth, (shape.contexts,)))
    noise_scale = population.hyper.noise * jnp.exp(0.3 * jax.random.normal(noise, (shape.contexts, shape.arms)))
    gap = jax.random.exponential(believed, (shape.projects,)) / jnp.maximum(population.drift, 1e-9)
    return World(
        theta * away,
        gap,
        _chance(chance, population, shape),
        noise_scale * (0.2 + 0.8 * away),
        frequency,
        weight / (weight * frequency).sum(),
        jnp.asarray(population.failed),
        jnp.asarray(population.unknown_horizon),
        _believed(believed, population, shape),
    )


def _shared(key: Array, hyper: Hyper, shape: Shape) -> Array:
    """(contexts, arms): level and context effects of all tiers."""
    total = jnp.zeros((shape.contexts, shape.arms))
    for one, tier, design in zip(jax.random.split(key, 3), hyper[:3], _designs(shape), strict=True):
        level, context = jax.random.split(one)
        size = design.shape[0]
        total += (tier.level * jax.random.normal(level, (1, size))) @ design
        total += (tier.context * jax.random.normal(context, (shape.contexts, size))) @ design
    return total


def _own(key: Array, hyper: Hyper, shape: Shape) -> Array:
    """(projects, contexts, arms): project and cell effects of all tiers."""
    total = jnp.zeros((shape.projects, shape.contexts, shape.arms))
    for one, tier, design in zip(jax.random.split(key, 3), hyper[:3], _designs(shape), strict=True):
        project, cell = jax.random.split(one)
        size = design.shape[0]
        total += (tier.project * jax.random.normal(project, (shape.projects, 1, size))) @ design
        total += (tier.cell * jax.random.normal(cell, (shape.projects, shape.contexts, size))) @ design
    return total


def _designs(shape: Shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of arm, family and globe: which arms have which of its effects, (effects, arms)."""
    families = np.eye(int(shape.family.max()) + 1)[:, shape.family]
    return np.eye(shape.arms), families, np.ones((1, shape.arms))


def _chance(key: Array, population: Population, shape: Shape) -> Array:
    """(contexts, arms): logistic of arm and context-arm effects."""
    arm, cell = jax.random.split(key)
    odds = population.success + population.success_scale * jax.random.normal(arm, (shape.arms,))
    odds = odds + 0.5 * population.success_scale * jax.random.normal(cell, (shape.contexts, shape.arms))
    return jax.nn.sigmoid(odds)


def _believed(key: Array, population: Population, shape: Shape) -> BelievedParameters:
    """The combined scales and the noise, each wrong by a factor of its own."""
    error = jnp.exp(population.scale_error * jax.random.normal(key, (5,)))
    scales = Tier(*(scale * one for scale, one in zip(total_scales(population.hyper, jnp), error[:4], strict=True)))
    noise = jnp.broadcast_to(population.hyper.noise * error[4], (shape.contexts, shape.arms))
    odds = jax.nn.sigmoid(population.success)
    return BelievedParameters(scales, noise, jnp.tile(jnp.stack([4.0 * odds, 4.0 * (1.0 - odds)]), (shape.arms, 1)))


def values(world: World) -> Array:
    """(2, projects, contexts, arms): expected utility, failures included."""
    return world.chance * world.theta + (1.0 - world.chance) * world.failed

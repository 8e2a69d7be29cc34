"""One world drawn from a population: several projects, and what the belief is told about them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales
from poolwise.simulate.population import Population, Shape, merged

Array = Any


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
    believed: GaussianHyperparameters
    """What the belief takes for the scales."""


def draw(key: Array, population: Population, shape: Shape) -> World:
    """One world. The same key gives the same world."""
    shared, own, shuffle, chance, noise, place, worth, error = jax.random.split(key, 8)
    level, context, project, cell = _scales(population.scales, shape)
    common = _effects(shared, level, context, (), shape)
    odd = jax.random.uniform(shuffle, (shape.projects, 1, 1)) < population.outlier
    mixed = jax.random.permutation(shuffle, jnp.tile(common, (shape.projects, 1, 1)), axis=2, independent=True)
    theta = jnp.where(odd, mixed, common) + _effects(own, project, cell, (2, shape.projects), shape)
    away = 1.0 * (np.arange(shape.arms) > 0)
    rank = jax.random.permutation(place, shape.contexts) + 1.0
    frequency = rank**-population.concentration / (rank**-population.concentration).sum()
    weight = jnp.exp(population.importance * jax.random.normal(worth, (shape.contexts,)))
    spread = population.scales.noise * jnp.exp(0.3 * jax.random.normal(noise, (shape.contexts, shape.arms)))
    gap = jax.random.exponential(error, (shape.projects,)) / jnp.maximum(population.drift, 1e-9)
    return World(
        theta * away,
        gap,
        _chance(chance, population, shape),
        spread * (0.2 + 0.8 * away),
        frequency,
        weight / (weight * frequency).sum(),
        jnp.asarray(population.failed),
        _believed(error, population, shape),
    )


def _spread(shape: Shape) -> np.ndarray:
    """Which arms have which of the effects of arms, families and globe: (effects, arms)."""
    families = np.eye(int(shape.family.max()) + 1)[:, shape.family]
    return np.concatenate([np.eye(shape.arms), families, np.ones((1, shape.arms))])


def _scales(scales: GaussianHyperparameters, shape: Shape) -> list[Array]:
    """(effects,) standard deviations, of level, context, project and cell."""
    sizes = np.array([shape.arms, len(_spread(shape)) - shape.arms - 1, 1])
    return [
        jnp.repeat(jnp.stack(part), sizes, total_repeat_length=sizes.sum()) for part in zip(*scales[:3], strict=True)
    ]


def _effects(key: Array, one: Array, each: Array, lead: tuple[int, ...], shape: Shape) -> Array:
    """(*lead, contexts, arms): effects that contexts share, and those of each context."""
    spread = _spread(shape)
    score = jax.random.normal(key, (*lead, 1 + shape.contexts, len(spread)))
    return (score[..., :1, :] * one + score[..., 1:, :] * each) @ spread


def _chance(key: Array, population: Population, shape: Shape) -> Array:
    """(contexts, arms): logistic of arm and context-arm effects."""
    arm, cell = jax.random.split(key)
    odds = population.success + population.success_scale * jax.random.normal(arm, (shape.arms,))
    odds = odds + 0.5 * population.success_scale * jax.random.normal(cell, (shape.contexts, shape.arms))
    return jax.nn.sigmoid(odds)


def _believed(key: Array, population: Population, shape: Shape) -> GaussianHyperparameters:
    """The scales and the noise, each kind wrong by a factor of its own in all tiers."""
    scales = merged(population.scales, shape)
    *error, of_noise = jnp.exp(population.scale_error * jax.random.normal(key, (5,)))
    wrong = lambda tier: TierScales(*(scale * one for scale, one in zip(tier, error, strict=True)))
    noise = jnp.broadcast_to(scales.noise * of_noise, (shape.arms,))
    return GaussianHyperparameters(wrong(scales.arm), wrong(scales.family), wrong(scales.globe), noise)


def values(world: World) -> Array:
    """(2, projects, contexts, arms): expected utility, failures included."""
    return world.chance * world.theta + (1.0 - world.chance) * world.failed

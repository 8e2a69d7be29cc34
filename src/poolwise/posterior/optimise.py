"""The scales by maximum of the marginal likelihood times weak hyperpriors: L-BFGS in float64, one compiled loop."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from poolwise.arrays import Array
from poolwise.posterior.crossed import Cells, solve, solve_reduced
from poolwise.posterior.hyper import Hyper, Prior, Tier

_SCALES = 10
"""Level, context, project of arm, family and globe, and cell; the globe's level stays at its prior: there is one."""


class Search(NamedTuple):
    """Where the optimiser ended."""

    hyper: Hyper
    log_evidence: Array
    iterations: Array
    converged: Array
    """The last step changed the objective by less than the tolerance."""
    coordinates: Array
    """Logarithms relative to the prior's medians: a warm start for the next search."""


def hyper_at(coordinates: Array, noise_index: Array, prior: Prior) -> Hyper:
    """Hyperparameters from unconstrained coordinates: 10 scales, the mean, common noise, noise of each family."""
    middle = prior.median
    factor = jnp.exp(jnp.clip(coordinates, -12.0, 12.0))
    tiers = [
        Tier(*(median * factor[3 * i + j] for j, median in enumerate(tier)))
        for i, tier in enumerate((middle.arm, middle.family, middle.globe))
    ]
    noise = middle.noise * factor[_SCALES + 1] * factor[_SCALES + 2 :][noise_index]
    globe = tiers[2]._replace(level=jnp.asarray(middle.globe.level))
    return Hyper(tiers[0], tiers[1], globe, middle.cell * factor[_SCALES - 1], noise, jnp.asarray(middle.mean))


def penalty(coordinates: Array, prior: Prior) -> Array:
    """Minus log hyperprior, up to a constant."""
    widths = jnp.full(coordinates.shape, prior.width).at[_SCALES + 1].set(prior.noise_width)
    return 0.5 * jnp.sum((coordinates / widths) ** 2)


def moment_start(cells: Cells, noise_index: Array, size: int, prior: Prior) -> Array:
    """Coordinates near the optimum: noise from the spread within cells, all other scales from the spread between.

    Both are shrunk to the hyperprior's medians as if those rested on a few cells.
    """
    groups = size - _SCALES - 2
    freedom = jnp.maximum(cells.count - 1, 0).sum((0, 1))
    within = cells.deviation.sum((0, 1))
    few = 3.0
    shared = (within.sum() + few * prior.median.noise**2) / (freedom.sum() + few)
    own = jax.ops.segment_sum(within, noise_index, groups) + few * shared
    own = own / (jax.ops.segment_sum(freedom, noise_index, groups) + few)
    seen = cells.count > 0
    cells_seen = seen.sum()
    centre = jnp.where(seen, cells.mean, 0).sum() / jnp.maximum(cells_seen, 1)
    spread = jnp.where(seen, (cells.mean - centre) ** 2 - shared / jnp.where(seen, cells.count, 1), 0).sum()
    usual = sum(scale**2 for tier in (prior.median.arm, prior.median.family, prior.median.globe) for scale in tier)
    ratio = (jnp.maximum(spread, 0) + 5 * few * usual) / (cells_seen + 5 * few) / usual
    start = jnp.zeros(size).at[:_SCALES].set(0.5 * jnp.log(ratio))
    start = start.at[_SCALES + 1].set(0.5 * jnp.log(shared / prior.median.noise**2))
    return start.at[_SCALES + 2 :].set(0.5 * jnp.log(own / shared))


def curvature(cells: Cells, noise_index: Array, families: int, size: int, prior: Prior) -> Array:
    """Rough second derivative of the objective along each coordinate: 2 k for the scale of k effects, plus its prior's.

    Only the shape of the search depends on it: without it the noise, known from every outcome, hides all the rest.
    """
    projects, contexts, arms = cells.count.shape
    outcomes = cells.count.sum((0, 1))
    tiers = [group * effects for group in (arms, families, 1) for effects in (1, contexts, projects)]
    scales = jnp.array([*tiers, 0.0, 0.0, 0.0]).at[_SCALES - 1].set(0.5 * (cells.count > 0).sum())
    scales = scales.at[_SCALES + 1].set(2 * outcomes.sum())
    own = 2 * jax.ops.segment_sum(outcomes, noise_index, size - _SCALES - 2)
    return jnp.concatenate([scales, own]) + 1 / prior.width**2


@partial(jax.jit, static_argnames=("size", "families", "reduced"))
def search(
    cells: Cells,
    family: Array,
    noise_index: Array,
    start: Array | None,
    size: int,
    prior: Prior,
    *,
    families: int,
    reduced: bool,
    iterations: int = 30,
    tolerance: float = 0.02,
) -> Search:
    """Minimise minus log posterior from `start`, until a step gains less than `tolerance` (in nats) twice in a row."""

    unit = 1 / jnp.sqrt(curvature(cells, noise_index, families, size, prior))

    def objective(scaled: Array) -> Array:
        coordinates = scaled * unit
        hyper = hyper_at(coordinates, noise_index, prior)
        tree = solve_reduced(cells, hyper)[0] if reduced else solve(cells, hyper, family, families)
        return penalty(coordinates, prior) - tree.evidence

    begin = (moment_start(cells, noise_index, size, prior) if start is None else start) / unit
    optimiser = optax.lbfgs(memory_size=8, linesearch=optax.scale_by_zoom_linesearch(max_linesearch_steps=6))
    evaluate = optax.value_and_grad_from_state(objective)

    def step(carry: tuple) -> tuple:
        at, state, count, small, _ = carry
        value, gradient = evaluate(at, state=state)
        updates, state = optimiser.update(gradient, state, at, value=value, grad=gradient, value_fn=objective)
        after = optax.tree.get(state, "value")
        small = jnp.where(value - after > tolerance, 0, small + 1)
        return optax.apply_updates(at, updates), state, count + 1, small, after

    def going(carry: tuple) -> Array:
        _, _, count, small, value = carry
        return (count < iterations) & (small < 2) & ((count == 0) | jnp.isfinite(value))

    first = (begin, optimiser.init(begin), jnp.asarray(0), jnp.asarray(0), jnp.asarray(jnp.inf))
    at, _, count, small, value = jax.lax.while_loop(going, step, first)
    at = at * unit
    log_evidence = penalty(at, prior) - value
    return Search(hyper_at(at, noise_index, prior), log_evidence, count, (small >= 2) & jnp.isfinite(value), at)

"""The belief inside the simulator: exact for arms that are independent, smooth, and cheap enough to differentiate.

Every arm has an effect vector v = (level, contexts, this project, its cells); projects come one after another, so that
those before are integrated out exactly: what is left of them is the belief about level and contexts. An outcome of
precision k in context c, e having ones at the four coordinates that add up to its cell, is one rank-one step

    u = S e,   d = 1 + k e'u,   S - (k / d) u u',   mean + (k / d) (y - e'mean) u

with k = share / noise^2: `share` is 1 for the arm that was chosen, and may be any weight while gradients pass through.
The baseline, arm 0, stands apart (`likelihoods.baseline_utility`). Success has the messages of
`likelihoods.bernoulli`, and arms have in common what usually comes of them. Effects that arms have in common count as
each arm's own.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from poolwise.posterior.likelihoods import baseline_utility, bernoulli
from poolwise.posterior.likelihoods.hurdle_utility import Utility, combine
from poolwise.simulate.population import Shape
from poolwise.simulate.world import BelievedParameters, World

Array = Any
_KAPPA = 20.0
"""Concentrations of the messages about success."""
_LEAST = 1e-4
"""Smallest standard deviation, as a part of the noise: float32 has no more digits."""


class State(NamedTuple):
    """What is known after some outcomes."""

    mean: Array
    """(arms, q), q = 2 + 2 contexts."""
    covariance: Array
    """(arms, q, q)."""
    before: Array
    """(2, contexts, arms): discounted outcomes and successes of earlier projects."""
    cell: Array
    """(2, contexts, arms): the same of this project, not discounted."""
    home: Array
    """(3, contexts): the baseline's outcomes in this project, as `crossed.Cells`: number, mean, squared deviations."""
    homes: Array
    """(5,): of those in earlier projects, `reference.sums`."""


class Predictive(NamedTuple):
    """About every arm in one context, (arms,); the wider ones (2, arms): see `policy.View`."""

    mean: Array
    scale: Array
    noise: Array
    count: Array
    wider_mean: Array
    wider_scale: Array
    wider_share: Array


def init(believed: BelievedParameters, shape: Shape) -> State:
    """Before any outcome."""
    size = 2 + 2 * shape.contexts
    covariance = jnp.broadcast_to(jnp.diag(_variances(believed, shape)), (shape.arms, size, size))
    none = jnp.zeros((2, shape.contexts, shape.arms))
    home = jnp.zeros((3, shape.contexts))
    return State(jnp.zeros((shape.arms, size)), covariance, none, none, home, jnp.zeros(5))


def _variances(believed: BelievedParameters, shape: Shape) -> Array:
    level, context, project, cell = (jnp.asarray(scale) ** 2 for scale in believed.scales)
    many = (shape.contexts,)
    return jnp.concatenate([level[None], jnp.full(many, context), project[None], jnp.full(many, cell)])


def marginalise_project(state: State, believed: BelievedParameters, shape: Shape) -> State:
    """The project is over: its own effects are integrated out, the next one's are unknown."""
    shared = 1.0 * (jnp.arange(2 + 2 * shape.contexts) < 1 + shape.contexts)
    kept = shared[:, None] * shared
    fresh = jnp.diag(_variances(believed, shape) * (1.0 - shared))
    before = state.before + _discounted(state.cell)
    mean, covariance = state.mean * shared, state.covariance * kept + fresh
    return State(mean, covariance, before, 0.0 * state.cell, 0.0 * state.home, _homes(state))


def _homes(state: State) -> Array:
    """(5,): what all projects say of the baseline's variances."""
    return state.homes + jnp.stack(baseline_utility.sums(*state.home)).sum(1)


def predict(state: State, world: World, context: Array, shape: Shape) -> Predictive:
    """What is believed about the arms in one context, failures included."""
    c = shape.contexts
    at = [0, 1 + context, 1 + c, 2 + c + context]
    rows = [state.covariance[:, one] for one in at]
    pair = lambda i, j: rows[i][:, at[j]]
    along = [sum(pair(i, j) for i in range(4)) for j in range(4)]
    by_project, by_context = (pair(0, 0) + pair(i, i) + 2.0 * pair(0, i) for i in (2, 1))
    effects = [state.mean[:, one] for one in at]
    mean = jnp.stack([sum(effects), effects[0] + effects[2], effects[0] + effects[1]])
    noise = world.believed.noise[context]
    variance = jnp.maximum(jnp.stack([sum(along), by_project, by_context]), (_LEAST * noise) ** 2)
    share = jnp.stack([along[0] + along[2], along[0] + along[1]]) / variance[0]
    chance = success(state, world, context)
    found = combine(chance, mean, jnp.sqrt(variance), noise, world.failed)
    mean, scale, noise, share = _observation(state, found, share, context)
    return Predictive(mean[0], scale[0], noise[0], state.cell[0, context], mean[1:], scale[1:], share)


def _observation(state: State, found: Utility, share: Array, context: Array) -> tuple[Array, Array, Array, Array]:
    """Utility (3, arms) and share with those of the baseline, as `reference.Reference.tell`."""
    between, noise = baseline_utility.variances(tuple(_homes(state)))
    count, seen, _ = state.home[:, context]
    shrinkage = jnp.array([noise / (noise + count * between), 1.0, 1.0])
    mean, scale = (
        found.mean.at[:, 0].set((1.0 - shrinkage) * seen),
        found.scale.at[:, 0].set(jnp.sqrt(shrinkage * between)),
    )
    return mean, scale, found.noise.at[:, 0].set(jnp.sqrt(noise)), share.at[:, 0].set(0.0)


def success(state: State, world: World, context: Array) -> bernoulli.Beta:
    """(arms,): what is believed of not failing, as `bernoulli.query`."""
    hyper = bernoulli.Hyper(world.believed.success, _KAPPA, _KAPPA)
    contexts = state.before + _discounted(state.cell)
    arm = _discounted(contexts).sum(1)
    near = bernoulli.discount(arm.sum(1, keepdims=True) - arm, hyper.kappa_near)
    own = state.cell[:, context]
    found = bernoulli.cell_prior(hyper, own, contexts[:, context], arm + near)
    size = found.size + own[0]
    return bernoulli.Beta((found.size * found.mean + own[1]) / size, size)


def _discounted(counts: Array) -> Array:
    return counts * (_KAPPA / (counts[0] + _KAPPA))


def update(state: State, world: World, context: Array, share: Array, y: Array, fine: Array, shape: Shape) -> State:
    """share: (arms,) weight of the outcome, 1 for the chosen arm; y: (arms,) utility; fine: (arms,) 1 or 0, failed."""
    c = shape.contexts
    at = [0, 1 + context, 1 + c, 2 + c + context]
    u = sum(state.covariance[:, :, one] for one in at)
    along, level = (sum(part[:, one] for one in at) for part in (u, state.mean))
    precision = share * fine / world.believed.noise[context] ** 2
    gain = precision / (1.0 + precision * along)
    mean = state.mean + (gain * (y - level))[:, None] * u
    covariance = state.covariance - (gain[:, None] * u)[:, :, None] * u[:, None, :]
    cell = state.cell.at[:, context].add(jnp.stack([share, share * fine]))
    home = state.home.at[:, context].set(_merged(state.home[:, context], share[0], jnp.where(fine, y, world.failed)[0]))
    return State(mean, covariance, state.before, cell, home, state.homes)


def _merged(home: Array, weight: Array, y: Array) -> Array:
    """(3,): number, mean and squared deviations with one more outcome of this weight, at most 1."""
    count, mean, deviation = home
    after = mean + (y - mean) * weight / jnp.maximum(count + weight, 1e-9)
    return jnp.stack([count + weight, after, deviation + weight * (y - mean) * (y - after)])

"""Gaussian utilities around crossed effects: the model that the fast posterior solves in closed form.

    y_i ~ Normal(theta[p,c,a], sigma[f(a)]^2),   theta ~ Normal(effect, tau_cell^2),   effect and scales: `effects`

`gaussian_rows` states this for every outcome. `gaussian` states the same through sufficient statistics, theta
integrated out: with n outcomes in a cell, their mean and the squared deviations from the cells' means are independent,

    mean[p,c,a] ~ Normal(effect, tau_cell^2 + sigma^2 / n),   within[a] / sigma^2 ~ ChiSquared(sum over cells of n - 1)

(Gelman and others 2013, section 3.2), so that the cost depends on the cells and not on the number of outcomes. The two
densities differ by a constant. Given effects, theta is Normal again: `cells=True` draws it.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from .effects import HYPERPRIOR, Hyperprior, cell_scale, deviate, effects, noise, spread

_SMALLEST = 1e-30


class Summary(NamedTuple):
    """What was observed, as sufficient statistics."""

    mean: Any
    """Mean utility of every cell [project, context, arm]; anything where the count is 0."""
    within: Any
    """Sum of squared deviations from the cells' means, of every arm (arms,), or of every context and arm."""


def gaussian(
    count: Any,
    family: Any = None,
    data: Summary | None = None,
    *,
    cells: bool = False,
    prior: Hyperprior = HYPERPRIOR,
    shared: bool = False,
    by_context: bool = False,
) -> Any:
    """The model given how often each cell was tried; theta with `cells`, else None.

    count: [project, context, arm]; family: (arms,) index. `shared`: see `effects`; `by_context`: the noise differs by
    context too. Sites: `tau_*`, `sigma`, `spread`, `*_effects`, `mean`, `within`; `effect` deterministic; `theta` with
    `cells`.
    """
    effect = numpyro.deterministic("effect", effects(count.shape, family, prior, shared=shared))
    sigma = noise(count.shape[2], family, prior)
    if by_context:
        sigma = spread(count.shape[1], prior)[:, None] * sigma
    return summarised(count, effect, cell_scale(prior), sigma, data, cells=cells)


def summarised(count: Any, effect: Any, tau: Any, sigma: Any, data: Summary | None, *, cells: bool) -> Any:
    """Sites `mean` and `within` around any effect, and `theta` with `cells`. sigma: (arms,) or (contexts, arms)."""
    seen, variance = count > 0, sigma**2 / jnp.maximum(count, 1)
    likelihood = dist.Normal(effect, jnp.sqrt(tau**2 + variance)).mask(seen)
    mean = numpyro.sample("mean", likelihood.to_event(3), obs=None if data is None else data.mean)
    freedom = jnp.maximum(count - 1, 0).sum(tuple(range(3 - sigma.ndim)))
    squares = dist.Gamma(jnp.maximum(freedom, 1) / 2, 1 / (2 * sigma**2)).mask(freedom > 0)
    # All outcomes equal: the density of a sum of squares of exactly 0 is a constant, but an infinite one.
    observed = None if data is None else jnp.maximum(data.within, _SMALLEST)
    numpyro.sample("within", squares.to_event(sigma.ndim), obs=observed)
    posterior = dist.Normal(*given(effect, tau, jnp.where(seen, variance, jnp.inf), mean)).to_event(3)
    return numpyro.sample("theta", posterior) if cells else None


def given(effect: Any, tau: Any, variance: Any, mean: Any) -> tuple[Any, Any]:
    """Mean and standard deviation of theta given its effect and a mean outcome of this variance (infinite: unseen)."""
    weight = 1 / (1 + tau**2 / variance)
    return weight * effect + (1 - weight) * mean, tau * weight**0.5


def gaussian_rows(
    shape: tuple[int, int, int], rows: Any, family: Any = None, data: Any = None, *, prior: Hyperprior = HYPERPRIOR
) -> None:
    """The model of single outcomes. rows: integer arrays (project, context, arm) of length n; data: (n,) utilities.

    Sites: `tau_*`, `sigma`, `*_effects`, `theta`, `y`.
    """
    theta = deviate(effects(shape, family, prior), prior)
    sigma = noise(shape[2], family, prior)
    numpyro.sample("y", dist.Normal(theta[tuple(rows)], sigma[rows[2]]).to_event(1), obs=data)

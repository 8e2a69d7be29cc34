"""Projects that resemble each other: a low-rank part for what projects do to arms and contexts.

    theta[p,c,a] = base[c,a] + sum over k of u[p,k] w[k,c,a] + Normal(0, tau_cell^2)
    base[c,a] ~ Normal(level[a], tau_context^2),   level[a] ~ Normal(mean, tau_level^2)
    u[p,k] ~ Normal(0, 1),   w[k,c,a] = tau_factor[k] weights[k,c,a],   weights ~ Normal(0, 1)

A project's few outcomes in one context tell its u, and with it its other contexts (probabilistic matrix factorisation,
Salakhutdinov and Mnih 2008). u and w are known only up to rotation; theta is what has a meaning. Each tau_factor is
learned, with medians that halve from one factor to the next, so that a factor that is not needed vanishes.
"""

from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from .effects import HYPERPRIOR, Hyperprior, cell_scale, noise
from .gaussian import Summary, summarised


def factors(
    count: Any,
    rank: int = 2,
    family: Any = None,
    data: Summary | None = None,
    *,
    cells: bool = False,
    prior: Hyperprior = HYPERPRIOR,
) -> Any:
    """count: [project, context, arm]; rank: number of factors, >= 1; family: (arms,) index, for the noise alone.

    Sites: `tau_level`, `tau_context`, `tau_factor`, `tau_cell`, `sigma`, `level`, `base`, `projects`, `weights`;
    `effect`, `mean`, `within` and `theta` as in `gaussian`.
    """
    effect = numpyro.deterministic("effect", low_rank(count.shape, rank, prior))
    sigma = noise(count.shape[2], family, prior)
    return summarised(count, effect, cell_scale(prior), sigma, data, cells=cells)


def low_rank(shape: tuple[int, int, int], rank: int, prior: Hyperprior = HYPERPRIOR) -> Any:
    """Sample base, projects and weights; effect [project, context, arm]."""
    projects, contexts, arms = shape
    tau_level = numpyro.sample("tau_level", dist.LogNormal(jnp.log(prior.arm[0]), prior.width))
    tau_context = numpyro.sample("tau_context", dist.LogNormal(jnp.log(prior.arm[1]), prior.width))
    medians = prior.arm[2] * 0.5 ** jnp.arange(rank)
    tau_factor = numpyro.sample("tau_factor", dist.LogNormal(jnp.log(medians), prior.width).to_event(1))
    level = numpyro.sample("level", dist.Normal(prior.mean, tau_level).expand([arms]).to_event(1))
    base = numpyro.sample("base", dist.Normal(level, tau_context).expand([contexts, arms]).to_event(2))
    u = numpyro.sample("projects", dist.Normal(0.0, 1.0).expand([projects, rank]).to_event(2))
    standard = numpyro.sample("weights", dist.Normal(0.0, 1.0).expand([rank, contexts, arms]).to_event(3))
    return base + jnp.tensordot(u * tau_factor, standard, 1)

"""Logarithms of costs where a time limit cuts the slow runs off: right-censored, neither failed nor observed.

    y_i = log cost ~ Normal(theta[p,c,a], sigma[f(a)]^2),   observed: min(y_i, log limit_i)

A run that was stopped contributes P(y > log limit), the Normal's upper tail (Tobin 1958). theta has the crossed effects
of `effects`; lower is better here.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist

from .effects import HYPERPRIOR, Hyperprior, deviate, effects, noise


class Runs(NamedTuple):
    """What was observed of n runs."""

    y: Any
    """(n,) log cost; the log limit where the run was stopped."""
    stopped: Any
    """(n,) bool."""


def censored(
    shape: tuple[int, int, int],
    rows: Any,
    limit: Any,
    family: Any = None,
    data: Runs | None = None,
    *,
    prior: Hyperprior = HYPERPRIOR,
) -> None:
    """rows: integer arrays (project, context, arm) of length n; limit: (n,) log limits, infinite where none.

    Sites: `tau_*`, `sigma`, `*_effects`, `theta`, `y`. Simulated, `y` is uncensored: `observe` applies the limits.
    """
    theta = deviate(effects(shape, family, prior), prior)
    sigma = noise(shape[2], family, prior)
    cost = dist.Normal(theta[tuple(rows)], sigma[rows[2]])
    if data is None:
        numpyro.sample("y", cost.to_event(1))
    else:
        numpyro.sample("y", dist.RightCensoredDistribution(cost, data.stopped).to_event(1), obs=data.y)


def observe(y: Any, limit: Any) -> Runs:
    """What is seen of runs that would have cost y."""
    return Runs(jnp.minimum(y, limit), y > limit)

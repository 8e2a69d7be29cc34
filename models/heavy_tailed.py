"""Utilities with absurd outliers: Student-t noise around crossed effects.

    y_i ~ StudentT(nu, theta[p,c,a], sigma[f(a)]),   nu ~ Gamma(2, 0.1)

The influence of one outcome is bounded: its log density's slope in theta is at most (nu + 1) / (2 sigma sqrt(nu)). The
prior of nu is that of Juarez and Steel (2010): from nearly Cauchy to nearly Normal. sigma is the scale, not the
standard deviation.
"""

from typing import Any

import numpyro
import numpyro.distributions as dist

from .effects import HYPERPRIOR, Hyperprior, deviate, effects, noise


def heavy_tailed(
    shape: tuple[int, int, int], rows: Any, family: Any = None, data: Any = None, *, prior: Hyperprior = HYPERPRIOR
) -> None:
    """rows: integer arrays (project, context, arm) of length n; data: (n,) utilities.

    Sites: `tau_*`, `sigma`, `nu`, `*_effects`, `theta`, `y`.
    """
    theta = deviate(effects(shape, family, prior), prior)
    sigma = noise(shape[2], family, prior)
    nu = numpyro.sample("nu", dist.Gamma(2.0, 0.1))
    numpyro.sample("y", dist.StudentT(nu, theta[tuple(rows)], sigma[rows[2]]).to_event(1), obs=data)

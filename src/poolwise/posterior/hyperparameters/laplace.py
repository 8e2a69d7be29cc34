"""Scales by their posterior mean instead of their mode: what is not known about them widens the beliefs.

With few projects and contexts the scales themselves are uncertain, and beliefs at their mode are overconfident. By
Laplace's approximation the logarithm of a scale is Normal(mode, s^2) given the data, so that

    E[scale | y] = mode exp(s^2 / 2),    s^2 = diag(H^-1),  H the Hessian of minus the log posterior at the mode

and beliefs are taken there. To second order the 90 % quantile of a Normal whose log scale has variance s^2 is wider by
exp(0.85 s^2), that of a sum of effects with scales of their own by less; `benchmarks/calibration/coverage.py` measures
what it gains. It costs nothing when serving, nor where scales are estimated: the search for their mode has the Hessian.
Source: Tierney and Kadane (1986); Kass and Steffey (1989).
"""

import numpy as np

from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.hyperparameters.gaussian import Hyperprior
from poolwise.posterior.hyperparameters.initialisation import moment_initialisation
from poolwise.posterior.hyperparameters.newton import Curvature, at_least_prior, refine
from poolwise.posterior.hyperparameters.optimize import OptimizationResult
from poolwise.posterior.hyperparameters.parametrisation import (
    from_coordinates,
    length,
    negative_log_hyperprior,
    widths,
    with_noise_floor,
)

_LARGEST = 0.0625
"""Bound on s^2 / 2. A scale of which nothing was seen, of projects where there is but one, widens beliefs no further:
its hyperprior's median was chosen for decisions, and with half as much again a new project would hardly borrow."""


def fit(stats: SufficientStatistics, old: Fit, prior: Hyperprior, *, full: bool = False) -> Fit:
    """Scales at their posterior means, on the families of an earlier fit: a step or two from its mode, a whole search
    where there is none, these do not settle, or `full`."""
    cells, arms = batch.cells(batch.seen(stats)), stats.count.shape[2]
    prior, groups = with_noise_floor(prior, cells), old.families or arms
    family, size = np.asarray(old.family), length(groups, cells.count.shape[1])
    known = batch.resized(old.coordinates, length(groups, 0), size) if len(old.coordinates) else None
    start = moment_initialisation(cells, family, size, prior, groups) if known is None else known
    found, curvature = refine(cells, family, start, prior, families=old.families)
    if full or not found.converged:
        whole = batch.fit(stats, family if old.families else None, prior=prior)
        begin = batch.resized(whole.coordinates, length(groups, 0), size)
        again, other = refine(cells, family, start if begin is None else begin, prior, families=old.families)
        worse = found.converged and _log_posterior(found, prior, groups) >= _log_posterior(again, prior, groups)
        found, curvature = (found, curvature) if worse else (again, other)
    served = found.coordinates + laplace_shift(curvature, widths(size, prior, groups))
    return Fit(
        from_coordinates(served, family, prior, groups=groups),
        old.family,
        old.families,
        False,
        found.log_evidence,
        found.iterations,
        found.converged,
        found.coordinates,
    )


def _log_posterior(found: OptimizationResult, prior: Hyperprior, groups: int) -> float:
    """Log posterior of the mode."""
    return found.log_evidence - float(negative_log_hyperprior(found.coordinates, prior, groups=groups))


def laplace_shift(curvature: Curvature, unit: np.ndarray) -> np.ndarray:
    """s^2 / 2 of every coordinate; unit: (size,) widths of the hyperprior.

    Scales and the common noise hide each other; the noise of a family or a context is known by itself.
    """
    across, noise = curvature.across[:, :1], curvature.noise
    shared = np.block([[curvature.scales, across], [across.T, noise[:1, :1]]])
    variance = np.concatenate([np.diagonal(at_least_prior(shared)), 1 / np.diagonal(noise)[1:]])
    return np.minimum(variance * unit**2 / 2, _LARGEST)

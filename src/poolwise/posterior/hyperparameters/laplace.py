"""Scales by their posterior mean instead of their mode: what is not known about them widens the beliefs.

With few projects and contexts the scales themselves are uncertain, and beliefs at their mode are overconfident. By
Laplace's approximation the logarithm of a scale is Normal(mode, s^2) given the data, so that

    E[scale | y] = mode exp(s^2 / 2),    s^2 = diag(H^-1),  H the Hessian of minus the log posterior at the mode

and beliefs are taken there. To second order the 90 % quantile of a Normal whose log scale has variance s^2 is wider by
exp(0.85 s^2), that of a sum of effects with scales of their own by less; `benchmarks/calibration/coverage.py` measures
what it gains. It costs nothing when serving, and 13 gradients in closed form when scales are estimated from half as
many outcomes again. Source: Tierney and Kadane (1986); Kass and Steffey (1989).
"""

import numpy as np

from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Fit, Statistics
from poolwise.posterior.crossed.solve import Cells
from poolwise.posterior.hyperparameters.hyper import Prior
from poolwise.posterior.hyperparameters.optimize import objective
from poolwise.posterior.hyperparameters.parametrisation import SCALES, floored, hyper_at, widths

_STEP = 0.1
"""Of a logarithm: small against the width of its posterior, large against the rounding of a gradient."""
_AGAIN = 1.5
"""The Hessian is taken again when there are so many times as many outcomes."""
_LARGEST = 0.0625
"""Bound on s^2 / 2. A scale of which nothing was seen, of projects where there is but one, widens beliefs no further:
its hyperprior's median was chosen for decisions, and with half as much again a new project would hardly borrow."""


def integrated(fit: Fit, stats: Statistics, prior: Prior, earlier: Fit) -> Fit:
    """The fit with its scales at their posterior means. How uncertain they are is taken from an earlier fit that rests
    on nearly as many outcomes, which saves the Hessian.

    `Fit.coordinates` stay those of the mode, where the next search starts.
    """
    cells = batch.cells(batch.seen(stats))
    prior, groups, outcomes = floored(prior, cells), fit.families or cells.count.shape[2], float(cells.count.sum())
    shift, rests = earlier.shift, earlier.shift_from
    if not (0 < len(shift) <= len(fit.coordinates)) or outcomes >= _AGAIN * rests:
        shift, rests = shifts(fit, cells, prior), outcomes
    shift = np.pad(shift, (0, len(fit.coordinates) - len(shift)))
    found = hyper_at(fit.coordinates + shift, fit.family, prior, groups=groups)
    return fit._replace(hyper=found, shift=shift, shift_from=rests)


def shifts(fit: Fit, cells: Cells, prior: Prior) -> np.ndarray:
    """s^2 / 2 of every coordinate."""
    groups = fit.families or cells.count.shape[2]
    pull = 1 / widths(len(fit.coordinates), prior, groups) ** 2
    variance = np.concatenate([_shared(fit, cells, prior, pull), _noises(fit, cells, groups, pull)])
    return np.minimum(variance / 2, _LARGEST)


def _shared(fit: Fit, cells: Cells, prior: Prior, pull: np.ndarray) -> np.ndarray:
    """(13,) variances of the scales and the common noise, which hide each other: their Hessian by differences."""
    count = SCALES + 1

    def gradient(at: np.ndarray) -> np.ndarray:
        return objective(at, cells, fit.family, prior, families=fit.families, reduced=fit.reduced)[1][:count]

    centre, steps = gradient(fit.coordinates), _STEP * np.eye(count, len(fit.coordinates))
    hessian = np.stack([gradient(fit.coordinates + step) - centre for step in steps]) / _STEP
    unit = np.sqrt(pull[:count])
    information, axes = np.linalg.eigh((hessian + hessian.T) / 2 / unit[:, None] / unit)
    # In units of the hyperprior's information, which is the least that is known in any direction.
    return np.asarray((axes**2 / np.maximum(information, 1.0)).sum(1) / pull[:count])


def _noises(fit: Fit, cells: Cells, groups: int, pull: np.ndarray) -> np.ndarray:
    """Variances of the logarithms of every family's and every context's noise: 1 / (2 degrees of freedom)."""
    freedom = np.maximum(cells.count - 1, 0)
    own = np.bincount(fit.family, freedom.sum((0, 1)), groups)
    spread = freedom.sum((0, 2))[: len(pull) - SCALES - 1 - groups]
    return np.asarray(1 / (2 * np.concatenate([own, spread]) + pull[SCALES + 1 :]))

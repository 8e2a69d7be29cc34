"""The mode of the scales by Newton steps, of which one suffices where the search begins near: at the last mode.

A step takes one score, with the average information as its curvature (`crossed.average_information`), and one value,
which must not be worse. Directions in which less is known than the hyperprior says are taken to be known as well as it
says.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.lazy import linalg
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.marginal_likelihood import with_information
from poolwise.posterior.crossed.solve import CellMoments, solve
from poolwise.posterior.hyperparameters.gaussian import Hyperprior
from poolwise.posterior.hyperparameters.optimize import INFEASIBLE, OptimizationResult, coordinate_gradient
from poolwise.posterior.hyperparameters.parametrisation import (
    SCALES,
    from_coordinates,
    length,
    negative_log_hyperprior,
    search_bounds,
    widths,
    with_noise_floor,
)

_STEPS, _HALVINGS = 8, 3
_SETTLED = 0.25
"""Nats that a step was expected to gain, or by which it gained more or less than that: the next would gain fewer."""
_NEAR = 5.0
"""Nats beyond which a step that gained what was expected may have done so by chance."""
_FARTHEST = 1.0
"""A step changes no scale by more than this factor, as a logarithm: beyond it is not where its curvature was taken."""


class Curvature(NamedTuple):
    """Of minus log posterior, in units of the hyperprior's widths; of N noise coordinates: common, of families, of
    contexts."""

    scales: Float[np.ndarray, "scale scale"]
    across: Float[np.ndarray, "scale noise"]
    noise: Float[np.ndarray, "noise noise"]

    def solved(self, gradient: np.ndarray) -> np.ndarray:
        """The Newton step for a gradient in the same units; the noise is eliminated first."""
        first, rest = gradient[:SCALES], gradient[SCALES:]
        factor = linalg.cho_factor(self.noise, lower=True, check_finite=False)
        solution = linalg.cho_solve(factor, np.c_[self.across.T, rest])
        left = at_least_prior(self.scales - self.across @ solution[:, :-1])
        step = left @ (first - self.across @ solution[:, -1])
        return -np.concatenate([step, solution[:, -1] - solution[:, :-1] @ step])


def at_least_prior(information: np.ndarray) -> np.ndarray:
    """Its inverse, where in every direction at least as much is known as beforehand: 1 in units of the hyperprior."""
    known, axes = np.linalg.eigh((information + information.T) / 2)
    return np.asarray((axes / np.maximum(known, 1.0)) @ axes.T)


def local(
    coordinates: np.ndarray, cells: CellMoments, family: np.ndarray, prior: Hyperprior, families: int
) -> tuple[float, np.ndarray, Curvature]:
    """Minus log posterior, its gradient and its curvature, the latter two in units of the hyperprior's widths."""
    groups = families or cells.count.shape[2]
    scales = from_coordinates(coordinates, family, prior, groups=groups)
    evidence, score, known = with_information(scales, cells, family, families)
    slope, part = coordinate_gradient(score, scales, family, prior, len(coordinates), groups)
    unit = widths(len(coordinates), prior, groups)
    weight, information = known.noise * part**2, known.scales
    information[8], information[:, 8] = 0.0, 0.0  # the globe's level stays at its prior
    own, contexts = np.eye(groups)[family], len(coordinates) - length(groups, 0)
    curvature = Curvature(information, _by_noise(known.across * part, own, contexts), _noises(weight, own, contexts))
    value = negative_log_hyperprior(coordinates, prior, groups=groups) - evidence
    return value, coordinates / unit - slope * unit, _scaled(curvature, unit)


def _by_noise(across: np.ndarray, own: np.ndarray, contexts: int) -> np.ndarray:
    """(S, N) from (S, contexts, arms)."""
    by_arm = across.sum(1)
    return np.concatenate([by_arm.sum(1, keepdims=True), by_arm @ own, across.sum(2)[:, :contexts]], 1)


def _noises(weight: np.ndarray, own: np.ndarray, contexts: int) -> np.ndarray:
    """(N, N) from what is known of the noise of every context and arm, (contexts, arms)."""
    table = weight @ own
    by_family, by_context = table.sum(0), table.sum(1)[:contexts]
    first = np.concatenate([[table.sum()], by_family, by_context])
    families = np.concatenate([by_family[:, None], np.diag(by_family), table[:contexts].T], 1)
    rest = np.concatenate([by_context[:, None], table[:contexts], np.diag(by_context)], 1)
    return np.concatenate([first[None], families, rest])


def _scaled(curvature: Curvature, unit: np.ndarray) -> Curvature:
    """In units of the hyperprior, whose own curvature is 1."""
    first, rest = unit[:SCALES], unit[SCALES:]
    scales = curvature.scales * np.multiply.outer(first, first) + np.eye(len(first))
    noise = curvature.noise * np.multiply.outer(rest, rest) + np.eye(len(rest))
    return Curvature(scales, curvature.across * np.multiply.outer(first, rest), noise)


@single_blas()
def refine(
    cells: CellMoments, family: np.ndarray, start: np.ndarray, prior: Hyperprior, *, families: int
) -> tuple[OptimizationResult, Curvature]:
    """From `start` until a step is expected to gain little; and the curvature where the last one began.

    `Search.converged` is False where a step that promised something made it worse, however short, or it took too many.
    """
    groups, prior = families or cells.count.shape[2], with_noise_floor(prior, cells)
    low, high = search_bounds(cells, len(start), prior, groups).T
    unit = widths(len(start), prior, groups)
    at, settled, steps = np.clip(start, low, high), False, 0

    def objective(coordinates: np.ndarray) -> float:
        scales = from_coordinates(coordinates, family, prior, groups=groups)
        try:
            found = negative_log_hyperprior(coordinates, prior, groups=groups) - float(
                solve(cells, scales, family, families).evidence
            )
        except np.linalg.LinAlgError:
            return INFEASIBLE
        return found if np.isfinite(found) else INFEASIBLE

    while not settled and steps < _STEPS:
        steps += 1
        value, gradient, curvature = local(at, cells, family, prior, families)
        move = unit * curvature.solved(gradient)
        expected, near = -float(move / unit @ gradient) / 2, _FARTHEST / max(np.abs(move).max(), _FARTHEST)
        trials = [np.clip(at + near * move * 0.3**power, low, high) for power in range(_HALVINGS)]
        better = next(((one, found) for one in trials if (found := objective(one)) <= value), None)
        if better is None:
            settled = expected < _SETTLED
            break
        missed = abs(value - better[1] - expected)
        settled = near == 1.0 and expected < _NEAR and min(expected, missed) < _SETTLED
        at, value = better
    evidence = negative_log_hyperprior(at, prior, groups=groups) - value
    return OptimizationResult(
        from_coordinates(at, family, prior, groups=groups), evidence, steps, settled, at
    ), curvature

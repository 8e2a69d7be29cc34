"""The scales by maximum of the marginal likelihood times weak hyperpriors: L-BFGS in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.lazy import optimize
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.chunked_reduction import ArmMajorMoments, stacked
from poolwise.posterior.crossed.marginal_likelihood import (
    Score,
    log_marginal_likelihood,
    log_marginal_likelihood_reduced,
)
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, Hyperprior
from poolwise.posterior.hyperparameters.initialisation import curvature, moment_initialisation
from poolwise.posterior.hyperparameters.parametrisation import (
    from_coordinates,
    length,
    negative_log_hyperprior,
    search_bounds,
    widths,
    with_noise_floor,
)

_SAMPLED_FROM, _SAMPLE = 256, 64
"""From so many projects on, the search begins where one over so many of them ends, at a part of the cost."""
INFEASIBLE = 1e15
"""Value of scales so far off that the algebra fails: the line search steps back from there."""


Likelihood = Callable[[GaussianHyperparameters], tuple[Any, Score]]
"""Log marginal likelihood and its score."""


class OptimizationResult(NamedTuple):
    """Where the optimiser ended."""

    scales: GaussianHyperparameters
    log_evidence: float
    iterations: int
    converged: bool
    """The last step changed the objective by less than the tolerance."""
    coordinates: Float[np.ndarray, " coordinate"]
    """Logarithms relative to the prior's medians: a warm start for the next search."""


def objective(
    coordinates: np.ndarray,
    cells: Any,
    family: np.ndarray,
    prior: Hyperprior,
    *,
    families: int,
    reduced: bool,
    score: Likelihood | None = None,
) -> tuple[float, np.ndarray]:
    """Minus log posterior of the scales, and its gradient. cells: `CellMoments`, or a `ArmMajorMoments` where
    `reduced`; score: the likelihood where it is computed elsewhere."""
    groups = families or len(family)
    scales = from_coordinates(coordinates, family, prior, groups=groups)
    if score is not None:
        evidence, found = score(scales)
    elif reduced:
        evidence, found = log_marginal_likelihood_reduced(scales, stacked(cells))
    else:
        evidence, found = log_marginal_likelihood(scales, cells, family, families)
    slope, _ = coordinate_gradient(found, scales, family, prior, len(coordinates), groups)
    pull = coordinates / widths(len(coordinates), prior, groups) ** 2
    return negative_log_hyperprior(coordinates, prior, groups=groups) - evidence, pull - slope


def coordinate_gradient(
    score: Score, scales: GaussianHyperparameters, family: np.ndarray, prior: Hyperprior, size: int, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """(size,) the score by coordinates, and (arms,) the part of the noise's that its floor leaves."""
    part = 1 - (prior.median.noise * prior.noise_floor / scales.noise) ** 2
    noise, globe = score.noise * part, score.globe._replace(level=0.0)
    own, spread = np.bincount(family, noise.sum(0), groups), score.noise.sum(1)[: size - length(groups, 0)]
    return np.concatenate([score.arm, score.family, globe, [noise.sum()], own, spread]), part


def maximize_posterior(
    cells: CellMoments,
    family: np.ndarray,
    start: np.ndarray | None,
    size: int,
    prior: Hyperprior,
    *,
    families: int,
    reduced: bool,
    iterations: int = 60,
    tolerance: float = 0.02,
    score: Likelihood | None = None,
) -> OptimizationResult:
    """Minimise minus log posterior from `start` (None: from moments) until a step gains less than `tolerance` nats.

    SciPy's L-BFGS-B over the score in NumPy, or what `score` computes of the same cells.
    """
    groups = families or cells.count.shape[2]
    prior = with_noise_floor(prior, cells)
    bounds = search_bounds(cells, size, prior, groups)
    if start is None and reduced and len(cells.count) >= _SAMPLED_FROM:
        sample = CellMoments(*(part[:: len(cells.count) // _SAMPLE] for part in cells))
        first = maximize_posterior(
            sample, family, None, size, prior, families=families, reduced=True, tolerance=10 * tolerance
        )
        start = first.coordinates
    begin = np.clip(moment_initialisation(cells, family, size, prior, groups) if start is None else start, *bounds.T)
    at_first = from_coordinates(begin, family, prior, groups=groups)
    unit = 1 / np.sqrt(curvature(cells, at_first, family, families, size, prior, reduced=reduced))
    values: list[float] = []
    data = stacked(cells) if reduced and score is None else cells
    with single_blas():
        found = optimize.minimize(
            _scaled(unit, data, family, prior, families=families, reduced=reduced, score=score),
            begin / unit,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds / unit[:, None],
            options={"maxiter": iterations, "ftol": 0.0, "gtol": 1e-6},
            callback=_stop(values, tolerance),
        )
    at = found.x * unit
    evidence = (
        float(negative_log_hyperprior(at, prior, groups=groups) - found.fun) if found.fun < INFEASIBLE else np.nan
    )
    converged = bool(found.success) or _converged(values, tolerance)
    return OptimizationResult(
        from_coordinates(at, family, prior, groups=groups), evidence, int(found.nit), converged, at
    )


def _scaled(
    unit: np.ndarray,
    data: CellMoments | ArmMajorMoments,
    family: np.ndarray,
    prior: Hyperprior,
    *,
    families: int,
    reduced: bool,
    score: Likelihood | None,
) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """`objective` of coordinates in these units; flat and very high where the algebra fails."""

    def evaluate(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        try:
            value, gradient = objective(
                scaled * unit, data, family, prior, families=families, reduced=reduced, score=score
            )
        except np.linalg.LinAlgError:
            return INFEASIBLE, np.zeros(len(unit))
        return (value, gradient * unit) if np.isfinite(value) else (INFEASIBLE, np.zeros(len(unit)))

    return evaluate


def _converged(values: list[float], tolerance: float) -> bool:
    """Two steps in a row gained less than the tolerance."""
    return len(values) > 2 and values[-3] - values[-1] < 2 * tolerance


def _stop(values: list[float], tolerance: float) -> Callable[..., None]:
    """A callback that keeps the values, and stops the search that has settled."""

    def stop(intermediate_result: Any) -> None:
        values.append(intermediate_result.fun)
        if _converged(values, tolerance):
            raise StopIteration

    return stop

"""The scales by maximum of the marginal likelihood times weak hyperpriors: L-BFGS in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.chunked_reduction import Stack, stacked
from poolwise.posterior.crossed.marginal_likelihood import (
    Score,
    log_marginal_likelihood,
    log_marginal_likelihood_reduced,
)
from poolwise.posterior.crossed.solve import Cells
from poolwise.posterior.hyperparameters.hyper import Hyper, Prior
from poolwise.posterior.hyperparameters.initialisation import curvature, moment_start
from poolwise.posterior.hyperparameters.parametrisation import box, floored, hyper_at, length, penalty, widths

_SAMPLED_FROM, _SAMPLE = 256, 64
"""From so many projects on, the search begins where one over so many of them ends, at a part of the cost."""
NOWHERE = 1e15
"""Value of scales so far off that the algebra fails: the line search steps back from there."""


Likelihood = Callable[[Hyper], tuple[Any, Score]]
"""Log marginal likelihood and its score."""


class Search(NamedTuple):
    """Where the optimiser ended."""

    hyper: Hyper
    log_evidence: float
    iterations: int
    converged: bool
    """The last step changed the objective by less than the tolerance."""
    coordinates: np.ndarray
    """Logarithms relative to the prior's medians: a warm start for the next search."""


def objective(
    coordinates: np.ndarray,
    cells: Any,
    family: np.ndarray,
    prior: Prior,
    *,
    families: int,
    reduced: bool,
    score: Likelihood | None = None,
) -> tuple[float, np.ndarray]:
    """Minus log posterior of the scales, and its gradient. cells: `crossed.Cells`, or a `Stack` where `reduced`; score:
    the likelihood where it is computed elsewhere."""
    groups = families or len(family)
    hyper = hyper_at(coordinates, family, prior, groups=groups)
    if score is not None:
        evidence, found = score(hyper)
    elif reduced:
        evidence, found = log_marginal_likelihood_reduced(hyper, stacked(cells))
    else:
        evidence, found = log_marginal_likelihood(hyper, cells, family, families)
    slope, _ = slopes(found, hyper, family, prior, len(coordinates), groups)
    pull = coordinates / widths(len(coordinates), prior, groups) ** 2
    return penalty(coordinates, prior, groups=groups) - evidence, pull - slope


def slopes(
    score: Score, hyper: Hyper, family: np.ndarray, prior: Prior, size: int, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """(size,) the score by coordinates, and (arms,) the part of the noise's that its floor leaves."""
    part = 1 - (prior.median.noise * prior.noise_floor / hyper.noise) ** 2
    noise, globe = score.noise * part, score.globe._replace(level=0.0)
    own, spread = np.bincount(family, noise.sum(0), groups), score.noise.sum(1)[: size - length(groups, 0)]
    return np.concatenate([score.arm, score.family, globe, [noise.sum()], own, spread]), part


def search(
    cells: Cells,
    family: np.ndarray,
    start: np.ndarray | None,
    size: int,
    prior: Prior,
    *,
    families: int,
    reduced: bool,
    iterations: int = 60,
    tolerance: float = 0.02,
    score: Likelihood | None = None,
) -> Search:
    """Minimise minus log posterior from `start` (None: from moments) until a step gains less than `tolerance` nats.

    SciPy's L-BFGS-B over the score in NumPy, or what `score` computes of the same cells.
    """
    groups = families or cells.count.shape[2]
    prior = floored(prior, cells)
    bounds = box(cells, size, prior, groups)
    if start is None and reduced and len(cells.count) >= _SAMPLED_FROM:
        sample = Cells(*(part[:: len(cells.count) // _SAMPLE] for part in cells))
        first = search(sample, family, None, size, prior, families=families, reduced=True, tolerance=10 * tolerance)
        start = first.coordinates
    begin = np.clip(moment_start(cells, family, size, prior, groups) if start is None else start, *bounds.T)
    at_first = hyper_at(begin, family, prior, groups=groups)
    unit = 1 / np.sqrt(curvature(cells, at_first, family, families, size, prior, reduced=reduced))
    values: list[float] = []
    data = stacked(cells) if reduced and score is None else cells
    with single_blas():
        found = minimize(
            _scaled(unit, data, family, prior, families=families, reduced=reduced, score=score),
            begin / unit,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds / unit[:, None],
            options={"maxiter": iterations, "ftol": 0.0, "gtol": 1e-6},
            callback=_stop(values, tolerance),
        )
    at = found.x * unit
    evidence = float(penalty(at, prior, groups=groups) - found.fun) if found.fun < NOWHERE else np.nan
    converged = bool(found.success) or _settled(values, tolerance)
    return Search(hyper_at(at, family, prior, groups=groups), evidence, int(found.nit), converged, at)


def _scaled(
    unit: np.ndarray,
    data: Cells | Stack,
    family: np.ndarray,
    prior: Prior,
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
            return NOWHERE, np.zeros(len(unit))
        return (value, gradient * unit) if np.isfinite(value) else (NOWHERE, np.zeros(len(unit)))

    return evaluate


def _settled(values: list[float], tolerance: float) -> bool:
    """Two steps in a row gained less than the tolerance."""
    return len(values) > 2 and values[-3] - values[-1] < 2 * tolerance


def _stop(values: list[float], tolerance: float) -> Callable[..., None]:
    """A callback that keeps the values, and stops the search that has settled."""

    def stop(intermediate_result: Any) -> None:
        values.append(intermediate_result.fun)
        if _settled(values, tolerance):
            raise StopIteration

    return stop

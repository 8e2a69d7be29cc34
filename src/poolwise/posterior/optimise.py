"""The scales by maximum of the marginal likelihood times weak hyperpriors: L-BFGS in float64."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.optimize import minimize

from poolwise.arrays import Array, namespace
from poolwise.posterior.crossed import Cells, solve, solve_reduced
from poolwise.posterior.hyper import Hyper, Prior, Tier

_SCALES = 12
"""Level, context, project, cell of arm, family and globe; the globe's level stays at its prior: there is one."""


class Search(NamedTuple):
    """Where the optimiser ended."""

    hyper: Hyper
    log_evidence: Array
    iterations: Array
    converged: Array
    """The last step changed the objective by less than the tolerance."""
    coordinates: Array
    """Logarithms relative to the prior's medians: a warm start for the next search."""


def length(groups: int, contexts: int) -> int:
    """Number of coordinates: scales, common noise, noise of every family, and of every context where these differ."""
    return _SCALES + 1 + groups + contexts


def hyper_at(coordinates: Array, noise_index: Array, prior: Prior, *, groups: int) -> Hyper:
    """Hyperparameters from unconstrained coordinates, see `length`."""
    xp, middle = namespace(coordinates), prior.median
    factor = xp.exp(xp.clip(coordinates, -12.0, 12.0))
    tiers = [
        Tier(*(median * factor[4 * i + j] for j, median in enumerate(tier)))
        for i, tier in enumerate((middle.arm, middle.family, middle.globe))
    ]
    own, spread = factor[_SCALES + 1 :][:groups], factor[_SCALES + 1 + groups :]
    noise = middle.noise * factor[_SCALES] * own[noise_index]
    globe = tiers[2]._replace(level=xp.asarray(middle.globe.level))
    return Hyper(tiers[0], tiers[1], globe, noise, spread, xp.asarray(middle.mean))


def penalty(coordinates: Array, prior: Prior, *, groups: int) -> Array:
    """Minus log hyperprior, up to a constant."""
    return 0.5 * ((coordinates / widths(len(coordinates), prior, groups, namespace(coordinates))) ** 2).sum()


def widths(size: int, prior: Prior, groups: int, xp: Any = np) -> Array:
    """(size,) standard deviations of the coordinates."""
    blocks = np.array([_SCALES, 1, groups, size - length(groups, 0)])
    return xp.repeat(xp.stack([prior.width, prior.noise_width, prior.width, prior.spread_width]), blocks)


def moment_start(cells: Cells, noise_index: Array, size: int, prior: Prior, groups: int) -> Array:
    """Coordinates near the optimum: noise from the spread within cells, all other scales from the spread between.

    Both are shrunk to the hyperprior's medians as if those rested on a few cells.
    """
    freedom = np.maximum(cells.count - 1, 0).sum((0, 1))
    within = cells.deviation.sum((0, 1))
    few = 3.0
    shared = (within.sum() + few * prior.median.noise**2) / (freedom.sum() + few)
    own = np.bincount(noise_index, within, groups) + few * shared
    own = own / (np.bincount(noise_index, freedom, groups) + few)
    seen = cells.count > 0
    cells_seen = seen.sum()
    centre = np.where(seen, cells.mean, 0).sum() / np.maximum(cells_seen, 1)
    spread = np.where(seen, (cells.mean - centre) ** 2 - shared / np.where(seen, cells.count, 1), 0).sum()
    usual = sum(scale**2 for tier in (prior.median.arm, prior.median.family, prior.median.globe) for scale in tier)
    ratio = (np.maximum(spread, 0) + 5 * few * usual) / (cells_seen + 5 * few) / usual
    between = np.full(_SCALES, 0.5 * np.log(ratio))
    common = 0.5 * np.log(shared / prior.median.noise**2)
    rough = np.zeros(size - length(groups, 0))
    return np.concatenate([between, [common], 0.5 * np.log(own / shared), rough])


def curvature(cells: Cells, noise_index: Array, families: int, size: int, prior: Prior, groups: int) -> Array:
    """Rough second derivative of the objective along each coordinate: 2 k for the scale of k effects, plus its prior's.

    Only the shape of the search depends on it: without it the noise, known from every outcome, hides all the rest.
    """
    projects, contexts, arms = cells.count.shape
    outcomes = cells.count.sum((0, 1))
    seen = 0.5 * (cells.count > 0).sum() / arms
    scales = [group * effects for group in (arms, families, 1) for effects in (1, contexts, projects, seen)]
    own = 2 * np.bincount(noise_index, outcomes, groups)
    rough = 2 * cells.count.sum((0, 2))[: size - length(groups, 0)]
    return np.concatenate([scales, [2 * outcomes.sum()], own, rough]) + 1 / widths(size, prior, groups) ** 2


@partial(jax.jit, static_argnames=("families", "groups", "reduced"))
def objective(
    coordinates: Array,
    cells: Cells,
    family: Array,
    noise_index: Array,
    prior: Prior,
    *,
    families: int,
    groups: int,
    reduced: bool,
) -> tuple[Array, Array]:
    """Minus log posterior of the scales, and its gradient."""

    def value(at: Array) -> Array:
        hyper = hyper_at(at, noise_index, prior, groups=groups)
        tree = solve_reduced(cells, hyper)[0] if reduced else solve(cells, hyper, family, families)
        return penalty(at, prior, groups=groups) - tree.evidence

    return jax.value_and_grad(value)(coordinates)


def search(
    cells: Cells,
    family: Array,
    noise_index: Array,
    start: Array | None,
    size: int,
    prior: Prior,
    *,
    families: int,
    reduced: bool,
    iterations: int = 60,
    tolerance: float = 0.02,
) -> Search:
    """Minimise minus log posterior from `start` (None: from moments) until a step gains less than `tolerance` nats.

    SciPy's L-BFGS-B drives one compiled evaluation: a loop compiled as a whole took five times as long to compile, and
    not less to run.
    """
    groups = families or cells.count.shape[2]
    unit = 1 / np.sqrt(curvature(cells, noise_index, families, size, prior, groups))
    begin = (moment_start(cells, noise_index, size, prior, groups) if start is None else start) / unit

    def evaluate(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(
            scaled * unit, cells, family, noise_index, prior, families=families, groups=groups, reduced=reduced
        )
        return float(value), np.asarray(gradient) * unit

    options = {"maxiter": iterations, "ftol": 0.0, "gtol": 1e-6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = minimize(evaluate, begin, jac=True, method="L-BFGS-B", options=options, callback=_settled(tolerance))
    at = found.x * unit
    evidence = float(penalty(at, prior, groups=groups)) - float(found.fun)
    return Search(hyper_at(at, noise_index, prior, groups=groups), evidence, found.nit, found.nit < iterations, at)


def _settled(tolerance: float) -> Callable[..., None]:
    """A callback that stops the search after two steps in a row that gained less than the tolerance."""
    values: list[float] = []

    def stop(intermediate_result: Any) -> None:
        values.append(intermediate_result.fun)
        if len(values) > 2 and values[-3] - values[-1] < 2 * tolerance:
            raise StopIteration

    return stop

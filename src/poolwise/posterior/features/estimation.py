"""The map of features and the scales of slopes: found together with all other scales, after these were without slopes.

Scales of slopes have log-normal hyperpriors as the others do, around medians per tier and block in the unit of the
utilities; the mode of all by L-BFGS over the closed-form score, from where the last search ended. The probability p
that features matter at all has

    log odds = log posterior of all scales with slopes - log posterior without, each at its mode, - 1

and says only what people are told. Slopes serve whatever it is: the odds count what learning them cost from the first
outcome on, and slopes that cost more than they gave so far are of use from now on (the catch-up phenomenon: van Erven,
Gruenwald and de Rooij, 2012). Useless ones shrink by their scales.
"""

from typing import NamedTuple

import numpy as np

from poolwise.lazy import optimize, special
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.features import feature_filter, feature_map, slopes
from poolwise.posterior.features.borrowed import BorrowedSlopes
from poolwise.posterior.features.effects import feature_effects
from poolwise.posterior.features.feature_hyperparameters import FeatureHyperparameters, JobSample
from poolwise.posterior.features.feature_map import FeatureMap
from poolwise.posterior.features.feature_prediction import slopes_of_arms
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.features.slope_likelihood import SlopeScore, log_marginal_likelihood
from poolwise.posterior.features.slopes import CellDirections, SlopeEvidence
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, Hyperprior, TierScales
from poolwise.posterior.hyperparameters.initialisation import curvature, moment_initialisation
from poolwise.posterior.hyperparameters.optimize import INFEASIBLE, coordinate_gradient
from poolwise.posterior.hyperparameters.parametrisation import (
    from_coordinates,
    length,
    negative_log_hyperprior,
    search_bounds,
    widths,
    with_noise_floor,
)

_LARGEST = 1e8
"""A q^3 up to which there are slopes, q the effects of an arm: some tens of milliseconds for all messages."""
JOBS = 10
"""Jobs from which on there are directions."""
_MEDIANS = np.array([[0.3, 0.15], [0.25, 0.12], [0.4, 0.2]])
"""Of slopes of arm, family and globe, linear and smooth, where the median of an arm's level is 0.2."""
_LEVEL = 0.2
_WIDTH = 1.0
_BOUND = 5.0
_STEPS = 15
_PRIOR_LOG_ODDS = -1.0
"""That features matter at all; relevance has looked at the outcomes already."""
_RANKS = 1.0
"""n times the variance with which n jobs tell the standardised normal score of one. The error of ranks is a Brownian
bridge over the density; its part along the Hermite polynomial of degree k has the variance 1 / (k + 1), those of mean
and spread are standardised away, and of the others as many count as usual jobs can show: some four. What slopes make of
it is not known of a job, however many outcomes there are."""
TOLD = 0.2
"""Probability that features matter from which on people are told which do."""
RECENT, OF_LAST = 12, 300
"""Jobs for which the worth of knowledge is judged, drawn from so many of the last."""


def serves(fit: Fit, shape: tuple[int, ...]) -> bool:
    """Whether a system of so many projects, contexts and arms may have slopes."""
    return not why_not(fit, shape)


def why_not(fit: Fit, shape: tuple[int, ...]) -> str:
    """Why it can have none; empty where it may."""
    projects, contexts, arms = shape
    if fit.ground is not None:
        return "arms are configurations that resemble each other by their parameters (`surface`)"
    if arms * (1 + projects + contexts + feature_map.MOST) ** 3 > _LARGEST:
        return f"{arms} arms, and room for {projects} projects and {contexts} contexts, are too many for slopes"
    return ""


class _Problem(NamedTuple):
    """What is searched over."""

    cells: CellMoments
    found: CellDirections
    family: np.ndarray
    families: int
    blocks: tuple[int, ...]
    prior: Hyperprior
    medians: np.ndarray
    borrowed: SlopeEvidence | None = None

    @property
    def groups(self) -> int:
        return self.families or self.cells.count.shape[2]


def estimate(
    stats: SufficientStatistics,
    rows: FeatureRows,
    fit: Fit,
    prior: Hyperprior,
    old: FeatureHyperparameters | None,
    lent: BorrowedSlopes | None = None,
) -> tuple[Fit, FeatureHyperparameters | None]:
    """All scales with slopes. stats: as others hear of them; rows: weights likewise; fit: found without slopes; old:
    where the search begins; lent: by another store, along directions of its own, which serve as long as the outcomes
    here are more likely with them than without slopes and than along own ones. None of features that are all constant.
    """
    enough, tried = len(rows.arm) >= JOBS, list[_Tried]()
    if enough and (known := feature_map.fit(rows)) is not None:
        tried.append(_tried(stats, rows, fit, prior, None if old is None or old.borrowed else old, known, None))
    if lent is not None and enough:
        mine = old if old is not None and old.borrowed else None
        if (along := _tried(stats, rows, fit, prior, mine, lent.map, lent)).gain > 0:
            tried.append(along)
    elif lent is not None:
        return fit, _as_lent(rows, fit, prior, lent)
    best = max(tried, key=lambda one: one.gain, default=None)
    if best is None:
        return fit, None
    probability = float(special.expit(best.gain + _PRIOR_LOG_ODDS))
    return fit._replace(scales=best.scales), best.features._replace(probability=probability)


class _Tried(NamedTuple):
    """Slopes along one map."""

    gain: float
    """Log posterior with slopes, minus that without."""
    scales: GaussianHyperparameters
    features: FeatureHyperparameters


def _as_lent(rows: FeatureRows, fit: Fit, prior: Hyperprior, lent: BorrowedSlopes) -> FeatureHyperparameters:
    """While there are too few jobs to judge."""
    own = np.log(np.maximum(lent.scales, 1e-3) / (_MEDIANS * (float(prior.median.arm.level) / _LEVEL)))
    recent, structure = _recent_jobs(rows, lent.map), np.asarray(fit.coordinates)
    return FeatureHyperparameters(
        lent.map, lent.scales, structure, own, recent, lent.jobs, np.zeros(len(fit.family)), borrowed=True
    )


def _tried(
    stats: SufficientStatistics,
    rows: FeatureRows,
    fit: Fit,
    prior: Hyperprior,
    old: FeatureHyperparameters | None,
    known: FeatureMap,
    lent: BorrowedSlopes | None,
) -> _Tried:
    problem = _problem(stats, rows.counted(), known, fit, prior)
    if lent is not None:
        problem = problem._replace(borrowed=SlopeEvidence(lent.precision, lent.information))
    size = length(problem.groups, problem.cells.count.shape[1])
    if lent is not None and old is None:
        old = _as_lent(rows, fit, prior, lent)
    start = _start(problem, fit, old, size)
    at, value = _searched(problem, start, size)
    gain = _gain(problem, fit, size, value) - _alone(problem, at, size)
    structure, own = at[:size], at[size:].reshape(3, 2)
    scales = from_coordinates(structure, problem.family, problem.prior, groups=problem.groups)
    served, slope, recent = _widened(scales, fit, problem), problem.medians * np.exp(own), _recent_jobs(rows, known)
    jobs = min(len(rows.arm), feature_map.ROWS) if lent is None else lent.jobs
    unknown = _RANKS / jobs * _squared_slopes(problem, fit._replace(scales=served), slope, known)
    found = FeatureHyperparameters(known, slope, structure, own, recent, jobs, unknown, borrowed=lent is not None)
    return _Tried(gain, served, found)


def _squared_slopes(problem: _Problem, fit: Fit, slope: np.ndarray, known: FeatureMap) -> np.ndarray:
    """(arms,): expected squares of each arm's slopes along the normal scores of features, over these together."""
    structure, _, state = feature_filter.init(
        fit, problem.cells, problem.found, slope, known.blocks, None, problem.borrowed
    )
    features = int(known.scores.column.max(initial=0)) + 1
    found = feature_effects(known, *slopes_of_arms(structure, state), features, None)
    return np.asarray((found.mean**2 + found.sd**2).sum(0))


def _alone(problem: _Problem, at: np.ndarray, size: int) -> float:
    """Log likelihood of what is borrowed, without the outcomes: 0 where nothing is."""
    if problem.borrowed is None:
        return 0.0
    nothing = problem._replace(
        cells=CellMoments(*(0.0 * part for part in problem.cells)),
        found=CellDirections(*(0.0 * part for part in problem.found)),
    )
    return _log_likelihood(nothing, at, size)[0]


def _log_likelihood(problem: _Problem, at: np.ndarray, size: int) -> tuple[float, SlopeScore]:
    """And its score, at these coordinates."""
    scales = from_coordinates(at[:size], problem.family, problem.prior, groups=problem.groups)
    slope = problem.medians * np.exp(at[size:].reshape(3, 2))
    form = slopes.slope_layout(problem.cells.count.shape, problem.families, problem.blocks)
    return log_marginal_likelihood(
        scales, slope, problem.cells, problem.found, problem.family, problem.families, form, problem.borrowed
    )


def _recent_jobs(rows: FeatureRows, known: FeatureMap) -> JobSample:
    """The same whenever it is drawn from the same rows."""
    jobs = len(rows.arm)
    last = np.arange(max(jobs - OF_LAST, 0), jobs)
    chosen = np.sort(np.random.default_rng(jobs).permutation(last)[:RECENT])
    project, context = (part[chosen].astype(float) for part in (rows.project, rows.context))
    return JobSample(project, context, feature_map.apply(known, rows.raw[chosen]))


def _gain(problem: _Problem, fit: Fit, size: int, value: float) -> float:
    """Log posterior of all scales with slopes, minus that of the scales without."""
    without = batch.resized(np.asarray(fit.coordinates), length(problem.groups, 0), size)
    if without is None:
        return 0.0
    penalty = float(negative_log_hyperprior(without, problem.prior, groups=problem.groups))
    return penalty - fit.log_evidence - value


def _problem(
    stats: SufficientStatistics, rows: FeatureRows, known: FeatureMap, fit: Fit, prior: Hyperprior
) -> _Problem:
    """Of the rows that count."""
    moments = batch.cells(batch.seen(stats))
    phi = feature_map.apply(known, rows.raw)
    found = slopes.collect(moments, rows.place, rows.utility, rows.weight, phi)
    medians = _MEDIANS * (float(prior.median.arm.level) / _LEVEL)
    return _Problem(
        moments, found, np.asarray(fit.family), fit.families, known.blocks, with_noise_floor(prior, moments), medians
    )


def _start(problem: _Problem, fit: Fit, old: FeatureHyperparameters | None, size: int) -> np.ndarray:
    fixed = length(problem.groups, 0)
    for coordinates in (None if old is None else old.structure, fit.coordinates):
        if coordinates is not None and (found := batch.resized(np.asarray(coordinates), fixed, size)) is not None:
            break
    else:
        found = moment_initialisation(problem.cells, problem.family, size, problem.prior, problem.groups)
    return np.concatenate([found, np.zeros(6) if old is None else old.slopes.ravel()])


@single_blas()
def _searched(problem: _Problem, start: np.ndarray, size: int) -> tuple[np.ndarray, float]:
    """The mode, from `start`."""
    first = from_coordinates(start[:size], problem.family, problem.prior, groups=problem.groups)
    steep = curvature(problem.cells, first, problem.family, problem.families, size, problem.prior, reduced=False)
    unit = np.concatenate([1 / np.sqrt(steep), np.full(len(start) - size, 0.5)])
    bounds = np.concatenate(
        [
            search_bounds(problem.cells, size, problem.prior, problem.groups),
            np.full((len(start) - size, 2), (-_BOUND, _BOUND / 2)),
        ]
    )
    found = optimize.minimize(
        lambda scaled: _objective(problem, scaled * unit, size, unit),
        np.clip(start, *bounds.T) / unit,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds / unit[:, None],
        options={"maxiter": _STEPS, "ftol": 1e-5, "gtol": 1e-3},
    )
    return np.asarray(found.x * unit), float(found.fun)


def _objective(problem: _Problem, at: np.ndarray, size: int, unit: np.ndarray) -> tuple[float, np.ndarray]:
    """Minus log posterior of all scales, and its gradient in these units."""
    structure, own, groups = at[:size], at[size:], problem.groups
    scales = from_coordinates(structure, problem.family, problem.prior, groups=groups)
    try:
        value, score = _log_likelihood(problem, at, size)
    except np.linalg.LinAlgError:
        return INFEASIBLE, np.zeros(len(at))
    if not np.isfinite(value):
        return INFEASIBLE, np.zeros(len(at))
    found, _ = coordinate_gradient(score.structure, scales, problem.family, problem.prior, size, groups)
    pull = structure / widths(size, problem.prior, groups) ** 2
    gradient = np.concatenate([pull - found, own / _WIDTH**2 - score.slopes.ravel()])
    penalty = negative_log_hyperprior(structure, problem.prior, groups=groups) + 0.5 * float(own @ own) / _WIDTH**2
    return float(penalty - value), gradient * unit


def _widened(scales: GaussianHyperparameters, fit: Fit, problem: _Problem) -> GaussianHyperparameters:
    """By as much as scales without slopes lie beyond their mode (`laplace`)."""
    size = length(problem.groups, problem.cells.count.shape[1])
    coordinates = batch.resized(np.asarray(fit.coordinates), length(problem.groups, 0), size)
    if coordinates is None:
        return scales._replace(pooled=fit.scales.pooled)
    mode = from_coordinates(coordinates, problem.family, problem.prior, groups=problem.groups)
    arm, family, globe = (
        TierScales(*(s * float(m) / float(a) for s, m, a in zip(*tier, strict=True)))
        for tier in zip(scales[:3], fit.scales[:3], mode[:3], strict=True)
    )
    noise, spread = scales.noise * fit.scales.noise / mode.noise, scales.spread * fit.scales.spread / mode.spread
    return scales._replace(arm=arm, family=family, globe=globe, noise=noise, spread=spread)

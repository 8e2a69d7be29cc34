"""Scales of smooth micro effects by maximum marginal likelihood times weak hyperpriors, with a gradient in closed form.

    d log p / d t = 1/2 tr[(w w' - K^-1) dK/dt],   w = K^-1 (y - mean)

over the distinct cells tried, K the covariance of their means (`coregionalisation`) and of their noise. All
coordinates are logarithms relative to a median, but for log-odds of rho. Source: Rasmussen and Williams (2006),
section 5.4.1.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.lazy import linalg, optimize
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics, cells
from poolwise.posterior.gp.coregionalisation import (
    ArmFeatures,
    CellIndex,
    MultiTaskGP,
    SmoothComponent,
    amount,
    model_at,
    nugget,
    posterior_shrinkage,
)
from poolwise.posterior.gp.kernels import Kernel, matern
from poolwise.posterior.gp.surface_likelihood import LEAST, kernel_and_gradients
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, Hyperprior, TierScales

SMOOTH, NUGGET = TierScales(1.5, 0.3, 0.3, 0.2), TierScales(0.1, 0.1, 0.05, 0.1)
"""Medians of what an arm shares with those of similar parameters, and of what it has to itself. The first is large on
purpose: with less, two unlucky trials of hundreds of configurations were seen to end the search among them."""
LENGTH = 0.6
"""Median; coordinates span [0, 1]."""
WIDE, LENGTHS, ODDS = 1.0, 0.8, 1.5
"""Widths of the logarithms of the latter, of lengths, and of the log-odds of rho."""
LARGEST = 200
"""Cells that scales are estimated from: of more, an even selection."""
_TIERS = 16
_INFEASIBLE = 1e15
"""Value of scales whose covariance has no Cholesky factor: the line search steps back from there."""


class ObservedCells(NamedTuple):
    """Distinct cells with outcomes, (n,): their number, mean and squared deviation."""

    at: CellIndex
    count: Float[np.ndarray, " cell"]  # type: ignore[assignment]
    mean: Float[np.ndarray, " cell"]
    deviation: Float[np.ndarray, " cell"]


def observed_cells(stats: SufficientStatistics, most: int = LARGEST) -> ObservedCells:
    """Of at most so many cells."""
    data = cells(stats)
    flat = np.flatnonzero(data.count)
    if len(flat) > most:
        flat = flat[np.linspace(0, len(flat) - 1, most).round().astype(int)]
    at = CellIndex(*np.unravel_index(flat, data.count.shape))
    return ObservedCells(at, *(part.reshape(-1)[flat] for part in data))


def initial_components(
    prior: Hyperprior, family: np.ndarray, ground: ArmFeatures
) -> tuple[GaussianHyperparameters, SmoothComponent]:
    """Before any outcome."""
    return hyperparameters_at(np.zeros(_length(family, ground)), prior, family, ground)


def hyperparameters_at(
    coordinates: np.ndarray, prior: Hyperprior, family: np.ndarray, ground: ArmFeatures
) -> tuple[GaussianHyperparameters, SmoothComponent]:
    """The scales of coordinates: of four tiers of four blocks, of the noise that families share and of each, then of
    every smooth family its lengths and log-odds of rho."""
    middle, factor = prior.median, np.exp(coordinates)
    medians = (SMOOTH, NUGGET, middle.family, middle.globe)
    smooth, nugget, kin, globe = (
        TierScales(*(float(m) * float(f) for m, f in zip(tier, factor[4 * i : 4 * i + 4], strict=True)))
        for i, tier in enumerate(medians)
    )
    globe = globe._replace(level=float(middle.globe.level))
    groups = int(family.max()) + 1
    own = factor[_TIERS + 1 : _TIERS + 1 + groups]
    usual = float(np.mean(middle.noise))
    noise = usual * np.hypot(factor[_TIERS] * own[family], prior.noise_floor)
    arm = TierScales(*(float(np.hypot(*pair)) for pair in zip(smooth, nugget, strict=True)))
    rest, length, rho = coordinates[_TIERS + 1 + groups :], [], []
    for at in ground.places:
        long, odds, rest = np.split(rest, [len(at.code), 2 * len(at.code)])
        length.append(LENGTH * np.exp(long))
        rho.append(1 / (1 + np.exp(-odds)))
    scales = GaussianHyperparameters(arm, kin, globe, noise, np.zeros(0), middle.mean, middle.pooled, middle.elicited)
    return scales, SmoothComponent(smooth, tuple(length), tuple(rho))


def fit(
    stats: SufficientStatistics, old: Fit, *, prior: Hyperprior, start: np.ndarray | None, iterations: int = 60
) -> Fit:
    """Scales that serve `coregionalisation.covariance`, for the arms of `old`. As `batch.fit`."""
    ground = _known(old)
    data, widths = observed_cells(stats), _widths(old.family, ground, prior)
    size = len(widths)
    begin = start if start is not None and len(start) == size else np.zeros(size)
    low, high = -LEAST * widths, 5 * widths
    with single_blas():
        found = optimize.minimize(
            objective,
            np.clip(begin, low, high),
            (data, prior, old.family, ground),
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([low, high], 1),
            options={"maxiter": iterations, "ftol": 1e-6},
        )
    settled = bool(np.isfinite(found.fun) and found.fun < _INFEASIBLE)
    at = found.x if settled else begin
    scales, smooth = hyperparameters_at(at, prior, old.family, ground)
    evidence = -float(found.fun) if settled else np.nan
    return Fit(scales, old.family, old.families, False, evidence, found.nit, settled and bool(found.success), at,
               ground=ground, smooth=smooth)  # fmt: skip


def objective(
    coordinates: np.ndarray, data: ObservedCells, prior: Hyperprior, family: np.ndarray, ground: ArmFeatures
) -> tuple[float, np.ndarray]:
    """Minus log posterior of the scales, up to a constant, and its gradient."""
    scales, smooth = hyperparameters_at(coordinates, prior, family, ground)
    model, index = model_at(scales, smooth, ground), family[data.at.arm]
    groups, slopes = _groups(model, data)
    noise = scales.noise[data.at.arm]
    squares = noise**2
    whole = model.family_covariance[np.ix_(index, index)] + sum(
        group * amount(tier, data.at, data.at) for group, tier in groups
    )
    away = data.mean - model.mean[data.at.arm]
    try:
        root = linalg.cholesky(whole + np.diag(squares / data.count), lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return _INFEASIBLE, np.zeros(len(coordinates))
    weight = linalg.cho_solve((root, True), away)
    pull = linalg.cho_solve((root, True), np.eye(len(away))) - np.outer(weight, weight)
    again = np.maximum(data.count - 1, 0.0)
    tiers = [_of_tier(pull * group, tier, data.at) for group, tier in groups]
    # There is one level of everything: it stays at its prior, and an expert may have measured those of families.
    tiers[2][0] = float(scales.family.level) ** 2 * np.vdot(pull, _levels(model)[np.ix_(index, index)])
    felt = np.diag(pull) * squares / data.count + again - data.deviation / squares
    # The floor of the noise takes its part of the derivative.
    felt *= 1 - (float(np.mean(prior.median.noise)) * prior.noise_floor / noise) ** 2
    shared = pull * amount(smooth.tier, data.at, data.at)
    own = [np.array([0.5 * np.vdot(shared[where], slope) for slope in rows]) for where, rows in slopes]
    noises = np.bincount(index, felt, int(family.max()) + 1)
    gradient: np.ndarray = np.concatenate([*tiers, [felt.sum()], noises, *own])
    value = 0.5 * away @ weight + np.log(np.diag(root)).sum() + (again * np.log(noise)).sum()
    value += 0.5 * (data.deviation / squares).sum()
    widths = _widths(family, ground, prior)
    return float(value + 0.5 * ((coordinates / widths) ** 2).sum()), gradient + coordinates / widths**2


def _groups(model: MultiTaskGP, data: ObservedCells) -> tuple[list[Any], list[Any]]:
    """What the tiers of the coordinates multiply, with their scales, levels of families and of all apart; and of every
    smooth family which cells it has, with the derivatives of what they share by log lengths and log-odds of rho."""
    arm, ground, scales = data.at.arm, model.ground, model.scales
    same = (arm[:, None] == arm).astype(float)
    kin = ground.family[arm][:, None] == ground.family[arm]
    shared, slopes = same.copy(), []
    for number, (at, length, rho) in enumerate(zip(ground.places, model.smooth.length, model.smooth.rho, strict=True)):
        own = np.flatnonzero(ground.patch[arm] == number)
        where = np.ix_(own, own)
        kernel = Kernel(1.0, length, rho, 0.0, 0.0, np.zeros(0))
        product, lengths, rhos = kernel_and_gradients(kernel, at, ground.position[arm[own]], matern)
        shared[where] = product
        slopes.append((where, [product * one for one in (*lengths, *rhos)]))
    family, globe = (tier._replace(level=0.0) for tier in (scales.family, scales.globe))
    tiers = (model.smooth.tier, nugget(scales, model.smooth), family, globe)
    return list(zip((shared, same, kin, np.ones_like(same)), tiers, strict=True)), slopes


def _levels(model: MultiTaskGP) -> np.ndarray:
    """(families, families): derivative of the covariance of families' levels by the square of their scale."""
    families = len(model.family_covariance)
    levels = np.full((families, families), float(model.scales.globe.level) ** 2)
    levels += float(model.scales.family.level) ** 2 * np.eye(families)
    kept = posterior_shrinkage(model.scales, model.ground, levels)
    return np.asarray(kept @ kept.T)


def _of_tier(pull: np.ndarray, tier: TierScales, at: CellIndex) -> np.ndarray:
    """(4,): derivatives by the logarithms of a tier's scales."""
    project, context = (index[:, None] == index for index in (at.project, at.context))
    sums = pull.sum(), pull[context].sum(), pull[project].sum(), pull[project & context].sum()
    return np.array([scale**2 * total for scale, total in zip(tier, sums, strict=True)])


def _widths(family: np.ndarray, ground: ArmFeatures, prior: Hyperprior) -> np.ndarray:
    groups = int(family.max()) + 1
    fixed = [prior.width] * 4 + [WIDE] * 4 + [prior.width] * 8 + [prior.noise_width] + [prior.width] * groups
    own = [[LENGTHS] * len(at.code) + [ODDS] * len(at.code) for at in ground.places]
    return np.array(fixed + [width for widths in own for width in widths])


def _length(family: np.ndarray, ground: ArmFeatures) -> int:
    return _TIERS + 2 + int(family.max()) + sum(2 * len(at.code) for at in ground.places)


def _known(fit: Fit) -> ArmFeatures:
    assert fit.ground is not None
    return fit.ground

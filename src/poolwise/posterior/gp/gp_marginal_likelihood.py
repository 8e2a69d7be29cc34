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
from poolwise.posterior.gp import project_correlation
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
from poolwise.posterior.gp.inducing_points import select_inducing
from poolwise.posterior.gp.kernels import correlation_and_gradients
from poolwise.posterior.gp.output_warping import Warping, best_of, slope, warp
from poolwise.posterior.gp.project_correlation import FACTORS, NOBODY, STRANGERS
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, Hyperprior, TierScales

SMOOTH, NUGGET = TierScales(1.5, 0.3, 0.3, 0.2), TierScales(0.1, 0.1, 0.05, 0.1)
"""Medians of what an arm shares with those of similar parameters, and of what it has to itself. The first is large on
purpose: with less, two unlucky trials of hundreds of configurations were seen to end the search among them."""
LENGTH = 0.6
"""Median; coordinates span [0, 1]."""
WARP, MOST = 0.4, 0.6
"""Median and largest value of how much utilities are bent."""
SLOPES = np.array([0.3, 0.2])
"""Medians of the standard deviations of slopes."""
WIDE, LENGTHS, ODDS, WARPS = 1.0, 0.8, 1.5, 1.0
"""Widths of the logarithms of what an arm shares, of lengths, of the log-odds of rho, and of the warping."""
LEAST = 2.5
"""Scales are no smaller than so many widths below their medians: without nugget and noise a search would freeze."""
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
    best: Float[np.ndarray, " cell"]
    """Largest mean of the cell's project and context."""


def observed_cells(stats: SufficientStatistics, most: int = LARGEST) -> ObservedCells:
    """Of at most so many cells."""
    data = cells(stats)
    best = best_of(data)
    flat = np.flatnonzero(data.count)
    if len(flat) > most:
        flat = flat[_selected(flat // data.count[0].size, data.count.reshape(-1)[flat], most)]
    at = CellIndex(*np.unravel_index(flat, data.count.shape))
    count, mean, deviation = (part.reshape(-1)[flat] for part in data)
    return ObservedCells(at, count, mean, deviation, best[at.project, at.context])


def _selected(project: np.ndarray, count: np.ndarray, most: int) -> np.ndarray:
    """Rows of about so many: as many of every project, where it has them; half of these most often observed."""
    _, which, size = np.unique(project, return_inverse=True, return_counts=True)
    quota, waiting = np.zeros(len(size), int), np.ones(len(size), bool)
    while waiting.any():
        share = (most - quota[~waiting].sum()) // waiting.sum()
        full = waiting & (size <= share)
        quota[waiting] = np.minimum(size[waiting], max(share, 1))
        waiting = waiting & ~full if full.any() else np.zeros_like(waiting)
    rows = (np.flatnonzero(which == k) for k in range(len(size)))
    found = [own[select_inducing(1 / count[own], number)] for own, number in zip(rows, quota, strict=True)]
    return np.sort(np.concatenate(found))


def initial_components(
    prior: Hyperprior, family: np.ndarray, ground: ArmFeatures
) -> tuple[GaussianHyperparameters, SmoothComponent]:
    """Before any outcome: nothing is bent."""
    if ground.sources is not None:
        scales, smooth = hyperparameters_at(ground.sources.median, prior, family, ground)
        return scales, smooth._replace(warping=smooth.warping._replace(best=np.zeros((1, 1))))
    scales, smooth = hyperparameters_at(np.zeros(len(hyperprior(family, ground, prior)[0])), prior, family, ground)
    return scales, smooth._replace(warping=Warping())


def hyperparameters_at(
    coordinates: np.ndarray, prior: Hyperprior, family: np.ndarray, ground: ArmFeatures
) -> tuple[GaussianHyperparameters, SmoothComponent]:
    """The scales of coordinates: of four tiers of four blocks, of the noise that families share and of each, then of
    every smooth family its lengths and log-odds of rho, the two slopes where there are source tasks, and at last how
    much utilities are bent."""
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
    slope = (0.0, 0.0) if ground.sources is None else tuple((SLOPES * np.exp(rest[:2])).tolist())
    warping = Warping(WARP * float(factor[-1])) if ground.warped else Warping()
    return scales, SmoothComponent(smooth, tuple(length), tuple(rho), warping, slope)


def fit(
    stats: SufficientStatistics, old: Fit, *, prior: Hyperprior, start: np.ndarray | None, iterations: int = 60
) -> Fit:
    """Scales that serve `coregionalisation.covariance`, for the arms of `old`. As `batch.fit`."""
    ground = _known(old)
    bent = ground._replace(warped=ground.warped or _several(stats))
    data, (median, widths) = observed_cells(stats), hyperprior(old.family, ground, prior)
    best, projects = best_of(cells(stats)), project_correlation.chosen(data.at.project)
    begin = start if start is not None and len(start) == len(widths) else median
    low, high = median - LEAST * widths, median + 5 * widths
    high[-1] = np.log(MOST / WARP)
    begin, free = np.clip(begin, low, high), np.full(len(projects) * FACTORS, np.inf)
    given = data, prior, old.family, bent, projects
    with single_blas():
        loading = _loading(old, start is None, begin, given)
        found = optimize.minimize(
            objective,
            np.concatenate([begin, loading.reshape(-1)]),
            given,
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([np.append(low, -free), np.append(high, free)], 1),
            options={"maxiter": iterations, "ftol": 1e-6},
        )
    settled = bool(np.isfinite(found.fun) and found.fun < _INFEASIBLE)
    at, rest = np.split(found.x, [len(begin)]) if settled else (begin, 0 * free)
    scales, smooth = hyperparameters_at(at, prior, old.family, bent)
    smooth = smooth._replace(loading=project_correlation.placed(rest.reshape(-1, FACTORS), projects))
    if bent.warped:
        smooth = smooth._replace(warping=smooth.warping._replace(best=best))
    evidence = -float(found.fun) if settled else np.nan
    return Fit(scales, old.family, old.families, False, evidence, found.nit, settled and bool(found.success), at,
               ground=ground, smooth=smooth)  # fmt: skip


def _loading(old: Fit, afresh: bool, begin: np.ndarray, given: tuple[Any, ...]) -> np.ndarray:
    """(projects, factors) where the search begins: the last ones, or where the first step from none leads."""
    *_, projects = given
    found, before = np.zeros((len(projects), FACTORS)), STRANGERS if old.smooth is None else old.smooth.loading
    if afresh or not before.any():
        return project_correlation.beginning(evaluated(np.append(begin, found), *given)[2])
    known = projects < len(before)
    found[known] = before[projects[known]]
    return found


def _several(stats: SufficientStatistics) -> bool:
    """Whether there are projects to compare: how far they differ is then that of good arms, not of the worst ones."""
    return int(np.count_nonzero(stats.count.any(axis=(1, 2)))) > 1


def objective(*given: Any) -> tuple[float, np.ndarray]:
    """Minus log posterior of the scales, up to a constant, and its gradient, as `evaluated`."""
    value, gradient, _ = evaluated(*given)
    return value, gradient


def evaluated(
    at: np.ndarray,
    data: ObservedCells,
    prior: Hyperprior,
    family: np.ndarray,
    ground: ArmFeatures,
    projects: np.ndarray = NOBODY,
) -> tuple[float, np.ndarray, np.ndarray]:
    """The same, and (projects, projects) derivatives by the correlation of projects. at: coordinates, then the loadings
    of these projects."""
    coordinates, loading = np.split(at, [len(at) - len(projects) * FACTORS])
    scales, smooth = hyperparameters_at(coordinates, prior, family, ground)
    loading = loading.reshape(len(projects), FACTORS)
    smooth = smooth._replace(loading=project_correlation.placed(loading, projects))
    model, index = model_at(scales, smooth, ground), family[data.at.arm]
    groups, slopes = _groups(model, data)
    noise = scales.noise[data.at.arm]
    squares = noise**2
    phi, whole = model.features[data.at.arm], _whole(model, data, groups)
    warping, below = smooth.warping.amount, np.minimum(data.mean - data.best, 0.0)
    away = warp(data.mean, data.best, warping) - model.mean[data.at.arm]
    deviation = data.deviation * slope(data.mean, data.best, warping) ** 2
    try:
        root = linalg.cholesky(whole + np.diag(squares / data.count), lower=True, check_finite=False)
    except np.linalg.LinAlgError:
        return _INFEASIBLE, np.zeros(len(at)), np.zeros((len(projects), len(projects)))
    weight = linalg.cho_solve((root, True), away)
    pull = linalg.cho_solve((root, True), np.eye(len(away))) - np.outer(weight, weight)
    again = np.maximum(data.count - 1, 0.0)
    tiers = [_of_tier(pull * group, tier, data.at, alike) for group, tier, alike in groups]
    # There is one level of everything: it stays at its prior, and an expert may have measured those of families.
    tiers[2][0] = float(scales.family.level) ** 2 * np.vdot(pull, _levels(model)[np.ix_(index, index)])
    felt = np.diag(pull) * squares / data.count + again - deviation / squares
    # The floor of the noise takes its part of the derivative.
    felt *= 1 - (float(np.mean(prior.median.noise)) * prior.noise_floor / noise) ** 2
    shared = pull * amount(smooth.tier, data.at, data.at, model.alike)
    by_correlation = _by_correlation(pull * groups[0][0], smooth.tier, data.at, projects)
    own = [np.array([0.5 * np.vdot(shared[where], slope) for slope in rows]) for where, rows in slopes]
    noises = np.bincount(index, felt, int(family.max()) + 1)
    by_amount = warping * (weight @ _by_amount(data, warping) + (below * (deviation / squares - data.count)).sum())
    by_slope = np.einsum("ik,ij,jk->k", phi, pull, phi)
    slopes_of = [by_slope[0], by_slope[1:].sum()] if len(by_slope) else []
    gradient: np.ndarray = np.concatenate([*tiers, [felt.sum()], noises, *own, slopes_of, [by_amount]])
    value = 0.5 * away @ weight + np.log(np.diag(root)).sum() + (again * np.log(noise)).sum()
    value += 0.5 * (deviation / squares).sum() - warping * (data.count * below).sum()
    median, widths = hyperprior(family, ground, prior)
    away_from = (coordinates - median) / widths
    value += 0.5 * away_from @ away_from + 0.5 * np.square(loading).sum()
    by_loading = project_correlation.gradient(loading, by_correlation) + loading
    return float(value), np.concatenate([gradient + away_from / widths, by_loading.reshape(-1)]), by_correlation


def _whole(model: MultiTaskGP, data: ObservedCells, groups: list[Any]) -> np.ndarray:
    """(n, n) covariance of the utilities of cells. groups: of `_groups`."""
    index, phi = model.ground.family[data.at.arm], model.features[data.at.arm]
    shared = sum(group * amount(tier, data.at, data.at, alike) for group, tier, alike in groups)
    return np.asarray(model.family_covariance[np.ix_(index, index)] + shared + phi @ phi.T)


def _by_amount(data: ObservedCells, warping: float) -> np.ndarray:
    """(n,): derivatives of bent means by the amount; 0 where nothing is bent."""
    if not warping:
        return np.zeros(len(data.mean))
    of = lambda away: (away * np.exp(warping * away) - np.expm1(warping * away) / warping) / warping
    return np.asarray(of(np.minimum(data.mean - data.best, 0.0)) - of(np.minimum(-data.best, 0.0)))


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
        product, lengths, rhos = correlation_and_gradients(at, length, rho, ground.position[arm[own]])
        shared[where] = product
        slopes.append((where, [product * one for one in (*lengths, *rhos)]))
    family, globe = (tier._replace(level=0.0) for tier in (scales.family, scales.globe))
    tiers = (model.smooth.tier, nugget(scales, model.smooth), family, globe)
    alike = (model.alike, *(STRANGERS,) * 3)
    return list(zip((shared, same, kin, np.ones_like(same)), tiers, alike, strict=True)), slopes


def _levels(model: MultiTaskGP) -> np.ndarray:
    """(families, families): derivative of the covariance of families' levels by the square of their scale."""
    families = len(model.family_covariance)
    levels = np.full((families, families), float(model.scales.globe.level) ** 2)
    levels += float(model.scales.family.level) ** 2 * np.eye(families)
    kept = posterior_shrinkage(model.scales, model.ground, levels)
    return np.asarray(kept @ kept.T)


def _of_tier(pull: np.ndarray, tier: TierScales, at: CellIndex, alike: np.ndarray) -> np.ndarray:
    """(4,): derivatives by the logarithms of a tier's scales."""
    context = at.context[:, None] == at.context
    along = pull * project_correlation.between(alike, at.project, at.project)
    sums = pull.sum(), pull[context].sum(), along.sum(), along[context].sum()
    return np.array([scale**2 * total for scale, total in zip(tier, sums, strict=True)])


def _by_correlation(pull: np.ndarray, tier: TierScales, at: CellIndex, projects: np.ndarray) -> np.ndarray:
    """(projects, projects): derivatives by their correlation; of each pair, one half stands on either side."""
    along = 0.5 * pull * (tier.project**2 + tier.cell**2 * (at.context[:, None] == at.context))
    member = (at.project == projects[:, None]).astype(float)
    return np.asarray(member @ along @ member.T)


def hyperprior(family: np.ndarray, ground: ArmFeatures, prior: Hyperprior) -> tuple[np.ndarray, np.ndarray]:
    """Medians and widths of all coordinates."""
    if ground.sources is not None:
        return ground.sources.median, ground.sources.width
    groups = int(family.max()) + 1
    fixed = [prior.width] * 4 + [WIDE] * 4 + [prior.width] * 8 + [prior.noise_width] + [prior.width] * groups
    own = [[LENGTHS] * len(at.code) + [ODDS] * len(at.code) for at in ground.places]
    widths = np.array(fixed + [width for widths in own for width in widths] + [WARPS])
    return np.zeros(len(widths)), widths


def hyperprior_with_sources(ground: ArmFeatures) -> tuple[np.ndarray, np.ndarray]:
    """The same of one family, where source tasks say what is expected: what they leave unexplained is not taken to be
    large, nor an outcome to be noisy."""
    places = [len(at.code) for at in ground.places]
    level = np.array([0.4, 0.1, 0.1, 0.1]) / np.array(SMOOTH), np.array([0.1, 0.02, 0.02, 0.02]) / np.array(NUGGET)
    middle = np.concatenate([*np.log(level), np.zeros(8), [-2.5, 0.0], *(np.zeros(2 * d) for d in places), [0.0] * 3])
    width = [1.0] * 8 + [0.5] * 8 + [1.0, 0.5] + [w for d in places for w in [LENGTHS] * d + [ODDS] * d]
    return middle, np.array([*width, 0.8, 0.8, WARPS])


def _known(fit: Fit) -> ArmFeatures:
    assert fit.ground is not None
    return fit.ground

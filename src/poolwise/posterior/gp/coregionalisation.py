"""Micro effects that are smooth in an arm's parameters: the covariance of any two cells of the crossed model.

    cov(theta[p,c,a], theta[p',c',a']) = sum over blocks b of E_b (globe_b^2 + family_b^2 [f = f'] + nugget_b^2 [a = a']
                                                                  + smooth_b^2 k(a, a'))

with E_b = 1, [c = c'], [p = p'], [p = p'] [c = c'] for level, context, project and cell, and k of `kernel`, 1 for an
arm with itself and 0 between families. It is the model of `hyperparameters.gaussian` in which a part of every arm's
effects, smooth^2 of arm^2 = smooth^2 + nugget^2, is shared with arms of similar parameters. So the surface of a
project, or a context, begins where those of the others are, as far as they were found to agree, and all are learned
together. Source: Bonilla, Chai and Williams (2008), multi-task Gaussian processes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float, Int
from poolwise.posterior.gp.kernels import ArmCoordinates, matern
from poolwise.posterior.gp.output_warping import Warping
from poolwise.posterior.gp.project_correlation import STRANGERS, between, shrunk
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales


class SourceTasks(NamedTuple):
    """What other tasks say: their surfaces, whose average is expected here, and each of which is a linear feature."""

    surface: Float[np.ndarray, "arm task"]
    """Bent utilities, around those of each task's best arm."""
    median: Float[np.ndarray, " coordinate"]
    width: Float[np.ndarray, " coordinate"]
    """Of `gp_marginal_likelihood.hyperparameters_at`: how well each of them is foreseen from the others."""


class ArmFeatures(NamedTuple):
    """Where arms stand among each other."""

    family: Int[np.ndarray, " arm"]
    """Index."""
    members: tuple[np.ndarray, ...]
    """Of every family whose effects are smooth: its arms, in the order of its places."""
    places: tuple[ArmCoordinates, ...]
    """Where they stand."""
    patch: Int[np.ndarray, " arm"]
    """Which of these families; -1: none of them."""
    position: Int[np.ndarray, " arm"]
    """Place within its family."""
    sources: SourceTasks | None = None
    warped: bool = False
    """Whether it is estimated of a single project, too, how much utilities are bent (`output_warping`)."""


class SmoothComponent(NamedTuple):
    """What is estimated of smoothness."""

    tier: TierScales
    """Standard deviations of what is smooth; at most those of `GaussianHyperparameters.arm`, whose part it is."""
    length: tuple[np.ndarray, ...]
    """Of every smooth family, (parameters,): in units of the coordinates, which span [0, 1]."""
    rho: tuple[np.ndarray, ...]
    """Of every smooth family, (parameters,): see `kernel`."""
    warping: Warping = Warping()
    """How utilities are bent before all this is said of them."""
    slope: tuple[float, float] = (0.0, 0.0)
    """Standard deviations of slopes: of what source tasks have in common, and of how each differs from it."""
    loading: Float[np.ndarray, "project factor"] = STRANGERS
    """Of `project_correlation`."""


class MultiTaskGP(NamedTuple):
    """All that a covariance rests on."""

    scales: GaussianHyperparameters
    smooth: SmoothComponent
    ground: ArmFeatures
    family_covariance: Float[np.ndarray, "family family"]
    """Covariance of their levels."""
    mean: Float[np.ndarray, " arm"]
    """Before any outcome."""
    features: Float[np.ndarray, "arm feature"]
    """Of source tasks, times their slopes."""
    alike: Float[np.ndarray, "project factor"]
    """`project_correlation.shrunk` loadings."""


class CellIndex(NamedTuple):
    """Cells (n,); a project, or a context, of -1: without effects of projects, or contexts, hence of cells."""

    project: Any
    context: Any
    arm: Int[np.ndarray, " cell"]


def arm_features(family: np.ndarray, smooth: dict[int, ArmCoordinates]) -> ArmFeatures:
    """family: (arms,) index; smooth: by index of the family, where its arms stand in their order among all arms."""
    patch, position = np.full(len(family), -1), np.zeros(len(family), dtype=np.int64)
    members = tuple(np.flatnonzero(family == one) for one in smooth)
    for number, arms in enumerate(members):
        patch[arms], position[arms] = number, np.arange(len(arms))
    return ArmFeatures(np.asarray(family), members, tuple(smooth.values()), patch, position)


def nugget(scales: GaussianHyperparameters, smooth: SmoothComponent) -> TierScales:
    """What is special about an arm and shared with no other: true variance of an untried arm."""
    pairs = zip(scales.arm, smooth.tier, strict=True)
    return TierScales(*(float(np.sqrt(max(whole**2 - part**2, 0.0))) for whole, part in pairs))


def amount(tier: TierScales, rows: CellIndex, columns: CellIndex, alike: np.ndarray = STRANGERS) -> np.ndarray:
    """(rows, columns): sum over blocks of E_b tier_b^2; (rows, 1) where all columns lie in one cell. alike: see
    `MultiTaskGP`."""
    there = np.asarray(columns.context)
    project = between(alike, rows.project, columns.project)
    context = (rows.context[:, None] == there) & (there >= 0)
    return np.asarray(tier.level**2 + tier.context**2 * context + project * (tier.project**2 + tier.cell**2 * context))


def model_at(scales: GaussianHyperparameters, smooth: SmoothComponent, ground: ArmFeatures) -> MultiTaskGP:
    """The model that has these scales."""
    families = int(ground.family.max()) + 1
    levels = np.full((families, families), float(scales.globe.level) ** 2) + float(scales.family.level) ** 2 * np.eye(
        families
    )
    offset = 0.0 if scales.elicited is None else np.asarray(scales.elicited.offset)
    kept = posterior_shrinkage(scales, ground, levels)
    arms = len(ground.family)
    mean, features = float(np.asarray(scales.mean)) + offset + np.zeros(arms), np.zeros((arms, 0))
    if ground.sources is not None:
        shared = ground.sources.surface.mean(1)
        mean = mean + shared
        apart = smooth.slope[1] * (ground.sources.surface - shared[:, None])
        features = np.column_stack([smooth.slope[0] * shared, apart])
    return MultiTaskGP(scales, smooth, ground, kept @ levels, mean, features, shrunk(smooth.loading))


def posterior_shrinkage(scales: GaussianHyperparameters, ground: ArmFeatures, levels: np.ndarray) -> np.ndarray:
    """(families, families) M = (1 + K S)^-1: of the covariance K of their levels M K is left, once an expert has
    measured them with precisions S (`gaussian.ElicitedOffset`)."""
    if scales.elicited is None:
        return np.eye(len(levels))
    precision = np.bincount(ground.family, scales.elicited.precision, len(levels))
    return np.asarray(np.linalg.inv(np.eye(len(levels)) + levels * precision))


def prior_variance(model: MultiTaskGP, at: CellIndex) -> np.ndarray:
    """Of utilities, before any outcome, in cells (n,) or of arms (n,) in one cell."""
    inside, outside = np.asarray(at.context) >= 0, np.asarray(at.project) >= 0
    family = model.ground.family[at.arm]
    total = model.family_covariance[family, family] + model.scales.arm.level**2
    for tier in (model.scales.globe, model.scales.family, model.scales.arm):
        total = total + tier.context**2 * inside + tier.project**2 * outside + tier.cell**2 * (inside & outside)
    return np.asarray(total + np.square(model.features[at.arm]).sum(1))


Powers = tuple[tuple[float, ...], ...]
"""Of every smooth family, of every parameter."""


def arm_correlation(model: MultiTaskGP, arms: np.ndarray, powers: Powers | None = None) -> np.ndarray:
    """(rows, arms): correlation of what is smooth between these arms and all arms; powers: of each parameter's part in
    it, None: all 1."""
    smooth, ground = model.smooth, model.ground
    found = np.zeros((len(arms), len(ground.family)))
    found[np.arange(len(arms)), arms] = 1.0
    exponents: Sequence[Sequence[float] | np.ndarray] = powers or smooth.rho
    every = zip(ground.members, ground.places, smooth.length, smooth.rho, exponents, strict=True)
    for number, (members, at, length, rho, power) in enumerate(every):
        own = np.flatnonzero(ground.patch[arms] == number)
        where, product = ground.position[arms[own]], np.ones((len(own), len(members)))
        for distance, code, long, correlation, exponent in zip(*at, length, rho, power, strict=True):
            level = correlation + (1 - correlation) * matern(distance, long)[0]
            level = level if powers is None else level**exponent
            product *= level[code[where]].take(code, 1)
        found[own[:, None], members] = product
    return found


def covariance(model: MultiTaskGP, rows: CellIndex, columns: CellIndex, correlation: np.ndarray) -> np.ndarray:
    """(rows, columns) of utilities. correlation: `arm_correlation` of the same arms, (rows, columns)."""
    scales, smooth, family = model.scales, model.smooth, model.ground.family
    found = correlation * amount(smooth.tier, rows, columns, model.alike)
    here, there = family[rows.arm][:, None], family[columns.arm]
    found += model.family_covariance[here, there] + amount(scales.globe._replace(level=0.0), rows, columns)
    found += (here == there) * amount(scales.family._replace(level=0.0), rows, columns)
    own = rows.arm[:, None] == columns.arm
    found += own * amount(nugget(scales, smooth), rows, columns)
    return found + model.features[rows.arm] @ model.features[columns.arm].T


def cross_covariance(
    model: MultiTaskGP, rows: CellIndex, project: int, context: int, correlation: np.ndarray
) -> np.ndarray:
    """(rows, arms): `covariance` with every arm of one cell, in few passes."""
    scales, family, cell = model.scales, model.ground.family, CellIndex(project, context, np.zeros(0, int))
    here = family[rows.arm]
    kin = model.family_covariance[here] + amount(scales.globe._replace(level=0.0), rows, cell)
    kin[np.arange(len(here)), here] += amount(scales.family._replace(level=0.0), rows, cell)[:, 0]
    found = kin.take(family, 1)
    found += correlation * amount(model.smooth.tier, rows, cell, model.alike)
    found[np.arange(len(here)), rows.arm] += amount(nugget(scales, model.smooth), rows, cell)[:, 0]
    return found + model.features[rows.arm] @ model.features.T if model.features.shape[1] else found


def to_dict(smooth: SmoothComponent | None) -> dict[str, Any] | None:
    """JSON numbers and lists; `from_dict` is its inverse, bit for bit."""
    if smooth is None:
        return None
    lists = {name: [np.asarray(part).tolist() for part in getattr(smooth, name)] for name in ("length", "rho")}
    best = [[None if np.isnan(one) else float(one) for one in row] for row in smooth.warping.best]
    tier, warping = [float(scale) for scale in smooth.tier], [float(smooth.warping.amount), best]
    return {"tier": tier, **lists, "warping": warping, "loading": smooth.loading.tolist()}


def clip(smooth: SmoothComponent | None, scales: GaussianHyperparameters) -> SmoothComponent | None:
    """No more than the arms' scales, whose part it is: these may have been found before anything was smooth."""
    if smooth is None:
        return None
    return smooth._replace(
        tier=TierScales(*(min(part, whole) for part, whole in zip(smooth.tier, scales.arm, strict=True)))
    )


def from_dict(body: dict[str, Any] | None, start: SmoothComponent | None) -> SmoothComponent | None:
    """On the families of `start`, which stays where their parameters are no longer the same, and where there is NaN."""
    if body is None or start is None:
        return start
    if [len(part) for part in body["length"]] != [len(part) for part in start.length]:
        return start
    length, rho = (
        tuple(np.where(np.isnan(part), usual, part) for part, usual in zip(found, usually, strict=True))
        for found, usually in ((body["length"], start.length), (body["rho"], start.rho))
    )
    amount, best = body.get("warping") or (0.0, [])
    warping = Warping(amount, np.array(best, dtype=float).reshape(len(best), -1)) if best else Warping(amount)
    loading = np.array(body.get("loading") or STRANGERS, dtype=float)
    return SmoothComponent(TierScales(*body["tier"]), length, rho, warping, loading=loading)

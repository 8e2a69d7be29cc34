"""Exact draws from the closed-form posterior of the crossed effects, given the scales.

Down the tree: z0 from its posterior, then v | z ~ N(S h + S D^-1 z, S) tier by tier, then theta around v and its own
outcomes. Independent, so that every effective sample size is the number of draws. `effect` is theta without what the
cell has of its own, as in the NumPyro models.
"""

import numpy as np

from poolwise.arrays import Array, namespace
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.crossed.batch import cells
from poolwise.posterior.crossed.gaussian_messages import Conditional
from poolwise.posterior.crossed.solve import TreePosterior, solve
from poolwise.posterior.gp.coregionalisation import nugget
from poolwise.posterior.gp.inducing_points import low_rank_factor, model_of
from poolwise.posterior.gp.project_correlation import mixture
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import (
    EffectLayout,
    GaussianHyperparameters,
    cell_scale,
    layout,
    noise_scale,
)
from poolwise.refit.draws.serving_marginals import has_surface, is_wide, padded, shares_cells, theta


def draws(
    problem: RefitData, hyperparameters: Hyperparameters, random: np.random.Generator, count: int
) -> dict[str, np.ndarray]:
    """`effect` and `theta`, (count, projects, contexts, arms); of wide systems and of surfaces theta alone, every
    cell by itself."""
    if is_wide(problem) or has_surface(problem):
        found = theta(problem, hyperparameters)
        return {"theta": found.mean + found.scale * random.standard_normal((count, *problem.shape))}
    fit, statistics = hyperparameters.gaussian, cells(padded(problem))
    form = layout(statistics.count.shape, fit.families)
    tree = solve(statistics, fit.scales, fit.family, fit.families)
    normal = random.standard_normal((count, 1 + fit.families + len(fit.family), form.size))
    globe, middle, v = vectors(tree, fit.scales, fit.family, form, normal)
    above = globe if middle is None else middle[:, fit.family]
    cut = np.s_[:, : problem.shape[0], : problem.shape[1]]
    effect = _at_cells(v, np.broadcast_to(above, v.shape), form)[cut]
    if form.cells:
        return {"effect": effect, "theta": _at_cells(v, v, form)[cut]}
    return {"effect": effect, "theta": _around(effect, problem, hyperparameters, form, random)}


def prior_draws(problem: RefitData, random: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """`effect` and `theta` of a problem without outcomes: of wide systems together too, since nothing is coupled; of
    surfaces theta."""
    if has_surface(problem):
        return {"theta": surfaces(problem, random, count)}
    if not is_wide(problem):
        return draws(problem, problem.hyperparameters, random, count)
    scales, (projects, contexts, arms) = problem.hyperparameters.gaussian.scales, problem.shape
    sizes = {"level": (1, 1), "context": (1, contexts), "project": (projects, 1)}
    effect = np.full((count, projects, contexts, arms), float(np.asarray(scales.mean)))
    effect += 0.0 if scales.elicited is None else scales.elicited.offset
    for block, size in sizes.items():
        alone = float(np.hypot(getattr(scales.arm, block), getattr(scales.family, block)))
        for scale, across in ((alone, arms), (float(getattr(scales.globe, block)), 1)):
            effect += scale * random.standard_normal((count, *size, across))
    return {
        "effect": effect,
        "theta": effect + own(problem, problem.hyperparameters) * random.standard_normal(effect.shape),
    }


def surfaces(problem: RefitData, random: np.random.Generator, count: int) -> np.ndarray:
    """(count, projects, contexts, arms) before any outcome, all cells together."""
    model, (projects, contexts, arms) = model_of(problem.hyperparameters.gaussian), problem.shape
    scales, smooth, family = model.scales, model.smooth, model.ground.family
    special, families = nugget(scales, smooth), len(model.family_covariance)
    root, rest = low_rank_factor(model)
    levels = random.multivariate_normal(np.zeros(families), model.family_covariance, (count, 1, 1), method="eigh")
    found = model.mean + np.broadcast_to(levels[..., family], (count, projects, contexts, arms))
    globe, kin = (tier._replace(level=0.0) for tier in (scales.globe, scales.family))
    mixed = mixture(model.alike, projects)
    for block, (here, inside) in enumerate(((1, 1), (1, contexts), (projects, 1), (projects, contexts))):
        drawn = lambda across, rows=here, inside=inside: random.standard_normal((count, rows, inside, across))
        found += globe[block] * drawn(1) + kin[block] * drawn(families)[..., family]
        sources = here if block < 2 else mixed.shape[1]
        surface = drawn(len(root), sources) @ root + rest * drawn(arms, sources)
        surface = surface if block < 2 else np.einsum("pq,nqca->npca", mixed, surface)
        found += special[block] * drawn(arms) + smooth.tier[block] * surface
    return found


def own(problem: RefitData, hyperparameters: Hyperparameters) -> float:
    """Standard deviation of theta around `effect`."""
    scales = hyperparameters.gaussian.scales
    return float(np.asarray(scales.arm.cell if shares_cells(problem) else cell_scale(scales, False)))


def vectors(
    tree: TreePosterior, scales: GaussianHyperparameters, family: np.ndarray, form: EffectLayout, normal: Array
) -> tuple[Array, Array | None, Array]:
    """Effect vectors of globe (count, 1, q), families (None: there are none) and arms, from standard normals (count,
    1 + families + arms, q)."""
    xp, families = namespace(tree.arm.mean), normal.shape[1] - 1 - len(family)
    globe = tree.globe.mean + normal[:, :1] @ xp.swapaxes(tree.globe.root, 0, 1)
    middle = None
    if families:
        middle = _drawn(tree.family, globe, form.variances(scales.family, xp), normal[:, 1 : 1 + families])
    above = globe if middle is None else middle[:, family]
    return globe, middle, _drawn(tree.arm, above, form.variances(scales.arm, xp), normal[:, 1 + families :])


def _drawn(conditional: Conditional, above: Array, variance: Array, normal: Array) -> Array:
    """(count, batch, q) given the tier above, (count, batch or 1, q)."""
    xp = namespace(conditional.mean)
    moved = xp.einsum("bij,nbj->nbi", conditional.root, normal) + conditional.mean
    return moved + xp.einsum("bij,nbj->nbi", conditional.covariance / variance, xp.broadcast_to(above, normal.shape))


def _at_cells(v: np.ndarray, cells: np.ndarray, form: EffectLayout) -> np.ndarray:
    """Sum of the effects of every cell, those of the cells from `cells`; (count, projects, contexts, arms)."""
    c, p = slice(1, 1 + form.contexts), slice(1 + form.contexts, 1 + form.contexts + form.projects)
    effect = v[:, :, 0, None, None] + v[:, :, p, None] + v[:, :, None, c]
    if form.cells:
        effect = effect + cells[:, :, p.stop :].reshape(effect.shape)
    return np.moveaxis(effect, 1, 3)


def _around(
    effect: np.ndarray,
    problem: RefitData,
    hyperparameters: Hyperparameters,
    form: EffectLayout,
    random: np.random.Generator,
) -> np.ndarray:
    """theta given the effects and the cell's own outcomes, as `belief.combine_with_cell_data`."""
    cell = np.asarray(cell_scale(hyperparameters.gaussian.scales, form.cells))
    noise = noise_scale(hyperparameters.gaussian.scales, problem.shape[1])
    seen = cells(problem.stats)
    shrinkage = noise**2 / (seen.count * cell**2 + noise**2)
    return (
        shrinkage * effect
        + (1 - shrinkage) * seen.mean
        + np.sqrt(shrinkage) * cell * random.standard_normal(effect.shape)
    )

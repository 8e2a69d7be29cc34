"""Where the search for the scales begins, and how steep the objective is there along each coordinate.

Both are rough, from sums over cells alone: they decide how soon the search ends, not where.
"""

import numpy as np

from poolwise.arrays import Array
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import (
    EffectLayout,
    GaussianHyperparameters,
    Hyperprior,
    cell_scale,
    layout,
    noise_scale,
)
from poolwise.posterior.hyperparameters.parametrisation import length, widths


def moment_initialisation(cells: CellMoments, noise_index: Array, size: int, prior: Hyperprior, groups: int) -> Array:
    """Coordinates near the optimum: noise from the spread within cells, all other scales from the spread between.

    Both are shrunk to the hyperprior's medians as if those rested on a few cells.
    """
    freedom = np.maximum(cells.count - 1, 0).sum((0, 1))
    within = cells.deviation.sum((0, 1))
    few = 3.0
    shared = (within.sum() + few * prior.median.noise**2) / (freedom.sum() + few)
    own = np.bincount(noise_index, within, groups) + few * shared
    own = own / (np.bincount(noise_index, freedom, groups) + few)
    usual = [sum(scale**2 for scale in block) for block in _blocks(prior.median)]
    usual[0] -= prior.median.globe.level**2
    found = _variances(cells, shared)
    ratio = [(max(v, 0.0) * k + 5 * few * u) / (k + 5 * few) / u for (v, k), u in zip(found, usual, strict=True)]
    between = np.tile(0.5 * np.log(ratio), 3)
    common = 0.5 * np.log(shared / prior.median.noise**2)
    rough = np.zeros(size - length(groups, 0))
    return np.concatenate([between, [common], 0.5 * np.log(own / shared), rough])


def _variances(cells: CellMoments, noise: float) -> list[tuple[float, int]]:
    """Variance of level, context, project and cell effects of all tiers together, and from how many effects.

    Means by arm, by context and by project of what the ones before leave over, less what chance makes of them.
    """
    count, residual = cells.count, cells.mean
    total = max(count.sum(), 1.0)
    per_cell, drawn = (count**2).sum() / total, []
    for axes in ((0, 1), (0,), (1,), ()):
        known = count.sum(axes, keepdims=True)
        mean = (count * residual).sum(axes, keepdims=True) / np.where(known > 0, known, 1.0)
        drawn.append((float((known * mean**2).sum()), int((known > 0).sum())))
        residual = residual - mean
    # What a block leaves over has cost its own degrees of freedom.
    (level, arms), (context, sides), (project, rows), (cell, seen) = drawn
    own = max((cell - max(seen - sides - rows, 0) * noise) / total, 0.0)
    along = max((project - rows * (noise + own * per_cell)) / total, 0.0)
    across = (context - sides * (noise + (own + along) * per_cell)) / total
    return [(level / total, arms), (across, sides), (along, rows), (own, seen)]


def curvature(
    cells: CellMoments,
    scales: GaussianHyperparameters,
    noise_index: Array,
    families: int,
    size: int,
    prior: Hyperprior,
    *,
    reduced: bool,
) -> Array:
    """Rough second derivative of the objective along each coordinate at given scales.

    2 sum (1 - r)^2 over the effects of a block, r the part of an effect's variance that its own outcomes would leave,
    and 2 n for the noise of n outcomes; plus the hyperprior's. Only the shape of the search depends on it: without it
    the noise, known from every outcome, hides all the rest.
    """
    projects, contexts, arms = cells.count.shape
    groups, form = (
        families or arms,
        EffectLayout(contexts, projects) if reduced else layout(cells.count.shape, families),
    )
    noise = np.broadcast_to(noise_scale(scales, contexts), (contexts, arms)) ** 2
    known_precision, own = cells.count / noise, cell_scale(scales, form.cells) ** 2
    weight = known_precision / (1 + known_precision * own)
    sides = [weight.sum((0, 1))[None], weight.sum(0), weight.sum(1), known_precision.reshape(-1, arms)]
    blocks = [_informed(side, block, noise_index, families) for side, block in zip(sides, _blocks(scales), strict=True)]
    if reduced:
        blocks[2] = (blocks[2][0], 0.0, 0.0)
    if not form.cells:
        known = 2 * float((((known_precision * own) / (1 + known_precision * own)) ** 2).sum())
        blocks[3] = tuple(known * (scale**2 / own) ** 2 for scale in _blocks(scales)[3])
    outcomes = cells.count.sum((0, 1))
    noise_information = 2 * np.concatenate([[outcomes.sum()], np.bincount(noise_index, outcomes, groups)])
    rough = 2 * cells.count.sum((0, 2))[: size - length(groups, 0)]
    return (
        np.concatenate([np.transpose(blocks).ravel(), noise_information, rough]) + 1 / widths(size, prior, groups) ** 2
    )


def _blocks(scales: GaussianHyperparameters) -> list[tuple[float, ...]]:
    """Scales of arm, family and globe, block by block."""
    return list(zip(*(map(float, tier) for tier in (scales.arm, scales.family, scales.globe)), strict=True))


def _informed(known: Array, scales: tuple[float, ...], family: Array, families: int) -> tuple[float, ...]:
    """2 sum (1 - r)^2 for a block in each tier; known: (effects, arms) precision of the outcomes about them."""
    gathered = (np.eye(families)[family], np.ones((families, 1))) if families else (np.ones((known.shape[1], 1)),)
    found = []
    for scale, upwards in zip(scales if families else scales[::2], (*gathered, np.ones((1, 1))), strict=True):
        left = 1 + known * scale**2
        found.append(2 * float(((1 - 1 / left) ** 2).sum()))
        known = (known / left) @ upwards
    return tuple(found) if families else (found[0], 0.0, found[1])

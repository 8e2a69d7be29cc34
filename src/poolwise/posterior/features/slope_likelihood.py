"""Log marginal likelihood with slopes, and its score: `crossed.marginal_likelihood` with more coordinates.

Fisher's identity as there; of the noise of a context and arm with what is left within cells,

    sum w (y_i - theta_i)^2 = within(y) - 2 E[b]'Sxy + E[b' Sxx b]  +  sum over cells n E[(y - theta)^2]
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.crossed.marginal_likelihood import Score, distribute_with_excess
from poolwise.posterior.crossed.solve import CellMoments, centred_effects, pass_messages
from poolwise.posterior.features import slopes
from poolwise.posterior.features.slopes import CellDirections, SlopeEvidence, SlopeLayout
from poolwise.posterior.hyperparameters.gaussian import (
    EffectLayout,
    GaussianHyperparameters,
    TierScales,
    cell_scale,
    noise_scale,
)
from poolwise.posterior.types import combine_with_cell_data


class SlopeScore(NamedTuple):
    """Derivatives by the logarithms of the scales."""

    structure: Score
    slopes: Float[np.ndarray, "tier block"]


class _Marginals(NamedTuple):
    """Of every arm's effects and slopes."""

    mean: Float[np.ndarray, "arm effect"]
    covariance: Float[np.ndarray, "arm effect effect"]


def log_marginal_likelihood(
    scales: GaussianHyperparameters,
    own: Float[np.ndarray, "tier block"],
    stats: CellMoments,
    found: CellDirections,
    family: np.ndarray,
    families: int,
    form: SlopeLayout,
    borrowed: SlopeEvidence | None = None,
) -> tuple[float, SlopeScore]:
    """Value and score. scales: without those of slopes, which are `own`; families: see `crossed.solve`; borrowed:
    counts as outcomes do, but for a constant."""
    wide, layout = slopes.with_slopes(scales, own), slopes.as_layout(form)
    tree = pass_messages(slopes.leaves(stats, found, scales, form, borrowed), wide, family, families, layout)
    top, start = tree.globe, scales.mean * (np.arange(form.size) == 0)
    second = (top.mean - start) ** 2 + np.diagonal(top.covariance)
    excess = [(second / form.variances(wide.globe, np) - 1)[None]]
    mean, covariance = top.mean, top.covariance
    if families:
        mean, covariance, more = distribute_with_excess(tree.family, form.variances(wide.family, np), mean, covariance)
        excess.append(more)
        mean, covariance = mean[family], covariance[family]
    mean, covariance, more = distribute_with_excess(
        centred_effects(tree, scales), form.variances(wide.arm, np), mean, covariance
    )
    if scales.elicited is not None:
        mean = mean + scales.elicited.offset[:, None] * (np.arange(form.size) == 0)
    excess.append(more)
    parts = [np.add.reduceat(np.append(one.sum(0), 0.0), _starts(form)) * _filled(form) for one in excess[::-1]]
    parts = parts if families else [parts[0], 0 * parts[0], parts[1]]
    tiers, noise = _with_leaves(parts, _Marginals(mean, covariance), stats, found, scales, form)
    return float(tree.evidence), SlopeScore(
        Score(tiers[0], tiers[1], tiers[2], noise), np.array([part[4:] for part in parts])
    )


def _sizes(form: SlopeLayout) -> np.ndarray:
    base = form.structure
    return np.array([1, base.contexts, base.projects, base.size - 1 - base.contexts - base.projects, *form.blocks])


def _starts(form: SlopeLayout) -> np.ndarray:
    """Where each block begins; an empty one where the next does, the last behind all effects."""
    return np.concatenate([[0], np.cumsum(_sizes(form))[:-1]])


def _filled(form: SlopeLayout) -> np.ndarray:
    return _sizes(form) > 0


def _with_leaves(
    parts: list[np.ndarray],
    known: _Marginals,
    stats: CellMoments,
    found: CellDirections,
    scales: GaussianHyperparameters,
    form: SlopeLayout,
) -> tuple[list[TierScales], np.ndarray]:
    """Scores of the tiers' blocks and of the noise, with what the cells say."""
    centre, variance = _at_cells(known, found.mean, stats.count, form.structure)
    count, mean, deviation = stats
    cell, noise = cell_scale(scales, form.cells), noise_scale(scales, count.shape[1])
    tiers = [TierScales(*part[:4].tolist()) for part in parts]
    if not form.cells:
        shrinkage = noise**2 / (count * cell**2 + noise**2)
        second = (1 - shrinkage) ** 2 * ((mean - centre) ** 2 + variance) + shrinkage * cell**2
        whole = np.where(count > 0, second / cell**2 - 1, 0.0).sum() / cell**2
        tiers = [t._replace(cell=whole * s.cell**2) for t, s in zip(tiers, scales[:3], strict=True)]
    theta = combine_with_cell_data(centre, variance, stats, cell, noise)
    squares = (deviation + count * ((mean - theta.mean) ** 2 + theta.scale**2)).sum(0)
    start = form.start
    slope, spread = known.mean[:, start:], known.covariance[:, start:, start:]
    second_moment = spread + slope[:, :, None] * slope[:, None]
    squares = squares - 2 * np.einsum("cad,ad->ca", found.product, slope)
    squares = squares + np.einsum("cade,ade->ca", found.square, second_moment)
    number = count.sum(0)
    return tiers, np.where(number > 0, squares / noise**2 - number, 0.0)


def _at_cells(known: _Marginals, phi: np.ndarray, count: np.ndarray, form: EffectLayout) -> tuple[np.ndarray, ...]:
    """[project, context, arm]: mean and variance of the sum of each cell's effects at its mean directions; 0 of cells
    without outcomes."""
    centre, variance = np.zeros(count.shape), np.zeros(count.shape)
    p, c, a = at = np.nonzero(count)
    columns = [0 * p, 1 + c, 1 + form.contexts + p]
    if form.cells:
        columns.append(1 + form.contexts + form.projects + p * form.contexts + c)
    place, m, start = np.array(columns), phi[at], form.size
    arm = a[None]
    centre[at] = known.mean[arm, place].sum(0) + (m * known.mean[a, start:]).sum(1)
    structure = known.covariance[arm[None], place[:, None], place[None]].sum((0, 1))
    across = known.covariance[arm, place, start:].sum(0)
    moved = 2 * across + np.einsum("nd,nde->ne", m, known.covariance[a, start:, start:])
    variance[at] = structure + (moved * m).sum(1)
    return centre, variance

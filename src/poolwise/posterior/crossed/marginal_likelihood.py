"""Log marginal likelihood of the hyperparameters and its score, from one pass up the tree and one down.

Fisher's identity: the score is the posterior mean of that of the complete log density. For the logarithm of a standard
deviation s of effects around the tier above, and of the noise,

    d log p(y) / d log s = sum over effects (E[(v - z)^2 | y] / s^2 - 1),
    d log p(y) / d log noise = sum over outcomes (E[(y - theta)^2 | y] / noise^2 - 1)

The arrays are NumPy's or JAX's. `tests/posterior/crossed/test_marginal_likelihood.py` holds the score to the automatic
derivative. Source: Fisher (1925); Louis (1982).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, namespace
from poolwise.posterior.crossed import average_information, chunked_reduction
from poolwise.posterior.crossed.average_information import EffectMeans
from poolwise.posterior.crossed.chunked_reduction import ArmMajorMoments
from poolwise.posterior.crossed.gaussian_messages import Conditional
from poolwise.posterior.crossed.solve import CellMoments, TreePosterior, at_cells, centred_effects, pass_messages, solve
from poolwise.posterior.hyperparameters.gaussian import (
    EffectLayout,
    GaussianHyperparameters,
    TierScales,
    cell_scale,
    layout,
    noise_scale,
)
from poolwise.posterior.types import combine_with_cell_data


class Score(NamedTuple):
    """Derivatives of the log marginal likelihood with respect to the logarithms of the scales."""

    arm: TierScales
    family: TierScales
    globe: TierScales
    noise: Float[Array, "context arm"]
    """Of the noise of every context and arm apart."""


_NONE = TierScales(0.0, 0.0, 0.0, 0.0)


def log_marginal_likelihood(
    scales: GaussianHyperparameters,
    cells: CellMoments,
    family: np.ndarray,
    families: int,
    form: EffectLayout | None = None,
) -> tuple[Array, Score]:
    """Value and score. cells: statistics [project, context, arm]; family: (arms,) index; families: see `crossed.solve`;
    form: which effects are coordinates, None: as suits the size."""
    return _passed(scales, cells, family, families, form or layout(cells.count.shape, families))[:2]


def with_information(
    scales: GaussianHyperparameters, cells: CellMoments, family: np.ndarray, families: int
) -> tuple[float, Score, average_information.Information]:
    """The same in NumPy, and the curvature that follows from the same factorisation."""
    form = layout(cells.count.shape, families)
    value, score, tree, means, (centre, variance) = _passed(scales, cells, family, families, form)
    slopes = np.concatenate(score[:3]), score.noise
    found = average_information.information(
        tree, means, cells, cells.mean - centre, variance, scales, family, form, slopes
    )
    return float(value), score, found


def _passed(
    scales: GaussianHyperparameters, cells: CellMoments, family: np.ndarray, families: int, form: EffectLayout
) -> tuple[Array, Score, TreePosterior, EffectMeans, tuple[Array, Array]]:
    """Value, score, what they rest on, and mean and variance of the sum of the effects of every cell."""
    tree = solve(cells, scales, family, families, form)
    top, covariance = tree.globe.mean, tree.globe.covariance
    xp = namespace(top)
    globe, middle, above, kin = _globe(tree.globe, scales, form), _NONE, top, None
    if families:
        kin, covariance, excess = distribute_with_excess(
            tree.family, form.variances(scales.family, xp), top, covariance
        )
        middle, above, covariance = _blocks(excess, form), kin[family], covariance[family]
    own, covariance, excess = distribute_with_excess(
        centred_effects(tree, scales), form.variances(scales.arm, xp), above, covariance
    )
    centre, variance = at_cells(own if scales.elicited is None else own + _offset(scales, form), covariance, form)
    tiers = (_blocks(excess, form), middle, globe)
    found = _with_leaves(tree.evidence, tiers, cells, scales, centre, variance, form.cells)
    return *found, tree, EffectMeans(own, kin, top), (centre, variance)


def _offset(scales: GaussianHyperparameters, form: EffectLayout) -> Array:
    """(arms, q): what an expert says the arms lie around."""
    assert scales.elicited is not None
    return scales.elicited.offset[:, None] * (np.arange(form.size) == 0)


def differentiable(
    cells: CellMoments, family: np.ndarray, families: int, form: EffectLayout
) -> Callable[[GaussianHyperparameters], Array]:
    """The value alone, for JAX: its backward pass is the score, so no derivative is traced through the algebra."""
    import jax

    @jax.custom_vjp
    def value(scales: GaussianHyperparameters) -> Array:
        return log_marginal_likelihood(scales, cells, family, families, form)[0]

    def forward(scales: GaussianHyperparameters) -> tuple[Array, tuple[GaussianHyperparameters, Score]]:
        found, score = log_marginal_likelihood(scales, cells, family, families, form)
        return found, (scales, score)

    def backward(kept: tuple[GaussianHyperparameters, Score], slope: Array) -> tuple[GaussianHyperparameters]:
        scales, score = kept
        noise, spread = score.noise.sum(0), score.noise.sum(1)[: scales.spread.shape[0]]
        by_logarithm = GaussianHyperparameters(score.arm, score.family, score.globe, noise, spread, 0.0)
        scaled = lambda one, scale: slope * one / jax.numpy.where(scale == 0, 1.0, scale)
        return (jax.tree.map(scaled, by_logarithm, scales),)

    value.defvjp(forward, backward)
    return value


def log_marginal_likelihood_reduced(scales: GaussianHyperparameters, stack: ArmMajorMoments) -> tuple[Array, Score]:
    """Of `solve.solve_reduced`, block by block."""
    form = EffectLayout(stack.count.shape[2], 0)
    tree = pass_messages(chunked_reduction.canonical_form(stack, scales), scales, None, 0, form)
    own, top = centred_effects(tree, scales), tree.globe
    mean, covariance, excess = distribute_with_excess(own, form.variances(scales.arm, np), top.mean, top.covariance)
    mean, arm = mean if scales.elicited is None else mean + _offset(scales, form), _blocks(excess, form)
    (one, first, second), project = chunked_reduction.sums(stack, scales, mean, covariance)
    arm = arm._replace(project=float((project / scales.arm.project**2 - stack.count.shape[1]).sum()))
    whole, cell = float((second - one).sum()), cell_scale(scales, False) ** 2
    found = [
        tier._replace(cell=whole * prior.cell**2)
        for tier, prior in zip((arm, _NONE, _globe(tree.globe, scales, form)), scales[:3], strict=True)
    ]
    noise = stack.deviation / noise_scale(scales, form.contexts) ** 2 - stack.outcomes + first + cell * (one - second)
    return float(tree.evidence), Score(found[0], found[1], found[2], noise)


def _globe(globe: Conditional, scales: GaussianHyperparameters, form: EffectLayout) -> TierScales:
    xp = namespace(globe.mean)
    start = scales.mean * (xp.arange(form.size) == 0)
    second = (globe.mean - start) ** 2 + xp.diagonal(globe.covariance)
    return _blocks((second / form.variances(scales.globe, xp) - 1)[None], form)


def distribute_with_excess(
    conditional: Conditional, variance: Array, mean: Array, covariance: Array
) -> tuple[Array, Array, Array]:
    """`gaussian_messages.distribute`, and (batch, q): E[(v - z)^2] / variance - 1, with z of the given marginal."""
    xp, own = namespace(mean), lambda part: namespace(mean).diagonal(part, axis1=-2, axis2=-1)
    gain = conditional.covariance / variance
    across = gain @ covariance
    inherited = across @ xp.swapaxes(gain, -1, -2)
    below = conditional.mean + (gain @ mean[..., None])[..., 0]
    second = (below - mean) ** 2 + own(conditional.covariance) + own(inherited) - 2 * own(across) + own(covariance)
    inherited += conditional.covariance
    return below, inherited, second / variance - 1


def _blocks(excess: np.ndarray, form: EffectLayout) -> TierScales:
    """Sums over the batch and the coordinates of each block."""
    total, ends = excess.sum(0), np.cumsum([1, form.contexts, form.projects])
    return TierScales(*(part.sum() for part in namespace(total).split(total, ends)))


def _with_leaves(
    value: Array,
    tiers: tuple[TierScales, TierScales, TierScales],
    cells: CellMoments,
    scales: GaussianHyperparameters,
    centre: Array,
    variance: Array,
    kept: bool,
) -> tuple[Array, Score]:
    """Adds what the cells say. centre, variance [project, context, arm]: of the sum of the effects."""
    xp, (count, mean, deviation) = namespace(centre), cells
    cell, noise = cell_scale(scales, kept), noise_scale(scales, count.shape[1])
    if not kept:
        shrinkage = noise**2 / (count * cell**2 + noise**2)
        second = (1 - shrinkage) ** 2 * ((mean - centre) ** 2 + variance) + shrinkage * cell**2
        whole = xp.where(count > 0, second / cell**2 - 1, 0.0).sum() / cell**2
        arm, family, globe = (t._replace(cell=whole * s.cell**2) for t, s in zip(tiers, scales[:3], strict=True))
        tiers = arm, family, globe
    theta = combine_with_cell_data(centre, variance, cells, cell, noise)
    squares = deviation + count * ((mean - theta.mean) ** 2 + theta.scale**2)
    return value, Score(*tiers, xp.where(count > 0, squares / noise**2 - count, 0.0).sum(0))

"""The whole tree for given hyperparameters: log evidence, and the marginal of every arm's effect vector."""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, namespace
from poolwise.posterior.crossed import canonical_form
from poolwise.posterior.crossed.gaussian_messages import CanonicalForm, Conditional, collect, distribute
from poolwise.posterior.hyperparameters.gaussian import (
    EffectLayout,
    ElicitedOffset,
    GaussianHyperparameters,
    borrowed_at,
    cell_scale,
    layout,
    noise_scale,
)


class CellMoments(NamedTuple):
    """The outcomes of every cell: their number, mean, and sum of squared deviations from it."""

    count: Float[Array, "project context arm"]
    mean: Float[Array, "project context arm"]
    deviation: Float[Array, "project context arm"]


class TreePosterior(NamedTuple):
    """Everything that beliefs are read from. The top tier's conditional is its posterior."""

    arm: Conditional
    family: Conditional
    globe: Conditional
    evidence: Array


def solve(
    cells: CellMoments,
    scales: GaussianHyperparameters,
    family: Array,
    families: int,
    form: EffectLayout | None = None,
    trees: int = 0,
) -> TreePosterior:
    """Messages up the tree. `family`: (arms,) index; families = 0: arms hang at the globe directly.

    trees: so many side by side, the arms and families of one after those of the other, each below a globe of its own
    (globe and evidence have an axis more, in front); 0: one.
    """
    form = form or layout(cells.count.shape, families)
    noise = noise_scale(scales, form.contexts)
    leaves = canonical_form.canonical_form(*cells, cell_scale(scales, form.cells), noise, cells=form.cells)
    leaves = canonical_form.leading(leaves, form.size)
    leaves = canonical_form.add_observation(leaves, borrowed_at(scales, form.contexts))
    return pass_messages(leaves, scales, family, families, form, trees)


def solve_reduced(
    cells: CellMoments, scales: GaussianHyperparameters
) -> tuple[TreePosterior, tuple[Array, Array, Array]]:
    """The same for many projects and one family per arm: project effects belong to the arm alone, O(P C^2 A)."""
    projects, contexts, _ = cells.count.shape
    known = borrowed_at(scales, projects if scales.pooled is not None and scales.pooled.transposed else contexts)
    cell, noise = cell_scale(scales, False), noise_scale(scales, contexts)
    leaves, own, informed, coupling = canonical_form.reduced(*cells, cell, noise, scales.arm.project**2, known)
    return pass_messages(leaves, scales, None, 0, EffectLayout(contexts, 0)), (own, informed, coupling)


def pass_messages(
    leaves: CanonicalForm,
    scales: GaussianHyperparameters,
    family: Array | None,
    families: int,
    form: EffectLayout,
    trees: int = 0,
) -> TreePosterior:
    """From the potentials of the arms upwards. Arms lie around what an expert stated of their family, if anything.
    trees: see `solve`."""
    xp = namespace(leaves.precision)
    elicited = None if scales.elicited is None else ElicitedOffset(*map(xp.asarray, scales.elicited))
    if elicited is not None:
        leaves = canonical_form.shift_mean(leaves, elicited.offset)
        leaves = leaves if families else canonical_form.add_measurement(leaves, elicited.precision)
    message, arm = collect(leaves, form.variances(scales.arm, xp))
    middle = arm
    if families:
        member = (xp.arange(families)[:, None] == family) * 1.0
        gathered = CanonicalForm(*(xp.tensordot(member, part, 1) for part in message))
        if elicited is not None:
            gathered = canonical_form.add_measurement(gathered, member @ elicited.precision)
        message, middle = collect(gathered, form.variances(scales.family, xp))
    below = (part.reshape(trees, -1, *part.shape[1:]) if trees else part for part in message)
    total = CanonicalForm(*(part.sum(1 if trees else 0) for part in below))
    above = form.variances(scales.globe, xp)
    start = scales.mean * (xp.arange(len(above)) == 0)
    total = total._replace(
        information=total.information + start / above, constant=total.constant - 0.5 * (start**2 / above).sum()
    )
    top, globe = collect(total, above)
    if elicited is not None:
        arm = arm._replace(mean=arm.mean + elicited.offset[:, None] * (xp.arange(form.size) == 0))
    return TreePosterior(arm, middle, globe, top.constant)


def centred_effects(tree: TreePosterior, scales: GaussianHyperparameters) -> Conditional:
    """Of the arms, less what an expert says they lie around: effects that have the scales of the hyperparameters."""
    if scales.elicited is None:
        return tree.arm
    first = np.arange(tree.arm.mean.shape[1]) == 0
    return tree.arm._replace(mean=tree.arm.mean - scales.elicited.offset[:, None] * first)


def arm_marginals(
    tree: TreePosterior, scales: GaussianHyperparameters, family: Array, families: int, form: EffectLayout
) -> tuple[Float[Array, "arm effect"], Float[Array, "arm effect effect"]]:
    """Posterior mean and covariance of every arm's effect vector."""
    xp = namespace(tree.globe.mean)
    mean, covariance = tree.globe.mean, tree.globe.covariance
    if families:
        mean, covariance = distribute(tree.family, form.variances(scales.family, xp), mean, covariance)
        mean, covariance = mean[family], covariance[family]
    return distribute(tree.arm, form.variances(scales.arm, xp), mean, covariance)


class ProjectEffects(NamedTuple):
    """Effects that were integrated out, brought back."""

    mean: Float[Array, "arm project"]
    variance: Float[Array, "arm project"]
    level: Float[Array, "arm project"]
    """Variance of level + project."""
    centre: Float[Array, "project context arm"]
    """Mean of the sum of the effects of every cell."""
    sum_variance: Float[Array, "project context arm"]
    """Its variance."""


def at_cells(
    mean: Float[Array, "arm effect"], covariance: Float[Array, "arm effect effect"], form: EffectLayout
) -> tuple[Float[Array, "project context arm"], Float[Array, "project context arm"]]:
    """Mean and variance of the sum of the coordinates of every cell."""
    xp = namespace(mean)
    c, p = slice(1, 1 + form.contexts), slice(1 + form.contexts, 1 + form.contexts + form.projects)
    diagonal = xp.diagonal(covariance, axis1=1, axis2=2)
    centre = mean[:, 0, None, None] + mean[:, p, None] + mean[:, None, c]
    alone = covariance[:, 0, 0, None] + diagonal[:, c] + 2 * covariance[:, 0, c]
    variance = alone[:, None] + (diagonal[:, p] + 2 * covariance[:, 0, p])[:, :, None] + 2 * covariance[:, p, c]
    if form.cells:
        more, wider = _own_coordinates(mean, covariance, form)
        centre, variance = centre + more, variance + wider
    return xp.moveaxis(centre, 0, 2), xp.moveaxis(variance, 0, 2)


def _own_coordinates(mean: Array, covariance: Array, form: EffectLayout) -> tuple[Array, Array]:
    """What the cells' own coordinates add to mean and variance, [arm, project, context]."""
    shape = (-1, form.projects, form.contexts)
    rows = np.arange(form.size - form.projects * form.contexts, form.size)
    project, context = np.divmod(np.arange(len(rows)), form.contexts)
    along = sum(covariance[:, rows, other] for other in (0, 1 + context, 1 + form.contexts + project))
    return mean[:, rows].reshape(shape), (covariance[:, rows, rows] + 2 * along).reshape(shape)


def project_effects(mean: Array, covariance: Array, own: Array, informed: Array, coupling: Array) -> ProjectEffects:
    """From the marginal of (level, contexts), (arms, 1 + contexts), and what `canonical_form.reduced` kept for the way
    back."""
    xp = namespace(mean)
    gain = coupling / own[:, :, None]
    moved = gain @ covariance
    effect = informed / own - xp.einsum("apk,ak->ap", gain, mean)
    variance = 1 / own + xp.einsum("apk,apk->ap", gain, moved)
    alone = xp.diagonal(covariance, axis1=1, axis2=2)[:, 1:] + covariance[:, 0, 0, None] + 2 * covariance[:, 0, 1:]
    centre = (mean[:, :1] + mean[:, 1:])[:, None] + effect[:, :, None]
    sum_variance = alone[:, None] + variance[:, :, None] - 2 * (moved[:, :, :1] + moved[:, :, 1:])
    level = covariance[:, 0, 0, None] + variance - 2 * moved[:, :, 0]
    return ProjectEffects(effect, variance, level, xp.moveaxis(centre, 0, 2), xp.moveaxis(sum_variance, 0, 2))

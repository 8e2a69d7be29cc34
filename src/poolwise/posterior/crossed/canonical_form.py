"""What the outcomes of each arm say about its effect vector: the potential at the leaves of the tree.

A cell with n outcomes of mean y and noise s^2 has weight w = n / (n cell^2 + s^2), the cell's own deviation integrated
out, and contributes w e e' to the precision and w y e to the information, e = (level, its context, its project).
Where projects are many their effects are integrated out right here: they are diagonal given the rest (Schur).
"""

import numpy as np

from poolwise.arrays import Array, Float, namespace
from poolwise.posterior.crossed.gaussian_messages import CanonicalForm
from poolwise.posterior.hyperparameters.gaussian import BorrowedEstimates

_LOG_2PI = 1.8378770664093453


def weights(
    count: Float[Array, "... arm"], mean: Float[Array, "... arm"], cell: Array, noise: Array
) -> tuple[Float[Array, "... arm"], Float[Array, "... arm"]]:
    """Weight of every cell, and weight times mean."""
    weight = count / (count * cell**2 + noise**2)
    return weight, weight * mean


def canonical_form(
    count: Float[Array, "project context arm"],
    mean: Float[Array, "project context arm"],
    deviation: Float[Array, "project context arm"],
    cell: Array,
    noise: Float[Array, "... arm"],
    *,
    cells: bool = False,
) -> CanonicalForm:
    """Over (level, contexts, projects), batched over arms.

    deviation: sum of squares around the cell's mean. With `cells` these are coordinates too, and `cell` is 0.
    """
    weight, product = weights(count, mean, cell, noise)
    xp = namespace(weight)
    w, y = xp.moveaxis(weight, -1, 0), xp.moveaxis(product, -1, 0)
    contexts, projects = w.sum(1), w.sum(2)
    top = xp.concatenate([w.sum((1, 2))[:, None], contexts, projects], 1)
    corner = xp.concatenate([contexts[:, :, None] * xp.eye(w.shape[2]), xp.swapaxes(w, 1, 2)], 2)
    bottom = xp.concatenate([w, projects[:, :, None] * xp.eye(w.shape[1])], 2)
    lower = xp.concatenate([corner, bottom], 1)
    precision = xp.concatenate([top[:, None], xp.concatenate([top[:, 1:, None], lower], 2)], 1)
    information = xp.concatenate([y.sum((1, 2))[:, None], y.sum(1), y.sum(2)], 1)
    if cells:
        precision, information = _with_cells(precision, information, w, y)
    return CanonicalForm(precision, information, constant(count, mean, deviation, weight, noise))


def leading(form: CanonicalForm, size: int) -> CanonicalForm:
    """Over the first so many coordinates, where the others are 0."""
    if form.precision.shape[-1] == size:
        return form
    return form._replace(precision=form.precision[..., :size, :size], information=form.information[..., :size])


def _with_cells(precision: Array, information: Array, w: Array, y: Array) -> tuple[Array, Array]:
    """The same with every cell as one more coordinate: w on the diagonal, and against its level, context, project."""
    xp = namespace(w)
    arms, projects, contexts = w.shape
    flat = w.reshape(arms, 1, -1)
    member = np.concatenate(
        [np.ones((1, projects * contexts)), np.tile(np.eye(contexts), projects), np.eye(projects).repeat(contexts, 1)]
    )
    across = member * flat
    own = flat * np.eye(projects * contexts)
    rows = xp.concatenate([precision, across], 2)
    below = xp.concatenate([xp.swapaxes(across, 1, 2), own], 2)
    return xp.concatenate([rows, below], 1), xp.concatenate([information, y.reshape(arms, -1)], 1)


def add_observation(leaves: CanonicalForm, pooled: BorrowedEstimates | None) -> CanonicalForm:
    """The potential with what other stores know of (level, contexts), its first coordinates; see
    `gaussian.BorrowedEstimates`."""
    if pooled is None:
        return leaves
    k, h, contexts = pooled.precision.T, pooled.information.T, len(pooled.precision)
    xp, size = namespace(leaves.precision), leaves.precision.shape[-1]
    block = np.zeros((len(k), size, size))
    block[:, 0, 0] = k.sum(1)
    block[:, 0, 1 : 1 + contexts] = block[:, 1 : 1 + contexts, 0] = k
    block[:, 1 + np.arange(contexts), 1 + np.arange(contexts)] = k
    more = np.zeros((len(k), size))
    more[:, 0], more[:, 1 : 1 + contexts] = h.sum(1), h
    precision, information = leaves.precision + xp.asarray(block), leaves.information + xp.asarray(more)
    return CanonicalForm(precision, information, leaves.constant + log_normaliser(pooled))


def add_measurement(potential: CanonicalForm, precision: Float[Array, " batch"]) -> CanonicalForm:
    """With a measurement of the level, the first coordinate, that found 0."""
    xp, first = namespace(potential.precision), np.eye(potential.precision.shape[-1])[0]
    return potential._replace(
        precision=potential.precision + xp.asarray(precision)[:, None, None] * np.outer(first, first)
    )


def shift_mean(potential: CanonicalForm, offset: Float[Array, " batch"]) -> CanonicalForm:
    """The same in terms of the effects less an offset of their level."""
    moved = potential.precision[:, 0] * offset[:, None]
    constant = potential.constant + offset * (potential.information[:, 0] - 0.5 * moved[:, 0])
    return potential._replace(information=potential.information - moved, constant=constant)


def log_normaliser(pooled: BorrowedEstimates) -> Float[np.ndarray, " arm"]:
    """The log density of what is known at its own estimate, up to what no scale depends on."""
    return -0.5 * (pooled.information**2 / np.where(pooled.precision > 0, pooled.precision, 1.0)).sum(0)


def reduced(
    count: Float[Array, "project context arm"],
    mean: Float[Array, "project context arm"],
    deviation: Float[Array, "project context arm"],
    cell: Array,
    noise: Float[Array, "... arm"],
    variance: Array,
    pooled: BorrowedEstimates | None = None,
) -> tuple[CanonicalForm, Float[Array, "arm project"], Float[Array, "arm project"], Float[Array, "arm project effect"]]:
    """The same over (level, contexts) only: project effects of the given variance are integrated out, O(P C^2).

    Also what brings them back: for every project its precision d, its information, and its coupling to the kept
    coordinates.
    """
    weight, product = weights(count, mean, cell, noise)
    xp = namespace(weight)
    w, y = xp.moveaxis(weight, -1, 0), xp.moveaxis(product, -1, 0)
    alone, own_information = w.sum(2), y.sum(2)
    if pooled is not None and pooled.transposed:
        alone, own_information = alone + pooled.precision.T, own_information + pooled.information.T
    own, level = alone + 1 / variance, (alone.sum(1), own_information.sum(1))
    coupling = xp.concatenate([alone[:, :, None], w], 2)
    top = xp.concatenate([level[0][:, None], w.sum(1)], 1)
    square = xp.concatenate([top[:, 1:, None], w.sum(1)[:, :, None] * xp.eye(w.shape[2])], 2)
    precision = xp.concatenate([top[:, None], square], 1)
    gain = coupling / own[:, :, None]
    precision = precision - xp.swapaxes(gain, 1, 2) @ coupling
    information = xp.concatenate([level[1][:, None], y.sum(1)], 1)
    information = information - xp.einsum("apk,ap->ak", gain, own_information)
    gained = 0.5 * (own_information**2 / own - xp.log(own * variance)).sum(1)
    leaves = CanonicalForm(precision, information, constant(count, mean, deviation, weight, noise) + gained)
    if pooled is not None and pooled.transposed:
        leaves = leaves._replace(constant=leaves.constant + log_normaliser(pooled))
    else:
        leaves = add_observation(leaves, pooled)
    return leaves, own, own_information, coupling


def constant(
    count: Float[Array, "project context arm"],
    mean: Float[Array, "project context arm"],
    deviation: Float[Array, "project context arm"],
    weight: Float[Array, "project context arm"],
    noise: Float[Array, "... arm"],
) -> Float[Array, " arm"]:
    """The part of the log density that does not depend on the effects."""
    xp = namespace(weight)
    seen = count > 0
    noise = xp.broadcast_to(noise, count.shape)
    within = -0.5 * (count - 1) * (_LOG_2PI + 2 * xp.log(noise)) - 0.5 * xp.log(xp.where(seen, count, 1.0))
    between = 0.5 * xp.log(xp.where(seen, weight, 1.0)) - 0.5 * _LOG_2PI - 0.5 * weight * mean**2
    return xp.where(seen, within - 0.5 * deviation / noise**2 + between, 0.0).sum((0, 1))

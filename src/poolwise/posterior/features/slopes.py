"""Slopes as coordinates of an arm's effect vector, and what outcomes say about them.

    theta[p,c,a](x) = (level, context, project, cell)[a] + phi(x)'b[a],    b[a] ~ N(b[f(a)], .),  b[f] ~ N(b[globe], .)

A cell with weights w_i, directions phi_i of mean m and utilities y_i of mean y says, its own deviation integrated out,
n = sum w_i,

    between:  n / (n cell^2 + s^2) of (e, m)(e, m)' and of (e, m) y            e: ones at level, context and project
    within:   sum w_i (phi_i - m)(phi_i - m)' / s^2  and  sum w_i (phi_i - m)(y_i - y) / s^2,  of slopes alone
"""

from typing import Any, NamedTuple, cast

import numpy as np

from poolwise.arrays import Array, Float
from poolwise.posterior.crossed import canonical_form
from poolwise.posterior.crossed.gaussian_messages import CanonicalForm
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import (
    EffectLayout,
    GaussianHyperparameters,
    TierScales,
    borrowed_at,
    cell_scale,
    layout,
    noise_scale,
)

_LEAST = 1e-5
"""Smallest standard deviation of a slope: that of a tier must not be 0."""


class SlopeTier(NamedTuple):
    """Scales of one tier's effects around the tier above."""

    structure: TierScales
    slopes: Float[np.ndarray, " block"]


class SlopeLayout(NamedTuple):
    """Effects of the hierarchy, then slopes block by block."""

    structure: EffectLayout
    blocks: tuple[int, ...]

    @property
    def start(self) -> int:
        """Number of the first slope."""
        return self.structure.size

    @property
    def size(self) -> int:
        return self.structure.size + sum(self.blocks)

    @property
    def contexts(self) -> int:
        return self.structure.contexts

    @property
    def projects(self) -> int:
        return self.structure.projects

    @property
    def cells(self) -> bool:
        return self.structure.cells

    def variances(self, tier: Any, xp: Any) -> Float[Array, " effect"]:
        """Prior variances of a tier's effect vector; tier: a `SlopeTier`."""
        slopes = np.repeat(np.maximum(tier.slopes, _LEAST) ** 2, self.blocks)
        return np.concatenate([self.structure.variances(tier.structure, xp), slopes])


class CellDirections(NamedTuple):
    """What rows with directions come to: mean directions of every cell, and what is left within cells."""

    mean: Float[np.ndarray, "project context arm direction"]
    square: Float[np.ndarray, "context arm direction direction"]
    product: Float[np.ndarray, "context arm direction"]


def with_slopes(scales: GaussianHyperparameters, slopes: Float[np.ndarray, "tier block"]) -> GaussianHyperparameters:
    """The scales with those of slopes, of arm, family and globe: what `SlopeLayout` reads."""
    tiers = [SlopeTier(tier, own) for tier, own in zip(scales[:3], slopes, strict=True)]
    arm, family, globe = (cast(TierScales, tier) for tier in tiers)
    return scales._replace(arm=arm, family=family, globe=globe)


def slope_layout(shape: tuple[int, ...], families: int, blocks: tuple[int, ...]) -> SlopeLayout:
    """`gaussian.layout` with slopes."""
    return SlopeLayout(layout(shape, families), blocks)


def as_layout(form: SlopeLayout) -> EffectLayout:
    """For whoever asks a layout for sizes and variances alone."""
    return cast(EffectLayout, form)


def collect(
    stats: CellMoments,
    place: tuple[np.ndarray, np.ndarray, np.ndarray],
    y: np.ndarray,
    weight: np.ndarray,
    phi: Float[np.ndarray, "row direction"],
) -> CellDirections:
    """From rows, one per outcome; what cells count beyond them had the usual features, 0, and where cells count less,
    so do rows."""
    shape, size = stats.count.shape, phi.shape[1]
    _, context, arm = place
    flat, total = np.ravel_multi_index(place, shape), np.zeros((int(np.prod(shape)), size))
    heard = np.bincount(flat, weight, len(total))
    weight = weight * np.minimum(stats.count.reshape(-1) / np.maximum(heard, 1e-300), 1.0)[flat]
    np.add.at(total, flat, weight[:, None] * phi)
    mean = (total / np.maximum(stats.count.reshape(-1), 1e-300)[:, None]).reshape(*shape, size)
    square, product = np.zeros((*shape[1:], size, size)), np.zeros((*shape[1:], size))
    group = context * shape[2] + arm
    order = np.argsort(group, kind="stable")
    ends = np.flatnonzero(np.diff(group[order], append=-1)) + 1
    for rows in np.split(order, ends[:-1]) if len(order) else ():
        at = context[rows[0]], arm[rows[0]]
        weighted = weight[rows, None] * phi[rows]
        square[at], product[at] = weighted.T @ phi[rows], weighted.T @ y[rows]
    square -= np.einsum("pca,pcad,pcae->cade", stats.count, mean, mean, optimize=True)
    product -= np.einsum("pca,pcad->cad", stats.count * stats.mean, mean)
    return CellDirections(mean, square, product)


class SlopeEvidence(NamedTuple):
    """What is known of every arm's slopes beside the outcomes."""

    precision: Float[np.ndarray, "arm direction direction"]
    information: Float[np.ndarray, "arm direction"]


def leaves(
    stats: CellMoments,
    found: CellDirections,
    scales: GaussianHyperparameters,
    form: SlopeLayout,
    borrowed: SlopeEvidence | None = None,
) -> CanonicalForm:
    """What the outcomes of each arm say of its effects and slopes. scales: without those of slopes; borrowed: what is
    known of slopes from elsewhere."""
    structure, start = form.structure, form.start
    noise, between = noise_scale(scales, form.contexts), cell_scale(scales, form.cells)
    known = canonical_form.canonical_form(*stats, between, noise, cells=form.cells)
    known = canonical_form.add_observation(
        canonical_form.leading(known, structure.size), borrowed_at(scales, form.contexts)
    )
    arms, size = len(known.precision), form.size
    precision, information = np.zeros((arms, size, size)), np.zeros((arms, size))
    precision[:, :start, :start], information[:, :start] = known.precision, known.information
    weight = canonical_form.weights(stats.count, stats.mean, between, noise)[0]
    weighted = np.moveaxis(weight[..., None] * found.mean, 2, 0)
    across = [weighted.sum((1, 2))[:, None], weighted.sum(1), weighted.sum(2)]
    if form.cells:
        across.append(weighted.reshape(arms, -1, weighted.shape[-1]))
    side = np.concatenate(across, 1)
    precision[:, :start, start:], precision[:, start:, :start] = side, np.swapaxes(side, 1, 2)
    square = np.broadcast_to(noise**2, found.square.shape[:2])
    by_arm = np.moveaxis(found.mean, 2, 0).reshape(arms, -1, weighted.shape[-1])
    flat = weighted.reshape(by_arm.shape)
    precision[:, start:, start:] = np.swapaxes(flat, 1, 2) @ by_arm + (found.square / square[..., None, None]).sum(0)
    own = np.moveaxis(stats.mean, 2, 0).reshape(arms, -1)
    information[:, start:] = (own[:, None] @ flat)[:, 0] + (found.product / square[..., None]).sum(0)
    if borrowed is not None:
        size = start + borrowed.information.shape[1]
        precision[:, start:size, start:size] += borrowed.precision
        information[:, start:size] += borrowed.information
    return CanonicalForm(precision, information, known.constant)

"""Crossed Gaussian effects, exact after every outcome, at the cost of one rank-one update per tier.

An arm has an effect vector v of q coordinates: level, contexts, projects and, where cells are coordinates, cells. It is
drawn around its family's vector, which is drawn around the global one (`hyperparameters.gaussian`). A tier is kept as
the covariance S of its vectors given the tier above, and their mean where the tier above is 0, side by side: (rows, q,
q + 1), in units in which a direction S e of one tier is the direction in the tier above.

One more outcome in a cell changes that cell's precision by k e e' and its information by h e, with ones in e at its
coordinates. With u = S e and d = 1 + k e'u the tier becomes

    S - (k / d) u u',   mean + u (h - k e'mean) / d

and the tier above sees the same with e <- u, k <- k / d, h <- (h - k e'mean) / d: O(q^2) in all. The predictive of the
cell's coordinates before the outcome falls out on the way: its mean is the sum of e'mean, its variance that of e'u.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Array, at, namespace, put, window
from poolwise.posterior.crossed.gaussian_messages import Conditional
from poolwise.posterior.crossed.solve import CellMoments, solve
from poolwise.posterior.hyperparameters.gaussian import EffectLayout, GaussianHyperparameters, layout

ROWS = 4
"""Sums of effects that are predicted: here, and what is shared by the project, by the context, by all."""


class Passage(NamedTuple):
    """One cell of one arm, followed up the tiers."""

    moved: tuple[Array, ...]
    """(q + 1,) each: u and e'mean of every tier."""
    along: tuple[Array, ...]
    """e'u of every tier."""

    @property
    def mean(self) -> Array:
        """Of the sum of the cell's coordinates."""
        return sum(moved[-1] for moved in self.moved) * 1.0

    @property
    def variance(self) -> Array:
        return sum(self.along) * 1.0


def init(
    cells: CellMoments,
    scales: GaussianHyperparameters,
    family: np.ndarray,
    families: int,
    form: EffectLayout | None = None,
    trees: int = 0,
) -> tuple[Array, ...]:
    """The tiers that all outcomes so far lead to; statistics [project, context, arm]. Of none, scales may be traced.
    trees: of so many systems one below the other, see `solve`; then there are outcomes."""
    form, xp = form or layout(cells.count.shape, families), namespace(scales.arm.level)
    tiers = (scales.arm, *((scales.family,) if families else ()), scales.globe)
    variances = [form.variances(tier, xp) for tier in tiers]
    if scales.elicited is None and scales.pooled is None and not cells.count.any():
        rows = (cells.count.shape[2], *((families,) if families else ()), 1)
        means = (*(0.0 for _ in rows[1:]), scales.mean)
        found = [_unseen(*one, xp) for one in zip(means, variances, rows, strict=True)]
    else:
        tree = solve(cells, scales, family, families, form, max(trees, 1))
        globe = tree.globe
        found = [tree.arm, *((tree.family,) if families else ()), globe]
    return tuple(map(side_by_side, found, units(variances[:-1])))


def _unseen(mean: Array, variance: Array, rows: int, xp: Any) -> Conditional:
    """So many vectors of which nothing is known but the mean of their level."""
    size = len(variance)
    centre = xp.broadcast_to(mean * (xp.arange(size) == 0), (rows, size))
    return Conditional(xp.broadcast_to(xp.diag(variance), (rows, size, size)), centre)


def units(variances: list[np.ndarray]) -> list[np.ndarray]:
    """(q,) factor on every tier's effects: D^-1 S e is the direction in the tier above, in these units S e itself."""
    found = [variances[0] * 0.0 + 1.0]
    for variance in variances:
        found.append(1 / (found[-1] * variance))
    return found


def side_by_side(one: Conditional, unit: np.ndarray) -> np.ndarray:
    wide = unit[:, None] * one.covariance * unit
    return namespace(wide).concatenate([wide, (unit * one.mean)[..., None]], 2)


def passage(
    tiers: tuple[Array, ...],
    rows: tuple[Array, ...],
    coordinates: list[Array],
    slopes: tuple[int, Array] | None = None,
) -> Passage:
    """rows: of the arm in the first tier, of its family in the next, .. ; coordinates: of the cell; slopes: number of
    the first effect beyond the coordinates, and what those from there on are multiplied by, where they count."""
    if not tiers:
        return Passage((), ())
    width = tiers[0].shape[2]
    moved = [sum(window(tiers[0], (rows[0], i, 0), (1, 1, width)).reshape(width) for i in coordinates)]
    along = [sum(at(moved[0], i) for i in coordinates)]
    if slopes is not None:
        start, direction = slopes
        size = len(direction)
        moved[0] = moved[0] + direction @ window(tiers[0], (rows[0], start, 0), (1, size, width)).reshape(size, width)
        along = [sum(at(moved[0], i) for i in coordinates) + moved[0][start:-1] @ direction]
    for tier, row in zip(tiers[1:], rows[1:], strict=True):
        direction = moved[-1][:-1]
        moved.append(direction @ at(tier, row))
        along.append(direction @ moved[-1][:-1])
    return Passage(tuple(moved), tuple(along))


def changes(found: Passage, precision: Array, information: Array) -> tuple[Array, ...]:
    """(q + 1,) for every tier: with u of the passage, u change' is what is added to its row."""
    out: list[Array] = []
    for moved, along in zip(found.moved, found.along, strict=True):
        scale = 1 + precision * along
        information = (information - precision * moved[-1]) / scale
        precision = precision / scale
        xp = namespace(moved)
        out.append(xp.concatenate([-precision * moved[:-1], xp.reshape(information, (1,))]))
    return tuple(out)


def update(
    tiers: tuple[Array, ...], rows: tuple[Array, ...], along: tuple[Array, ...], change: tuple[Array, ...]
) -> tuple[Array, ...]:
    """The tiers after an outcome. along: (q,) of every tier, u of the passage."""
    return tuple(map(_with_outer_product, tiers, rows, along, change))


def _with_outer_product(tier: Array, row: Array, one: Array, other: Array) -> Array:
    added = one[:, None] * other
    if len(tier) == 1 and namespace(tier) is not np:
        return tier + added  # XLA would copy the one row that it slices out
    return put(tier, at(tier, row) + added, row)


def predict(
    tiers: tuple[Array, ...],
    form: EffectLayout,
    family: tuple[int, ...] | None,
    arms: int,
    slot: Array,
    coordinates: list[Array],
) -> tuple[Array, Array, Array]:
    """Of the sums of coordinates here, and of those shared by the project, by the context and by all: mean (4, A),
    variance (4, A), and covariance of the first with the others, (3, A). slot: which of several systems one below the
    other."""
    xp, width = namespace(tiers[0]), form.size + 1
    moved = sums(xp, [window(tiers[0], (slot * arms, i, 0), (arms, 1, width))[:, 0] for i in coordinates], 1)
    product = sums(xp, [window(moved, (0, 0, i), (arms, ROWS, 1))[:, :, 0] for i in coordinates], 2)
    mean, variance, along = moved[..., -1], xp.stack([product[:, r, r] for r in range(ROWS)], 1), product[:, 1:, 0]
    for number, tier in enumerate(tiers[1:]):
        direction = moved[..., :-1]
        if family is not None and number == 0:
            moved = by_family(tier, moved, family, slot)
        else:
            moved = whole_tier(tier, moved, slot)
        mean, variance = mean + moved[..., -1], variance + (moved[..., :-1] * direction).sum(2)
        along = along + (moved[:, 1:, :-1] * direction[:, :1]).sum(2)
    return mean.T, variance.T, along.T


def sums(xp: Array, parts: list[Array], axis: int) -> Array:
    """Of level, context and, where they are kept, project and cell: all of them, level + project, level + context, and
    the level."""
    level, context, *rest = parts
    project, *own = rest or [level * 0.0]
    return xp.stack([sum(own, level + context + project), level + project, level + context, level], axis)


def whole_tier(tier: Array, below: Array, slot: Array) -> Array:
    """(A, 4, q + 1): covariance of a tier's one row along the directions that the tier below gives, and its mean."""
    width = below.shape[2]
    return (below.reshape(-1, width)[:, :-1] @ at(tier, slot)).reshape(below.shape)


def by_family(tier: Array, below: Array, family: tuple[int, ...], slot: Array) -> Array:
    """The same where every family has a row: one product each, over its arms."""
    xp, families = namespace(tier), max(family) + 1
    members = [np.flatnonzero(np.asarray(family) == one) for one in range(families)]
    parts = [whole_tier(tier, below[_together(rows)], slot * families + one) for one, rows in enumerate(members)]
    back = np.argsort(np.concatenate(members), kind="stable")
    return xp.concatenate(parts)[_together(back)]


def _together(rows: np.ndarray) -> slice | np.ndarray:
    """As a slice, where rows stand together in order: no copy is made."""
    return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) and (np.diff(rows) == 1).all() else rows

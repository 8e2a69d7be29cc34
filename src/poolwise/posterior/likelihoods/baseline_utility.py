"""The baseline apart from all other arms: its utility is 0 by definition, so what comes of it tells of itself alone.

    theta[p, c] ~ Normal(0, s^2),   y ~ Normal(theta, noise^2)

of every (project, context) by itself, failures counting what they are worth. s and the noise are estimated from the
baseline's own outcomes, each with a prior worth `_TRUST` of them: the noise from what they differ within cells, s from
the sums of cells, whose squares are expected to be n (n s^2 + noise^2). In the tree of the other arms its outcomes,
often exactly 0, would make noise and scales look like none and draw every arm towards 0. Nor is it certain to be worth
0: the cost that utilities compare with may have been measured once, or elsewhere; then s widens with what is seen.
"""

import numpy as np

from poolwise.arrays import Array, namespace
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.likelihoods import robust_weights

_SCALE, _NOISE = 0.05**2, 0.25**2
"""Variance of a baseline's utility around 0, and of one outcome, before any was seen."""
_TRUST = 4.0


def update(cell: Array, total: Array, y: Array, ok: Array, limit: Array) -> tuple[Array, Array]:
    """Cell and totals after one outcome of utility y; ok: whether it was a success. A failure counts fully.

    cell: (6,), moments (`robust_weights`) of the successes, then of all outcomes; total: (10,), `sums` over all cells,
    then the moments of the successes of all; limit: see `robust_weights`.
    """
    xp = namespace(cell)
    judged, every, moments = cell[:3], cell[3:], total[5:]
    weight = xp.where(ok, robust_weights.weight(judged, moments, y, limit), 1.0)
    moments = xp.where(ok, robust_weights.arm_after(moments, judged, y, weight), moments)
    judged = xp.where(ok, robust_weights.cell_after(judged, y, weight), judged)
    after = robust_weights.cell_after(every, y, weight)
    change = xp.stack(sums(*after)) - xp.stack(sums(*every))
    return xp.concatenate([judged, after]), xp.concatenate([total[:5] + change, moments])


def predict(cell: Array, total: Array) -> tuple[Array, Array, Array]:
    """Mean here, standard deviation here and of what is shared (2,), and of one outcome; arguments as in `update`."""
    xp = namespace(cell)
    scale, noise = variances(total[:5])
    shrinkage = noise / (noise + cell[3] * scale)
    return (1 - shrinkage) * cell[4], xp.sqrt(xp.stack([shrinkage * scale, scale])), xp.sqrt(noise)


def totals(judged: CellMoments, every: CellMoments) -> np.ndarray:
    """(10,), see `update`, from the moments [project, context] of all cells."""
    moments = robust_weights.arm_moments(CellMoments(*(part[..., None] for part in judged)))
    return np.array([*(float(part.sum()) for part in sums(*every)), *(float(part[0]) for part in moments)])


def variances(total: tuple[Array, ...]) -> tuple[Array, Array]:
    """Of a cell and of an outcome, from `sums` over all cells."""
    number, freedom, within, squares, seen = total
    noise = (_TRUST * _NOISE + within) / (_TRUST + freedom)
    excess = squares - noise * seen
    return (_TRUST * _SCALE + excess * (excess > 0)) / (_TRUST + number), noise


def sums(count: Array, mean: Array, deviation: Array) -> tuple[Array, ...]:
    """Of cells: outcomes, those beyond the first, squares around the mean and of the mean, and whether there is any."""
    more = (count - 1.0) * (count > 1.0)
    return count, more, deviation, count * mean * mean, count - more

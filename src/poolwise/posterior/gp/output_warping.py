"""Utilities bent until smooth surfaces fit them: by how much is told by the marginal likelihood.

    u(y) = w(y - best) - w(-best),   w(d) = (exp(b d) - 1) / b below 0, d above
    log p(y) = log p(u) + b sum (y - best)

with `best` the largest mean of a (project, context): the larger b, the less what is far below it counts beside what is
near it. A utility of 0 stays 0, and near the best nothing is bent. A belief about u is told as one about y that has the
same median, and the same chance to exceed the best. Source: Snelson, Rasmussen and Ghahramani (2004).
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.crossed.solve import CellMoments

LEAST = 0.02
"""What is left of 1 + b w(d) at the lowest utility that is told apart."""


class Warping(NamedTuple):
    """What is estimated of it."""

    amount: float = 0.0
    """b; 0: nothing is bent."""
    best: Float[np.ndarray, "project context"] = np.zeros((0, 0))
    """Of those with outcomes; NaN of others, which are taken to be as the average of these."""


def best_of(cells: CellMoments) -> np.ndarray:
    """(projects, contexts): the largest mean of a cell, NaN without outcomes."""
    found = np.where(cells.count > 0, cells.mean, -np.inf).max(axis=2)
    return np.where(np.isfinite(found), found, np.nan)


def best_at(warping: Warping, project: Any, context: Any) -> np.ndarray:
    """Of these cells; -1, and what is not known: the average."""
    project, context = np.broadcast_arrays(project, context)
    known = np.isfinite(warping.best)
    usual = float(warping.best[known].mean()) if known.any() else 0.0
    if not warping.best.size:
        return np.full(project.shape, usual)
    inside = (project >= 0) & (context >= 0) & (project < len(warping.best)) & (context < warping.best.shape[1])
    found = warping.best[np.where(inside, project, 0), np.where(inside, context, 0)]
    return np.where(inside & np.isfinite(found), found, usual)


def warp(y: Any, best: Any, amount: float) -> Any:
    """u(y)."""
    return y if not amount else _below(y - best, amount) - _below(-np.asarray(best), amount)


def moments(cells: CellMoments, warping: Warping) -> CellMoments:
    """Of bent utilities; deviations as those of small ones."""
    if not warping.amount:
        return cells
    best = best_at(warping, *np.indices(cells.count.shape[:2]))[:, :, None]
    return CellMoments(
        cells.count,
        np.where(cells.count > 0, warp(cells.mean, best, warping.amount), 0.0),
        cells.deviation * slope(cells.mean, best, warping.amount) ** 2,
    )


def slope(y: Any, best: Any, amount: float) -> Any:
    """u'(y)."""
    return np.exp(amount * np.minimum(y - best, 0.0))


def unwarp(u: np.ndarray, best: Any, amount: float) -> tuple[np.ndarray, np.ndarray]:
    """Utilities of a belief's means, and the factors by which its deviations grow: how much farther from the best."""
    if not amount:
        return u, np.ones_like(u)
    away = np.minimum(u + _below(-np.asarray(best), amount), 0.0)
    below = np.log(np.maximum(1 + amount * away, LEAST)) / amount
    factor = np.where(away < -1e-9, below / np.minimum(away, -1e-9), 1.0)
    return np.where(away < 0, best + below, u + _below(-np.asarray(best), amount) + best), factor


def _below(away: Any, amount: float) -> Any:
    return np.expm1(amount * np.minimum(away, 0.0)) / amount + np.maximum(away, 0.0)

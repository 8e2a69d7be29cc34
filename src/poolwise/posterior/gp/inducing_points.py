"""From all that was seen to the rows of `gp_filter`: exact up to `MAX_CELLS` cells, beyond that through as many of
them.

With u the chosen cells, every other cell is what u says of it and a part of its own, independent of all else:

    theta_i = k_iu K_uu^-1 u + r_i,   r_i ~ N(0, k_ii - q_ii),   w_i = 1 / (k_ii - q_ii + noise^2 / n_i)

so u has the precision K_uu + sum w_i k_ui k_iu; with L L' = K_uu, V = L^-1 K_u., B = I + V w V' = Q b Q', the rows are
(1 - 1/b)^(1/2) Q' L^-1 K_u. Source: Snelson and Ghahramani (2006); Quinonero-Candela and Rasmussen (2005), FITC.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.lazy import linalg
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.batch import Fit
from poolwise.posterior.gp.coregionalisation import (
    CellIndex,
    MultiTaskGP,
    arm_correlation,
    covariance,
    model_at,
    prior_variance,
)

MAX_CELLS = 900
"""Cells that are conditioned on exactly: half a second to set up for thousands of arms."""
_NOTHING = 1e-9
"""Directions whose variance shrinks by less than this part are left out."""


class Observations(NamedTuple):
    """What was observed, (n,): where, its value, and the variance of the value around the utility there."""

    at: CellIndex
    value: Float[np.ndarray, " cell"]
    variance: Float[np.ndarray, " cell"]


class WhitenedRows(NamedTuple):
    """See `gp_filter.State`."""

    base: Float[np.ndarray, "row point"]
    points: CellIndex
    correlation: Float[np.ndarray, "point arm"]
    step: Float[np.ndarray, " row"]
    rest: CellIndex
    """Cells that are no such points, and below their variance around what these say."""
    around: Float[np.ndarray, " cell"]


def model_of(fit: Fit) -> MultiTaskGP:
    """Of a fit whose arms have a ground."""
    assert fit.ground is not None
    assert fit.smooth is not None
    return model_at(fit.scales, fit.smooth, fit.ground)


def low_rank_factor(model: MultiTaskGP) -> tuple[np.ndarray, np.ndarray]:
    """What is smooth over the arms, of unit variance, as root'z + rest e with z, e standard normal: (k, arms), (arms,);
    exact up to `MAX_CELLS` arms."""
    every = np.arange(len(model.ground.family))
    some = every[np.linspace(0, len(every) - 1, min(MAX_CELLS, len(every))).round().astype(int)]
    across = arm_correlation(model, some)
    own = across[:, some] + 1e-9 * np.eye(len(some))
    root = linalg.solve_triangular(linalg.cholesky(own, lower=True), across, lower=True, check_finite=False)
    return root, np.sqrt(np.maximum(1 - np.einsum("ij,ij->j", root, root), 0.0))


def whitened_rows(model: MultiTaskGP, seen: Observations) -> WhitenedRows:
    """Rows for all that was seen."""
    with single_blas():
        return (
            _exact(model, seen)
            if len(seen.value) <= MAX_CELLS
            else _through(model, seen, select_inducing(seen.variance, MAX_CELLS))
        )


def select_inducing(variance: np.ndarray, most: int) -> np.ndarray:
    """Indices of those through which the others are seen: half of them known best, half an even selection."""
    order = np.argsort(variance, kind="stable")
    others = np.sort(order[most // 2 :])
    even = others[np.linspace(0, len(others) - 1, most - most // 2).round().astype(int)]
    return np.sort(np.concatenate([order[: most // 2], even]))


def _exact(model: MultiTaskGP, seen: Observations) -> WhitenedRows:
    likeness, whole = _among(model, seen.at)
    root = linalg.cholesky(whole + np.diag(seen.variance), lower=True, check_finite=False)
    base = linalg.solve_triangular(root, np.eye(len(root)), lower=True, check_finite=False)
    nowhere = CellIndex(*(np.zeros(0, dtype=np.int64) for _ in range(3)))
    return WhitenedRows(base, seen.at, likeness, base @ (seen.value - model.mean[seen.at.arm]), nowhere, np.zeros(0))


def _through(model: MultiTaskGP, seen: Observations, u: np.ndarray) -> WhitenedRows:
    points = CellIndex(*(index[u] for index in seen.at))
    likeness, own = _among(model, points)
    root = linalg.cholesky(own + 1e-9 * np.diag(np.diag(own)), lower=True, check_finite=False)
    across = covariance(model, points, seen.at, likeness[:, seen.at.arm])
    white = linalg.solve_triangular(root, across, lower=True, check_finite=False)
    around = np.maximum(prior_variance(model, seen.at) - np.einsum("ij,ij->j", white, white), 0.0)
    around[u] = 0.0
    weight = 1 / (around + seen.variance)
    b, axes = np.linalg.eigh(np.eye(len(u)) + (white * weight) @ white.T)
    information = axes.T @ (white @ (weight * (seen.value - model.mean[seen.at.arm])))
    kept = b - 1 > _NOTHING
    shrunk = np.sqrt(1 - 1 / b[kept])
    base = shrunk[:, None] * linalg.solve_triangular(root, axes[:, kept], lower=True, trans="T", check_finite=False).T
    rest = np.flatnonzero((around > 0) & (seen.at.project >= 0))
    step = information[kept] / (b[kept] * shrunk)
    return WhitenedRows(base, points, likeness, step, CellIndex(*(i[rest] for i in seen.at)), around[rest])


def _among(model: MultiTaskGP, points: CellIndex) -> tuple[np.ndarray, np.ndarray]:
    """(n, arms) likeness of the points' arms with all arms; (n, n) covariance of the points."""
    likeness = arm_correlation(model, points.arm)
    return likeness, covariance(model, points, points, likeness[:, points.arm])

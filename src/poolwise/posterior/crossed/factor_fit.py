"""Loadings of project factors: evidence of what projects saw, its gradient, its maximum, and who predicts it best.

`factors` says what they are. Projects of similar size are computed side by side.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

_FOLDS, _ITERATIONS = 4, 30


class Seen(NamedTuple):
    """One project's cells with outcomes; several projects with as many, with one more axis in front."""

    context: np.ndarray
    arm: np.ndarray
    x: np.ndarray
    """Mean of the outcomes minus L."""
    noise: np.ndarray
    """Var L + noise^2 / n."""
    tree: np.ndarray
    """T between them."""


def left_out(every: list[Seen], shape: tuple[int, ...], rank: int) -> np.ndarray:
    """(projects,) log density of what each project saw, by a fit to projects of other folds."""
    score = np.empty(len(every))
    for fold in range(_FOLDS):
        rows = [p for p in range(len(every)) if p % _FOLDS == fold]
        others = [one for p, one in enumerate(every) if p % _FOLDS != fold]
        loadings, rest = fitted(others, shape, rank)
        for group, place in grouped([every[p] for p in rows]):
            score[np.array(rows)[place]] = evidence(group, loadings, rest)[0]
    return score


def grouped(every: Sequence[Seen]) -> list[tuple[Seen, np.ndarray]]:
    """Projects of similar size side by side, and their places in `every`.

    What is padded to the next power of two are cells of variance 1 in which 0 was seen, which nothing touches.
    """
    sizes = np.array([1 << (len(one.x) - 1).bit_length() for one in every])
    groups = []
    for size in np.unique(sizes).tolist():
        place = np.flatnonzero(sizes == size)
        n = len(place)
        group = Seen(
            np.full((n, size), -1),
            np.zeros((n, size), int),
            np.zeros((n, size)),
            np.ones((n, size)),
            np.zeros((n, size, size)),
        )
        for row, p in enumerate(place.tolist()):
            one, cells = every[p], slice(len(every[p].x))
            for part, value in zip(group[:4], one[:4], strict=True):
                part[row, cells] = value
            group.tree[row, cells, cells] = one.tree
        groups.append((group, place))
    return groups


def fitted(every: Sequence[Seen], shape: tuple[int, ...], rank: int) -> tuple[np.ndarray, float]:
    """Loadings [context, arm, rank] and rest, by maximum of the evidence."""
    size = (*shape, rank)
    width = np.sqrt(np.mean(np.concatenate([np.diag(one.tree) for one in every])))
    start = np.concatenate([_start(every, shape, rank, width).ravel(), [0.0]])
    groups = [group for group, _ in grouped(every)]

    def evaluate(at: np.ndarray) -> tuple[float, np.ndarray]:
        loadings, rest = at[:-1].reshape(size), float(np.exp(at[-1]))
        total, slope = 0.0, np.zeros(size)
        along = 0.0
        for group in groups:
            value, inside, pull = evidence(group, loadings, rest)
            real = group.context >= 0
            total += float(value.sum())
            np.add.at(slope, (group.context[real], group.arm[real]), inside[real])
            along += float(pull.sum())
        penalty = 0.5 * ((at[:-1] / width) ** 2).sum() + 2.0 * at[-1] ** 2
        gradient = np.concatenate([at[:-1] / width**2 - slope.ravel(), [4.0 * at[-1] - along]])
        return penalty - total, gradient

    bounds = [(None, None)] * (len(start) - 1) + [(-3.0, 1.0)]
    found = minimize(
        evaluate, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ITERATIONS, "ftol": 1e-5}
    )
    return found.x[:-1].reshape(size), float(np.exp(found.x[-1]))


def _start(every: Sequence[Seen], shape: tuple[int, ...], rank: int, width: float) -> np.ndarray:
    """Leading directions of the deviations, shrunk to 0 where they are uncertain."""
    table = np.zeros((len(every), *shape))
    for row, one in zip(table, every, strict=True):
        row[one.context, one.arm] = one.x * width**2 / (width**2 + one.noise)
    _, values, right = np.linalg.svd(table.reshape(len(every), -1), full_matrices=False)
    known = min(rank, len(values))
    loadings = np.zeros((rank, right.shape[1]))
    loadings[:known] = values[:known, None] * right[:known] / np.sqrt(len(every))
    return np.ascontiguousarray(loadings.T).reshape(*shape, rank)


def evidence(group: Seen, loadings: np.ndarray, rest: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log p(x) up to a constant, (projects,), and its derivatives with respect to the loadings of the cells seen,
    (projects, cells, rank), and to log rest, (projects,)."""
    w = loadings[group.context, group.arm] * (group.context >= 0)[..., None]
    diagonal = np.arange(group.x.shape[1])
    covariance = w @ w.mT + rest**2 * group.tree
    covariance[:, diagonal, diagonal] += group.noise
    factor = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    weight = (inverse @ group.x[..., None])[..., 0]
    value = -0.5 * np.vecdot(weight, group.x) - np.log(factor[:, diagonal, diagonal]).sum(1)
    slope = weight[:, :, None] * weight[:, None, :] - inverse
    return value, slope @ w, rest**2 * (slope * group.tree).sum((1, 2))

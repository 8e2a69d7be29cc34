"""Loadings of project factors: evidence of what projects saw, its gradient, its maximum, and who predicts it best.

`factors` says what they are. In every project N^-1/2 T N^-1/2 = Q diag(t) Q', N the noise of its cells, found once,
makes the covariance of z = Q' N^-1/2 x a diagonal with a part of low rank,

    Cov(z) = v v' + diag(rest^2 t + 1),   v = Q' N^-1/2 w

so that no value of w and rest takes a factorisation of more than rank rows. Fits to all projects, and to all but those
of each fold, go on side by side.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float, Int
from poolwise.lazy import optimize

_FOLDS, _ITERATIONS = 4, 15


class ProjectResiduals(NamedTuple):
    """One project's cells with outcomes."""

    context: Int[np.ndarray, " cell"]
    arm: Int[np.ndarray, " cell"]
    x: Float[np.ndarray, " cell"]
    """Mean of the outcomes minus L."""
    noise: Float[np.ndarray, " cell"]
    """Var L + noise^2 / n."""
    tree: Float[np.ndarray, "cell cell"]
    """T between them."""


class Group(NamedTuple):
    """Projects of similar size side by side; what is padded to a power of four is 0 and touched by nothing."""

    place: np.ndarray
    """(n,) in the list they come from."""
    cell: np.ndarray
    """(n, size) index of [context, arm]; one past the end where there is none."""
    root: np.ndarray
    """(n, size, size): Q' N^-1/2."""
    z: np.ndarray
    along: np.ndarray
    """(n, size): t."""
    constant: np.ndarray
    """(n,): log density that depends on no loading."""


class FactorFit(NamedTuple):
    """Loadings and rest of all projects, and how each is predicted by those of other folds."""

    loadings: Float[np.ndarray, "context arm rank"]
    residual_scale: float
    left_out: Float[np.ndarray, " project"]
    """Log density of what each saw."""


def group_by_size(every: Sequence[ProjectResiduals], shape: tuple[int, ...]) -> list[Group]:
    """shape: contexts, arms."""
    sizes = np.array([1 << 2 * ((len(one.x) - 1).bit_length() + 1 >> 1) for one in every])
    return [_side_by_side(every, np.flatnonzero(sizes == size), size, shape) for size in np.unique(sizes).tolist()]


def _side_by_side(every: Sequence[ProjectResiduals], place: np.ndarray, size: int, shape: tuple[int, ...]) -> Group:
    cell = np.full((len(place), size), int(np.prod(shape)))
    root, z, along = np.zeros((len(place), size, size)), np.zeros(cell.shape), np.zeros(cell.shape)
    constant = np.zeros(len(place))
    for row, p in enumerate(place.tolist()):
        one, own = every[p], slice(len(every[p].x))
        white = one.noise**-0.5
        along[row, own], axes = np.linalg.eigh(white[:, None] * one.tree * white)
        root[row, own, own] = axes.T * white
        cell[row, own], z[row, own] = one.context * shape[1] + one.arm, root[row, own, own] @ one.x
        constant[row] = np.log(white).sum()
    return Group(place, cell, root, z, np.maximum(along, 0.0), constant)


def log_marginal_likelihood(
    group: Group, loadings: np.ndarray, residual_scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log p(x) up to a constant, (..., n), of loadings (..., contexts, arms, rank) and rest (...,); and its derivatives
    with respect to the loadings of the cells seen, (..., n, size, rank), and to log rest, (..., n)."""
    rank = loadings.shape[-1]
    flat = loadings.reshape(*loadings.shape[:-3], int(np.prod(loadings.shape[-3:-1])), rank)
    padded = np.concatenate([flat, np.zeros((*flat.shape[:-2], 1, rank))], -2)
    v = group.root @ np.take(padded, group.cell, -2)
    square = np.asarray(residual_scale)[..., None, None] ** 2
    precision = 1 / (square * group.along + 1)
    weighted_loadings = precision[..., None] * v
    inner = np.linalg.inv(np.eye(rank) + v.mT @ weighted_loadings)
    share = weighted_loadings @ inner
    weight = precision * group.z - (share @ (weighted_loadings.mT @ group.z[..., None]))[..., 0]
    value = group.constant - 0.5 * np.vecdot(weight, group.z) + 0.5 * np.log(precision).sum(-1)
    value = value + 0.5 * np.linalg.slogdet(inner)[1]
    slope = group.root.mT @ (weight[..., None] * (weight[..., None, :] @ v) - share)
    left = precision - (share * weighted_loadings).sum(-1)
    return value, slope, (square * group.along * (weight**2 - left)).sum(-1)


def fit(
    every: Sequence[ProjectResiduals],
    groups: Sequence[Group],
    shape: tuple[int, ...],
    rank: int,
    start: tuple[np.ndarray, float] | None = None,
) -> FactorFit:
    """By maximum of the evidence, with a Normal prior of the loadings and a log-normal one of rest. start: loadings and
    rest, from where all projects alone are fitted."""
    projects = len(every)
    # The last part takes all projects, and so does the only one.
    folds = np.arange(_FOLDS if start is None else 0)
    taken = np.concatenate([folds[:, None] != np.arange(projects) % _FOLDS, np.ones((1, projects), bool)])
    parts = len(taken)
    size = (parts, *shape, rank)
    width = np.sqrt(np.mean(np.concatenate([np.diag(one.tree) for one in every])))
    if start is None:
        table = _table(every, shape, width)
        begin = np.concatenate([*(_start(table[rows], shape, rank).ravel() for rows in taken), np.zeros(parts)])
    else:
        begin = np.append(start[0].ravel(), np.log(start[1]))
    cells = int(np.prod(shape))

    def evaluate(at: np.ndarray) -> tuple[float, np.ndarray]:
        loadings, log_rest = at[:-parts].reshape(size), at[-parts:]
        total, along = 0.0, np.zeros(parts)
        slope = np.zeros((cells + 1, parts, rank))
        for group in groups:
            value, inside, pull = log_marginal_likelihood(group, loadings, np.exp(log_rest))
            counts = taken[:, group.place]
            total += float((counts * value).sum())
            along += (counts * pull).sum(1)
            np.add.at(slope, group.cell, np.moveaxis(counts[:, :, None, None] * inside, 0, 2))
        penalty = 0.5 * ((at[:-parts] / width) ** 2).sum() + 2.0 * (log_rest**2).sum()
        by_loading = at[:-parts] / width**2 - np.moveaxis(slope[:-1], 1, 0).ravel()
        return penalty - total, np.concatenate([by_loading, 4.0 * log_rest - along])

    bounds = [(None, None)] * (parts * cells * rank) + [(-3.0, 1.0)] * parts
    options = {"maxiter": _ITERATIONS, "ftol": 1e-4}
    found = optimize.minimize(evaluate, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    loadings, residual_scale = found[:-parts].reshape(size), np.exp(found[-parts:])
    score = np.empty(projects)
    for group in groups:
        value = log_marginal_likelihood(group, loadings, residual_scale)[0]
        score[group.place] = value[group.place % _FOLDS % parts, np.arange(len(group.place))]
    return FactorFit(loadings[-1], float(residual_scale[-1]), score)


def _table(every: Sequence[ProjectResiduals], shape: tuple[int, ...], width: float) -> np.ndarray:
    """(projects, cells): deviations, shrunk to 0 where they are uncertain."""
    table = np.zeros((len(every), *shape))
    for row, one in zip(table, every, strict=True):
        row[one.context, one.arm] = one.x * width**2 / (width**2 + one.noise)
    return table.reshape(len(every), -1)


def _start(table: np.ndarray, shape: tuple[int, ...], rank: int) -> np.ndarray:
    """Leading directions of the deviations of some projects."""
    loadings = np.zeros((rank, table.shape[1]))
    values, axes = np.linalg.eigh(table @ table.T)
    known = min(rank, len(values))
    loadings[:known] = (axes[:, ::-1][:, :known].T @ table) / np.sqrt(len(table))
    return np.ascontiguousarray(loadings.T).reshape(*shape, rank)

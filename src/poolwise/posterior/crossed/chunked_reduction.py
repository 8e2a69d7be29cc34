"""The reduced form of large systems block by block: every number is touched in the cache, on as many threads as cores.

The same algebra as `canonical_form.reduced`, `solve.project_effects` and `types.combine_with_cell_data`, for NumPy
arrays: project effects of an arm are diagonal given level and contexts, so a block of projects adds to sums and needs
nothing of the others. With w = n / (n cell^2 + noise^2), q = E[(y - effects)^2 | all], the gradient needs three sums
over the cells alone:

    sum w,  sum w q,  sum w^2 q

Memory beside statistics and results: some megabytes, whatever the number of projects. Threads, because NumPy holds no
lock while it computes. `tests/posterior/crossed/test_chunked_reduction.py` holds it to the forms for whole arrays.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.canonical_form import add_observation, log_normaliser
from poolwise.posterior.crossed.gaussian_messages import CanonicalForm
from poolwise.posterior.hyperparameters.gaussian import (
    BorrowedEstimates,
    GaussianHyperparameters,
    borrowed_at,
    cell_scale,
    noise_scale,
)

_LOG_2PI = 1.8378770664093453
_BLOCK = 1 << 15
"""Cells of a block: its arrays stay in the second cache."""
_THREADED = 200_000
"""Cells from which threads are worth their start."""


class ArmMajorMoments(NamedTuple):
    """Statistics of cells, arms first: contiguous where they are read. No copy where they lie so in memory already."""

    count: Float[np.ndarray, "arm project context"]  # type: ignore[assignment]
    mean: Float[np.ndarray, "arm project context"]
    outcomes: Float[np.ndarray, "context arm"]
    deviation: Float[np.ndarray, "context arm"]
    """Sum of squared deviations from the means of the cells."""


class ReducedMarginals(NamedTuple):
    """Mean and scale of every cell [project, context, arm]; mean and variance of level + project, [project, arm]."""

    mean: Float[np.ndarray, "project context arm"]
    scale: Float[np.ndarray, "project context arm"]
    along: Float[np.ndarray, "project arm"]
    variance: Float[np.ndarray, "project arm"]


def stacked(cells: Any) -> ArmMajorMoments:
    """From `CellMoments`, or what is stacked already."""
    if isinstance(cells, ArmMajorMoments):
        return cells
    count, mean = (np.ascontiguousarray(np.moveaxis(part, 2, 0)) for part in cells[:2])
    return ArmMajorMoments(count, mean, cells.count.sum(0), cells.deviation.sum(0))


def canonical_form(stack: ArmMajorMoments, scales: GaussianHyperparameters) -> CanonicalForm:
    """Over (level, contexts) of every arm, as `canonical_form.reduced`."""
    scale = _scales(stack, scales)
    known = _known(stack, scales)

    def gathered(arm: int) -> tuple[np.ndarray, np.ndarray, float]:
        parts = [_aggregate(part) for part in _parts(stack, scale, known, arm)]
        return tuple(sum(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]

    precision, information, constant = map(np.array, zip(*_each_arm(stack, gathered), strict=True))
    leaves = CanonicalForm(precision, information, constant + _constants(stack, scale))
    if known is not None and known.transposed:
        return leaves._replace(constant=leaves.constant + log_normaliser(known))
    return add_observation(leaves, known)


def sums(
    stack: ArmMajorMoments, scales: GaussianHyperparameters, mean: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the gradient needs, given the marginals (arms, 1 + C), (arms, 1 + C, 1 + C) of level and contexts: sums over
    projects of w, w q and w^2 q (3, contexts, arms), and over projects of E[effect^2], (arms,)."""
    scale, known = _scales(stack, scales), _known(stack, scales)

    def summed(arm: int) -> tuple[np.ndarray, float]:
        total, second = np.zeros((3, stack.count.shape[2])), 0.0
        for part in _parts(stack, scale, known, arm):
            back = _back(part, mean[arm], covariance[arm])
            square = part.mean - back.centre
            square *= square
            square += back.sum_variance
            total[0] += back.weight.sum(0)
            square *= back.weight
            total[1] += square.sum(0)
            square *= back.weight
            total[2] += square.sum(0)
            second += float(back.effect @ back.effect + back.variance.sum())
        return total, second

    total, second = zip(*_each_arm(stack, summed), strict=True)
    return np.moveaxis(np.array(total), 0, 2), np.array(second)


def marginals(
    stack: ArmMajorMoments, scales: GaussianHyperparameters, mean: np.ndarray, covariance: np.ndarray
) -> ReducedMarginals:
    """Of every cell and along every project, given the same marginals."""
    scale, known = _scales(stack, scales), _known(stack, scales)
    found = ReducedMarginals(*(np.empty(shape) for shape in 2 * [stack.count.shape] + 2 * [stack.count.shape[:2]]))

    def believed(arm: int) -> None:
        for part in _parts(stack, scale, known, arm):
            back, at = _back(part, mean[arm], covariance[arm]), (arm, part.rows)
            shrinkage = 1 - part.cell * back.weight
            centre, variance = back.centre - part.mean, back.sum_variance
            centre *= shrinkage
            np.add(part.mean, centre, out=found.mean[at])
            variance *= shrinkage
            variance += part.cell
            variance *= shrinkage
            np.sqrt(variance, out=found.scale[at])
            found.along[at] = mean[arm, 0] + back.effect
            found.variance[at] = covariance[arm, 0, 0] + back.variance - 2 * back.moved

    _each_arm(stack, believed)
    return ReducedMarginals(*(np.moveaxis(part, 0, -1) for part in found))


class _Scales(NamedTuple):
    """Variances: of a cell around its effects, of an outcome (contexts, arms), of a project."""

    cell: float
    noise: Float[np.ndarray, "context arm"]
    project: float


class _Part(NamedTuple):
    """One arm in one block of projects: rows, statistics, and what other stores know of these projects."""

    rows: slice
    count: Float[np.ndarray, "project context"]  # type: ignore[assignment]
    mean: Float[np.ndarray, "project context"]
    known: tuple[np.ndarray | float, np.ndarray | float]
    cell: float
    noise: Float[np.ndarray, " context"]
    project: float


def _scales(stack: ArmMajorMoments, scales: GaussianHyperparameters) -> _Scales:
    arms, _, contexts = stack.count.shape
    noise = np.broadcast_to(noise_scale(scales, contexts), (contexts, arms))
    return _Scales(float(cell_scale(scales, False)) ** 2, noise**2, float(scales.arm.project) ** 2)


def _known(stack: ArmMajorMoments, scales: GaussianHyperparameters) -> BorrowedEstimates | None:
    _, projects, contexts = stack.count.shape
    return borrowed_at(scales, projects if scales.pooled is not None and scales.pooled.transposed else contexts)


def _parts(stack: ArmMajorMoments, scale: _Scales, known: BorrowedEstimates | None, arm: int) -> Iterator[_Part]:
    _, projects, contexts = stack.count.shape
    step = _part(contexts)
    for first in range(0, projects, step):
        rows = slice(first, min(first + step, projects))
        more = (known.precision[rows, arm], known.information[rows, arm]) if known and known.transposed else (0.0, 0.0)
        count, mean = stack.count[arm, rows], stack.mean[arm, rows]
        yield _Part(rows, count, mean, more, scale.cell, scale.noise[:, arm], scale.project)


def _part(contexts: int) -> int:
    """Projects of a block."""
    return max(_BLOCK // contexts, 16)


def _each_arm(stack: ArmMajorMoments, work: Callable[[int], Any]) -> list[Any]:
    """The results for all arms, in order; where that pays on one thread per core."""
    arms = range(len(stack.count))
    if stack.count.size < _THREADED:
        return [work(arm) for arm in arms]
    with single_blas(), ThreadPoolExecutor(min(cores(), len(arms))) as pool:
        return list(pool.map(work, arms))


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _weighted(part: _Part) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """n cell^2 + noise^2 and w of every cell; weight of every project, and the same with its prior precision."""
    variance = part.count * part.cell
    variance += part.noise
    weight = part.count / variance
    alone = weight.sum(1) + part.known[0]
    return variance, weight, alone, alone + 1 / part.project


def _aggregate(here: _Part) -> tuple[np.ndarray, np.ndarray, float]:
    """What a block adds to precision, information and constant of its arm."""
    variance, weight, alone, own = _weighted(here)
    product = weight * here.mean
    own_information = product.sum(1) + here.known[1]
    root = 1 / np.sqrt(own)
    coupling = np.empty((len(own), 1 + weight.shape[1]))
    np.multiply(alone, root, out=coupling[:, 0])
    np.multiply(weight, root[:, None], out=coupling[:, 1:])
    precision = coupling.T @ coupling
    np.negative(precision, out=precision)
    column = weight.sum(0)
    precision[0, 0] += alone.sum()
    precision[0, 1:] += column
    precision[1:, 0] += column
    precision[np.diag_indices(len(column) + 1)] += np.concatenate([[0.0], column])
    white = own_information * root
    information = np.concatenate([[own_information.sum()], product.sum(0)]) - white @ coupling
    evidence = float(white @ white - np.log(own * here.project).sum() - np.vdot(product, here.mean))
    return precision, information, 0.5 * (evidence - float(np.log(variance, out=variance).sum()))


def _constants(stack: ArmMajorMoments, scale: _Scales) -> np.ndarray:
    """(arms,): the rest of the log density; `_aggregate` has taken log noise^2 / 2 of every unseen cell off too
    much."""
    noise, cells = np.log(scale.noise), stack.count.shape[1]
    own = stack.outcomes * (_LOG_2PI + noise) + stack.deviation / scale.noise - cells * noise
    return -0.5 * own.sum(0)


class _Back(NamedTuple):
    """Weights of cells; a project's effect: mean, variance, covariance with the level times -1; mean and variance of
    the sum of the effects of every cell."""

    weight: Float[np.ndarray, "project context"]
    effect: Float[np.ndarray, " project"]
    variance: Float[np.ndarray, " project"]
    moved: Float[np.ndarray, " project"]
    centre: Float[np.ndarray, "project context"]
    sum_variance: Float[np.ndarray, "project context"]


def _back(part: _Part, mean: np.ndarray, covariance: np.ndarray) -> _Back:
    """Project effects of a block from the marginal of level and contexts, as `solve.project_effects`."""
    _, weight, alone, own = _weighted(part)
    own_information = np.vecdot(weight, part.mean) + part.known[1]
    gain = np.empty((len(own), 1 + weight.shape[1]))
    np.divide(alone, own, out=gain[:, 0])
    np.divide(weight, own[:, None], out=gain[:, 1:])
    moved = gain @ covariance
    effect = own_information / own - gain @ mean
    variance = 1 / own + np.vecdot(gain, moved)
    diagonal = np.diagonal(covariance)
    sum_variance = moved[:, 1:] * -2.0
    sum_variance += (variance - 2 * moved[:, 0])[:, None]
    sum_variance += diagonal[1:] + diagonal[0] + 2 * covariance[0, 1:]
    return _Back(weight, effect, variance, moved[:, 0], np.add.outer(effect, mean[0] + mean[1:]), sum_variance)

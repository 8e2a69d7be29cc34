"""What other units say of a parameter space: their surfaces, and how well each is foreseen from the rest.

Their average is what is expected of a new one, and each is a linear feature with a learned slope. Scales of what these
leave unexplained are those of the others themselves, each foreseen from the rest as the new one will be. Source of the
idea: Wang and others (2024), pre-trained Gaussian processes.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.errors import DataError
from poolwise.names import shown
from poolwise.posterior.arguments import rows
from poolwise.posterior.gp.kernels import ArmCoordinates
from poolwise.posterior.gp.output_warping import WARPS, OutputWarping, warp
from poolwise.posterior.gp.surface import GaussianProcess
from poolwise.posterior.gp.surface_likelihood import KernelHyperprior, kernel_hyperprior

_LARGEST, _FEW = 200, 60
"""Outcomes of another unit that its surface is estimated from, and how much it is bent."""


class Observations(NamedTuple):
    """Outcomes of other units, (outcomes,) each."""

    unit: np.ndarray
    arm: np.ndarray
    reward: np.ndarray


def observed(given: Any, arms: int) -> Observations:
    """Itself, as arrays. Raises DataError for what are no outcomes of so many arms."""
    if not isinstance(given, Observations):
        raise DataError(f"what is known of other units are `replay.Observations`, got {shown(given)}")
    (unit, arm), reward, _ = rows((("unit", given.unit), ("arm", given.arm)), given.reward, 1.0)
    if (arm >= arms).any():
        raise DataError(f"an arm of the observations is beyond the {arms} of the table: give those of the same space")
    return Observations(unit, arm, reward)


NOTHING = Observations(np.zeros(0, int), np.zeros(0, int), np.zeros(0))


class SourceTasks(NamedTuple):
    """What other units say."""

    features: np.ndarray
    """(arms, 1 + units): what they have in common, and how each differs from it."""
    offset: np.ndarray
    """(arms,) what is expected here."""
    prior: KernelHyperprior
    """Of the scales here."""
    warping: float
    """What suits them all."""


class _SourceObservations(NamedTuple):
    """Outcomes of one unit, (outcomes,): all of them, and the positions of those that scales are estimated from."""

    arm: np.ndarray
    y: np.ndarray
    few: np.ndarray


def source_tasks_of(at: ArmCoordinates, known: Observations, rng: np.random.Generator) -> SourceTasks:
    """From all outcomes of the other units, at least one."""
    samples = [_source_observations(known, unit, rng) for unit in np.unique(known.unit)]
    warping = _warping(at, samples)
    samples = [one._replace(y=warp(one.y, one.y.max(), warping)) for one in samples]
    found = [_surface(at, one) for one in samples]
    values = np.stack([value for value, _ in found], 1)
    features, offset = _basis(values)
    if len(samples) == 1:
        return SourceTasks(features, offset, _alone(found[0][1], at), warping)
    scales = np.stack([_foreseen(at, np.delete(values, k, 1), one) for k, one in enumerate(samples)])
    return SourceTasks(features, offset, with_log_likelihood(scales, at, features.shape[1]), warping)


def _source_observations(known: Observations, unit: int, rng: np.random.Generator) -> _SourceObservations:
    rows = np.flatnonzero(known.unit == unit)
    return _SourceObservations(known.arm[rows], known.reward[rows], rng.permutation(len(rows))[:_LARGEST])


def _warping(at: ArmCoordinates, samples: list[_SourceObservations]) -> float:
    """The likeliest of all units together."""
    evidence = [OutputWarping(at).evidence(one.arm[one.few[:_FEW]], one.y[one.few[:_FEW]]) for one in samples]
    return WARPS[int(np.sum(evidence, axis=0).argmax())]


def _surface(at: ArmCoordinates, sample: _SourceObservations) -> tuple[np.ndarray, np.ndarray]:
    """(arms,) around their mean, measured where every arm was measured; and the scales of the surface."""
    surface = GaussianProcess(at)
    surface.update_many(sample.arm[sample.few], sample.y[sample.few])
    surface.reestimate()
    mean, arms = surface.predict().mean, len(at.code[0])
    if len(sample.few) < len(sample.arm):
        count = np.bincount(sample.arm, minlength=arms)
        mean = np.where(count > 0, np.bincount(sample.arm, sample.y, arms) / np.maximum(count, 1), mean)
    return mean - mean.mean(), surface.coordinates


def _basis(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features and offset of surfaces, (arms, units)."""
    shared = values.mean(1)
    return np.column_stack([shared, values - shared[:, None]]), shared


def _foreseen(at: ArmCoordinates, others: np.ndarray, sample: _SourceObservations) -> np.ndarray:
    """Scales of what the others' surfaces leave unexplained of this unit's outcomes."""
    surface = GaussianProcess(at, *_basis(others))
    surface.update_many(sample.arm[sample.few], sample.y[sample.few])
    surface.reestimate()
    return surface.coordinates


def with_log_likelihood(scales: np.ndarray, at: ArmCoordinates, features: int) -> KernelHyperprior:
    """Scales are spread around the others', (units, coordinates), as these are around their mean, the usual width
    counting as one unit more."""
    usual, units = kernel_hyperprior(len(at.code), features), len(scales)
    median = scales.mean(axis=0)
    between = (((scales - median) ** 2).sum(axis=0) + usual.width**2) / units
    return _within(usual, median, np.sqrt(between * (1 + 1 / units)))


def _alone(scales: np.ndarray, at: ArmCoordinates) -> KernelHyperprior:
    """Of the only other unit: what it leaves unexplained is shaped as its own surface, and half as large."""
    usual, parameters = kernel_hyperprior(len(at.code), 2), len(at.code)
    median = scales.copy()
    median[0] -= np.log(2.0)
    slopes = slice(parameters + 3, parameters + 5)
    median[slopes] = usual.median[slopes]
    return _within(usual, median, np.full(len(median), 0.8))


def _within(usual: KernelHyperprior, median: np.ndarray, width: np.ndarray) -> KernelHyperprior:
    """No scale is far below its usual median, nor less known than usual."""
    return KernelHyperprior(np.maximum(median, usual.median - 2 * usual.width), np.minimum(width, usual.width))

"""Scales of a surface by maximum marginal likelihood times weak hyperpriors, with the gradient in closed form.

    d log p / d t = 1/2 tr[(a a' - K^-1) dK/dt],   a = K^-1 y

over the distinct arms tried, K of their means; repeated outcomes tell the noise. Source: Rasmussen and Williams (2006),
section 5.4.1.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float, Int
from poolwise.lazy import linalg, optimize
from poolwise.posterior.gp.kernels import LEVEL, ArmCoordinates, Kernel, covariance, exponential

LEAST = 2.5
"""Scales are no smaller than so many widths below their medians: without nugget and noise a search would freeze."""
_INFEASIBLE = 1e15
"""Value of scales whose covariance has no Cholesky factor: the line search steps back from there."""


class ObservedArms(NamedTuple):
    """Outcomes by arm."""

    arm: Int[np.ndarray, " arm"]
    """Distinct."""
    count: Float[np.ndarray, " arm"]  # type: ignore[assignment]
    mean: Float[np.ndarray, " arm"]
    within: float
    """Sum of squares around the arms' means."""

    @classmethod
    def of(cls, arm: np.ndarray, y: np.ndarray) -> "ObservedArms":
        """From one row per outcome."""
        distinct, which, count = np.unique(arm, return_inverse=True, return_counts=True)
        mean = np.bincount(which, y) / count
        return cls(distinct, count.astype(float), mean, float(((y - mean[which]) ** 2).sum()))


class KernelHyperprior(NamedTuple):
    """Normal priors of the coordinates: logarithms of scales, log-odds of rho."""

    median: Float[np.ndarray, " coordinate"]
    width: Float[np.ndarray, " coordinate"]


def kernel_hyperprior(parameters: int, features: int) -> KernelHyperprior:
    """Of signal, lengths, nugget, noise, slope of what others have in common, of single others; rho.

    Slopes that no feature has stay where they are.
    """
    scales = ((0.7, 1.0), *((0.6, 0.8),) * parameters, (0.1, 1.0), (0.02, 1.0), (0.3, 0.8), (0.2, 0.8))
    median = np.concatenate([np.log([scale for scale, _ in scales]), np.zeros(parameters)])
    width = np.concatenate([[width for _, width in scales], np.full(parameters, 1.5)])
    width[parameters + 3 : parameters + 5] *= np.array([features > 0, features > 1]) + 1e-9
    return KernelHyperprior(median, width)


def kernel_at(coordinates: np.ndarray, parameters: int, features: int) -> Kernel:
    """The kernel of unconstrained coordinates, in the order of `kernel_hyperprior`."""
    scale, d = np.exp(coordinates), parameters
    slope = scale[np.where(np.arange(features) == 0, d + 3, d + 4)]
    return Kernel(
        float(scale[0]),
        scale[1 : 1 + d],
        1 / (1 + np.exp(-coordinates[-d:])) if d else np.zeros(0),
        float(scale[1 + d]),
        float(scale[2 + d]),
        slope,
    )


def fit(
    tried: ObservedArms,
    at: ArmCoordinates,
    features: np.ndarray,
    prior: KernelHyperprior,
    start: np.ndarray,
    *,
    iterations: int = 30,
) -> np.ndarray:
    """Coordinates of the best scales, from `start`; `start` where nothing better was found."""

    def whitened(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective(prior.median + prior.width * z, tried, at, features, prior)
        return value, gradient * prior.width

    found = optimize.minimize(
        whitened,
        np.clip((start - prior.median) / prior.width, -LEAST, 5.0),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-LEAST, 5.0)] * len(start),
        options={"maxiter": iterations, "ftol": 1e-5},
    )
    return prior.median + prior.width * found.x if np.isfinite(found.fun) and found.fun < _INFEASIBLE else start


def likelihood(coordinates: np.ndarray, tried: ObservedArms, at: ArmCoordinates, features: np.ndarray) -> float:
    """Logarithm of the marginal likelihood, up to a constant."""
    kernel = kernel_at(coordinates, len(at.code), features.shape[1])
    whole = covariance(kernel, at, features, tried.arm, tried.arm) + np.diag(kernel.noise**2 / tried.count)
    try:
        root = linalg.cholesky(whole, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return -_INFEASIBLE
    white = linalg.solve_triangular(root, tried.mean, lower=True, check_finite=False)
    again = tried.count.sum() - len(white)
    within = 0.5 * tried.within / kernel.noise**2 + again * np.log(kernel.noise)
    return float(-0.5 * white @ white - np.log(np.diag(root)).sum() - within)


def objective(
    coordinates: np.ndarray, tried: ObservedArms, at: ArmCoordinates, features: np.ndarray, prior: KernelHyperprior
) -> tuple[float, np.ndarray]:
    """Minus log posterior of the scales, up to a constant, and its gradient."""
    d, k = len(at.code), features.shape[1]
    kernel = kernel_at(coordinates, d, k)
    whole, lengths, rhos = kernel_and_gradients(kernel, at, tried.arm, exponential)
    phi, own = features[tried.arm], kernel.nugget**2 + kernel.noise**2 / tried.count
    try:
        root = linalg.cholesky(whole + LEVEL**2 + (phi * kernel.slope**2) @ phi.T + np.diag(own), lower=True)
    except np.linalg.LinAlgError:
        return _INFEASIBLE, np.zeros(len(coordinates))
    weight = linalg.cho_solve((root, True), tried.mean)
    pull = linalg.cho_solve((root, True), np.eye(len(own))) - np.outer(weight, weight)
    again, smoothed = tried.count.sum() - len(own), pull * whole
    slopes = np.einsum("ik,ij,jk->k", phi, pull, phi) * kernel.slope**2
    within = tried.within / kernel.noise**2
    gradient = np.concatenate(
        [
            [smoothed.sum()],
            [0.5 * np.vdot(smoothed, one) for one in lengths],
            [np.trace(pull) * kernel.nugget**2],
            [(np.diag(pull) / tried.count).sum() * kernel.noise**2 - within + again],
            [slopes[:1].sum(), slopes[1:].sum()],
            [0.5 * np.vdot(smoothed, one) for one in rhos],
        ]
    )
    value = 0.5 * tried.mean @ weight + np.log(np.diag(root)).sum() + 0.5 * within + again * np.log(kernel.noise)
    away = (coordinates - prior.median) / prior.width
    return float(value + 0.5 * away @ away), gradient + away / prior.width


def kernel_and_gradients(
    kernel: Kernel, at: ArmCoordinates, arm: np.ndarray, correlation: Callable[..., tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """The smooth covariance of the arms, and its logarithm's derivatives by log lengths and by log-odds of rho."""
    whole, lengths, rhos = np.full((len(arm), len(arm)), kernel.signal**2), [], []
    for distance, code, length, rho in zip(*at, kernel.length, kernel.rho, strict=True):
        alike, slope = correlation(distance, length)
        level, pair = rho + (1 - rho) * alike, (code[arm][:, None], code[arm])
        whole *= level[pair]
        lengths.append(((1 - rho) * slope / level)[pair])
        rhos.append((rho * (1 - rho) * (1 - alike) / level)[pair])
    return whole, lengths, rhos

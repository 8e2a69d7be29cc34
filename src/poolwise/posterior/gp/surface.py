"""The belief about many arms of one cell, smooth in their parameters: a Gaussian process that grows row by row.

With L the Cholesky factor of the outcomes' covariance, V = L^-1 K(outcomes, arms) and z = L^-1 (y - mean),

    mean = offset + level + V'z,   variance = k(a, a) - sum of squares of V's columns

and one more outcome of arm a appends the row (k(a, .) - V_a'V) / d, d^2 = variance_a + noise^2: O(n A), no inversion.
When the scales are estimated again, repeated outcomes of an arm become one row. Source: Rasmussen and Williams (2006).
"""

import math
from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.lazy import linalg
from poolwise.posterior.gp import surface_likelihood
from poolwise.posterior.gp.kernels import ArmCoordinates, covariance, variance
from poolwise.posterior.gp.surface_likelihood import KernelHyperprior, ObservedArms, kernel_at, kernel_hyperprior

_ROOM = 64
"""Rows that are appended before all are set up again."""


class SurfacePredictive(NamedTuple):
    """The belief about every arm, (arms,), and the noise of one outcome."""

    mean: Float[np.ndarray, " arm"]
    variance: Float[np.ndarray, " arm"]
    noise: float


class GaussianProcess:
    """Mutable shell over the pure kernel. features: (arms, k) other surfaces; offset: (arms,) what is expected before.

    >>> from poolwise.posterior.gp.kernels import arm_coordinates
    >>> surface = GaussianProcess(arm_coordinates([np.linspace(0, 1, 11)]))
    >>> for arm, y in ((0, 0.0), (5, 1.0), (10, 0.0)): surface.update(arm, y)
    >>> int(surface.predict().mean.argmax())
    5
    """

    def __init__(
        self,
        at: ArmCoordinates,
        features: np.ndarray | None = None,
        offset: np.ndarray | None = None,
        prior: KernelHyperprior | None = None,
    ) -> None:
        arms = len(at.code[0])
        self._at = at
        self._features = np.zeros((arms, 0)) if features is None else features
        self._offset = np.zeros(arms) if offset is None else offset
        self._prior = prior or kernel_hyperprior(len(at.code), self._features.shape[1])
        self.coordinates = self._prior.median.copy()
        """Of the scales; see `evidence.hyperprior`."""
        self._arm: list[int] = []
        self._y: list[float] = []
        self._origin = 0.0
        self._mean, self._variance = self._offset, np.zeros(arms)
        self._init()

    def predict(self) -> SurfacePredictive:
        """What is believed now."""
        return SurfacePredictive(self._mean, self._variance, self._kernel.noise)

    def density(self, arm: int, y: float) -> float:
        """Logarithm of the predictive density of an outcome."""
        variance = self._variance[arm] + self._kernel.noise**2
        return -0.5 * (math.log(2 * math.pi * variance) + (y - self._mean[arm]) ** 2 / variance)

    def update(self, arm: int, y: float) -> None:
        """One outcome; the belief about every arm is current afterwards."""
        if not self._arm:
            self._origin = y - float(self._offset[arm])
            self._mean = self._mean + self._origin
        self._arm.append(arm)
        self._y.append(y)
        if self._rows == len(self._roots):
            self._init()
            return
        every, roots = np.arange(len(self._mean)), self._roots[: self._rows]
        moved = covariance(self._kernel, self._at, self._features, np.array([arm]), every)[0] - roots[:, arm] @ roots
        width = math.sqrt(moved[arm] + self._kernel.noise**2)
        row = self._roots[self._rows] = moved / width
        self._rows += 1
        self._mean = self._mean + (y - self._mean[arm]) / width * row
        self._variance = np.maximum(self._variance - row**2, 1e-12)

    def update_many(self, arm: np.ndarray, y: np.ndarray) -> None:
        """Many outcomes in one step."""
        if not self._arm and len(arm):
            self._origin = float(np.mean(y - self._offset[arm]))
        self._arm += arm.tolist()
        self._y += y.tolist()
        self._init()

    def reestimate(self) -> None:
        """Scales from all outcomes; they serve from now on."""
        self.rescale(surface_likelihood.fit(self.tried(), self._at, self._features, self._prior, self.coordinates))

    def rescale(self, coordinates: np.ndarray) -> None:
        """These scales serve from now on."""
        self.coordinates = coordinates
        self._init()

    def rewarp(self, y: np.ndarray) -> None:
        """The same outcomes in other units; `rescale` or `reestimate` is to follow."""
        self._y = y.tolist()
        self._origin = float(y[0] - self._offset[self._arm[0]])

    def tried(self) -> ObservedArms:
        """Outcomes by arm, less what was expected."""
        arm = np.array(self._arm, dtype=np.int64)
        return ObservedArms.of(arm, np.array(self._y) - self._offset[arm] - self._origin)

    def _init(self) -> None:
        self._kernel = kernel_at(self.coordinates, len(self._at.code), self._features.shape[1])
        tried, every = self.tried(), np.arange(len(self._offset))
        self._rows = len(tried.arm)
        self._roots = np.zeros((self._rows + _ROOM, len(every)))
        self._mean = self._offset + self._origin
        self._variance = variance(self._kernel, self._features)
        if not self._rows:
            return
        across = covariance(self._kernel, self._at, self._features, tried.arm, every)
        own = across[:, tried.arm] + np.diag(self._kernel.noise**2 / tried.count)
        root = linalg.cholesky(own, lower=True)
        rows = self._roots[: self._rows] = linalg.solve_triangular(root, across, lower=True, check_finite=False)
        self._mean = self._mean + linalg.solve_triangular(root, tried.mean, lower=True) @ rows
        self._variance = np.maximum(self._variance - np.einsum("ij,ij->j", rows, rows), 1e-12)

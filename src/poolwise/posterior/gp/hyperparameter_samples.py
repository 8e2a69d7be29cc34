"""A surface whose scales are uncertain: several of them, with scales drawn from their posterior.

The best scales alone, from few outcomes, foresee untried arms too surely, and a search ends among the arms it knows.
Every draw starts from the best scales and goes on from where it was whenever more is known, by elliptical slices, which
leave the posterior as it is: with z the whitened coordinates, Normal(0, I) before any outcome,

    z' = z cos t + v sin t,   v ~ Normal(0, I),   t uniform, its bracket shrunk until likelihood(z') > u likelihood(z)

What is believed is the mixture of all. Source: Murray, Adams and MacKay (2010).
"""

import numpy as np

from poolwise.posterior.gp.kernels import ArmCoordinates
from poolwise.posterior.gp.surface import GaussianProcess, SurfacePredictive
from poolwise.posterior.gp.surface_likelihood import KernelHyperprior, ObservedArms, fit, kernel_hyperprior, likelihood

DRAWS, STEPS = 4, 6
"""How many, and how often each is moved when the scales are estimated again."""


class HyperparameterSamples:
    """As `GaussianProcess`; `rng` moves the scales.

    >>> from poolwise.posterior.gp.kernels import arm_coordinates
    >>> several = HyperparameterSamples(arm_coordinates([np.linspace(0, 1, 11)]), np.random.default_rng(0))
    >>> for arm, y in ((0, 0.0), (5, 1.0), (10, 0.0)): several.update(arm, y)
    >>> several.reestimate()
    >>> int(several.predict().mean.argmax())
    5
    """

    def __init__(
        self,
        at: ArmCoordinates,
        rng: np.random.Generator,
        features: np.ndarray | None = None,
        offset: np.ndarray | None = None,
        prior: KernelHyperprior | None = None,
    ) -> None:
        self._at, self._rng = at, rng
        self._features = np.zeros((len(at.code[0]), 0)) if features is None else features
        self._prior = prior or kernel_hyperprior(len(at.code), self._features.shape[1])
        self._drawn: list[np.ndarray] = []
        self._surfaces = [GaussianProcess(at, self._features, offset, self._prior) for _ in range(DRAWS)]

    def predict(self) -> SurfacePredictive:
        """Mean and variance of the mixture."""
        looks = [one.predict() for one in self._surfaces]
        return moment_match(looks, np.full(DRAWS, 1 / DRAWS))

    def density(self, arm: int, y: float) -> float:
        """Logarithm of the predictive density of an outcome."""
        return float(np.logaddexp.reduce([one.density(arm, y) for one in self._surfaces]) - np.log(DRAWS))

    def update(self, arm: int, y: float) -> None:
        """One outcome; the belief about every arm is current afterwards."""
        for one in self._surfaces:
            one.update(arm, y)

    def rewarp(self, y: np.ndarray) -> None:
        """The same outcomes in other units; `reestimate` is to follow."""
        for one in self._surfaces:
            one.rewarp(y)

    def reestimate(self) -> None:
        """Move the scales of every surface."""
        tried = self._surfaces[0].tried()
        self._drawn = [self._moved(z, tried) for z in self._drawn or self._init(tried)]
        for one, z in zip(self._surfaces, self._drawn, strict=True):
            one.rescale(self._prior.median + self._prior.width * z)

    def _init(self, tried: ObservedArms) -> list[np.ndarray]:
        """Whitened coordinates of the best scales."""
        best = fit(tried, self._at, self._features, self._prior, self._prior.median)
        return [(best - self._prior.median) / self._prior.width] * DRAWS

    def _moved(self, z: np.ndarray, tried: ObservedArms) -> np.ndarray:
        value = self._value(z, tried)
        for _ in range(STEPS):
            across, least = self._rng.standard_normal(len(z)), value + np.log(self._rng.random())
            high = 2 * np.pi * self._rng.random()
            low, angle = high - 2 * np.pi, high
            while True:
                there = z * np.cos(angle) + across * np.sin(angle)
                value = self._value(there, tried)
                if value > least or high - low < 1e-9:
                    break
                low, high = (angle, high) if angle < 0 else (low, angle)
                angle = low + (high - low) * self._rng.random()
            z = there
        return z

    def _value(self, z: np.ndarray, tried: ObservedArms) -> float:
        return likelihood(self._prior.median + self._prior.width * z, tried, self._at, self._features)


def moment_match(looks: list[SurfacePredictive], weight: np.ndarray) -> SurfacePredictive:
    """Mean, variance and noise of a mixture of beliefs."""
    means, variances = np.stack([one.mean for one in looks]), np.stack([one.variance for one in looks])
    mean = weight @ means
    noise = float(np.sqrt(weight @ np.array([one.noise**2 for one in looks])))
    return SurfacePredictive(mean, weight @ (variances + (means - mean) ** 2), noise)

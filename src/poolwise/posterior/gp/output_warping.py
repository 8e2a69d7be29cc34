"""Utilities bent until a smooth surface fits them: by how much is told by the marginal likelihood.

    v = (exp(b (y - best)) - 1) / b,   log p(y) = log p(v) + b sum (y - best)

The larger b, the less what is far below the best known counts beside what is near it; as b goes to 0, nothing is bent.
Source: Snelson, Rasmussen and Ghahramani (2004).
"""

from typing import Any

import numpy as np

from poolwise.posterior.gp.kernels import ArmCoordinates
from poolwise.posterior.gp.surface_likelihood import ObservedArms, fit, kernel_hyperprior, objective

WARPS = (0.02, 0.25, 0.5, 1.0, 2.0)
USUAL, WIDTH = 0.5, 1.0
"""Median of b, and width of its logarithm."""


def warp(y: Any, best: float, warping: float) -> Any:
    """Utilities relative to the best known one, in the same order, and the same near it."""
    return np.expm1(warping * (y - best)) / warping


class OutputWarping:
    """Chooses among `WARPS`; keeps the scales found for each, from which the next search starts."""

    def __init__(self, at: ArmCoordinates) -> None:
        self._at, self._prior = at, kernel_hyperprior(len(at.code), 0)
        self._features = np.zeros((len(at.code[0]), 0))
        self._scales = [self._prior.median] * len(WARPS)

    def best(self, arm: np.ndarray, y: np.ndarray, usual: float = USUAL) -> float:
        """The likeliest, with `usual` as the median. arm, y: one row per outcome."""
        away = np.log(np.array(WARPS) / usual) / WIDTH
        return WARPS[int(np.argmax(self.evidence(arm, y) - 0.5 * away**2))]

    def evidence(self, arm: np.ndarray, y: np.ndarray) -> np.ndarray:
        """(warpings,) logarithms of the marginal likelihood at the best scales of each, up to a constant."""
        best = float(y.max())
        return np.array([self._evidence(k, arm, y - best) for k in range(len(WARPS))])

    def _evidence(self, k: int, arm: np.ndarray, away: np.ndarray) -> float:
        value = warp(away, 0.0, WARPS[k])
        tried = ObservedArms.of(arm, value - value[0])
        self._scales[k] = fit(tried, self._at, self._features, self._prior, self._scales[k])
        found = objective(self._scales[k], tried, self._at, self._features, self._prior)[0]
        return float(WARPS[k] * away.sum() - found)

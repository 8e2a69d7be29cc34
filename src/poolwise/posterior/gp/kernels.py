"""Covariance of arms by their parameters: every parameter matters everywhere, and more where the others agree.

    k(a, b) = signal^2 prod_d [rho_d + (1 - rho_d) m_d(|x_ad - x_bd| / length_d)]  +  sum_k slope_k^2 phi_ak phi_bk
              + level^2  +  nugget^2 [a = b]

with m Matern's correlation, of order 1/2 here and 3/2 in `coregionalisation`. Expanded, the product is a sum over all
subsets of parameters, so effects of one parameter reach arms that differ in everything else. phi are other projects'
surfaces, as linear features; the first is what these have in common. Source: Duvenaud, Nickisch and Rasmussen (2011);
Rasmussen and Williams (2006), ch. 4.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float

LEVEL = 3.0
"""Standard deviation of what all arms have in common, in units of utility: it is learned from the first outcomes."""


class ArmCoordinates(NamedTuple):
    """Where every arm stands: distances between the levels of each parameter, and the level of every arm."""

    distance: tuple[np.ndarray, ...]
    code: tuple[np.ndarray, ...]


class Kernel(NamedTuple):
    """Scales in units of utility; lengths in units of the coordinates, which span [0, 1]."""

    signal: float
    length: Float[np.ndarray, " parameter"]
    rho: Float[np.ndarray, " parameter"]
    """In (0, 1)."""
    nugget: float
    """What is special about an arm and shared with no other: true variance of an untried arm."""
    noise: float
    """Of one outcome."""
    slope: Float[np.ndarray, " feature"]


def arm_coordinates(coordinates: list[np.ndarray]) -> ArmCoordinates:
    """coordinates: of every parameter, (arms,) or (arms, k); the levels are the distinct rows."""
    distance, code = [], []
    for one in coordinates:
        rows = np.asarray(one, dtype=float).reshape(len(one), -1)
        levels, which = np.unique(rows, axis=0, return_inverse=True)
        distance.append(np.sqrt(((levels[:, None] - levels[None]) ** 2).sum(-1)))
        code.append(which.reshape(-1))
    return ArmCoordinates(tuple(distance), tuple(code))


def matern(distance: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of order 3/2, and its derivative by the logarithm of the length."""
    scaled = np.sqrt(3.0) * distance / length
    decay = np.exp(-scaled)
    return (1 + scaled) * decay, decay * scaled**2


def exponential(distance: np.ndarray, length: float) -> tuple[np.ndarray, np.ndarray]:
    """As `matern`, of order 1/2: surfaces that are continuous and nowhere smooth."""
    scaled = distance / length
    decay = np.exp(-scaled)
    return decay, scaled * decay


def smooth(kernel: Kernel, at: ArmCoordinates, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(rows, columns): signal^2 times the product over parameters."""
    product = np.full((len(rows), len(columns)), kernel.signal**2)
    for distance, code, length, rho in zip(*at, kernel.length, kernel.rho, strict=True):
        product *= (rho + (1 - rho) * exponential(distance, length)[0])[code[rows]][:, code[columns]]
    return product


def covariance(
    kernel: Kernel, at: ArmCoordinates, features: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """(rows, columns) of the arms' utilities. features: (arms, k)."""
    found = smooth(kernel, at, rows, columns) + LEVEL**2
    found += (features[rows] * kernel.slope**2) @ features[columns].T
    found[rows[:, None] == columns] += kernel.nugget**2
    return found


def variance(kernel: Kernel, features: np.ndarray) -> np.ndarray:
    """(arms,) before any outcome."""
    return kernel.signal**2 + LEVEL**2 + kernel.nugget**2 + features**2 @ kernel.slope**2

"""Correlation of arms by their parameters: every parameter matters everywhere, and more where the others agree.

    k(a, b) = prod_d [rho_d + (1 - rho_d) m_d(|x_ad - x_bd| / length_d)]

with m Matern's correlation of order 3/2. Expanded, the product is a sum over all subsets of parameters, so effects of
one parameter reach arms that differ in everything else. Source: Duvenaud, Nickisch and Rasmussen (2011); Rasmussen and
Williams (2006), ch. 4.
"""

from typing import NamedTuple

import numpy as np


class ArmCoordinates(NamedTuple):
    """Where every arm stands: distances between the levels of each parameter, and the level of every arm."""

    distance: tuple[np.ndarray, ...]
    code: tuple[np.ndarray, ...]


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


def correlation_and_gradients(
    at: ArmCoordinates, length: np.ndarray, rho: np.ndarray, arm: np.ndarray
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """(n, n) k of the arms, and its logarithm's derivatives by log lengths and by log-odds of rho."""
    whole, lengths, rhos = np.ones((len(arm), len(arm))), [], []
    for distance, code, long, odds in zip(*at, length, rho, strict=True):
        alike, slope = matern(distance, long)
        level, pair = odds + (1 - odds) * alike, (code[arm][:, None], code[arm])
        whole *= level[pair]
        lengths.append(((1 - odds) * slope / level)[pair])
        rhos.append((odds * (1 - odds) * (1 - alike) / level)[pair])
    return whole, lengths, rhos

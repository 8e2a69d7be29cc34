"""P(arm is best), slow and plainly right: Gauss-Legendre panels that resolve every arm's own scale."""

import numpy as np
from scipy.special import log_ndtr


def best_probability(mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(arms,), absolute error below 1e-6: panels half a standard deviation wide of every arm that can matter."""
    floor = (mean - 8 * scale).max()
    kept = mean + 8 * scale > floor
    m, s = mean[kept], scale[kept]
    edges = _thinned(np.unique(np.append(m[:, None] + s[:, None] * np.linspace(-8, 8, 33), floor)), m, s)
    edges = edges[edges >= floor]
    nodes, weights = np.polynomial.legendre.leggauss(6)
    total = np.zeros(len(m))
    for start in range(0, len(edges) - 1, 500):
        low, high = (cut := edges[start : start + 501])[:-1, None], cut[1:, None]
        x = (low + (high - low) * (nodes + 1) / 2).ravel()
        z = (x - m[:, None]) / s[:, None]
        below = log_ndtr(z)
        density = np.exp(-0.5 * z * z - below + below.sum(axis=0)) / (s[:, None] * np.sqrt(2 * np.pi))
        total += density @ ((high - low) * weights / 2).ravel()
    result = np.zeros(len(mean))
    result[kept] = total
    return result


def _thinned(edges: np.ndarray, mean: np.ndarray, scale: np.ndarray, most: int = 3_000) -> np.ndarray:
    """Edges at least a quarter of the smallest scale around them apart, where there are many."""
    if len(edges) <= most:
        return edges
    kept = [edges[0]]
    for edge in edges[1:]:
        active = np.abs(edge - mean) < 8 * scale
        if edge - kept[-1] > 0.25 * scale[active].min(initial=np.inf):
            kept.append(edge)
    return np.array([*kept, edges[-1]])


def case(seed: int, most: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """One of seven kinds of hard case with 2 to `most` arms: uneven scales, ties, one arm far ahead, and mixtures."""
    draws = np.random.default_rng(seed)
    arms = round(np.exp(draws.uniform(np.log(2), np.log(most))))
    mean = draws.normal(size=arms)
    uneven = np.exp(draws.uniform(np.log(1e-4), 0, size=arms))
    kind = seed % 7
    scale = np.full(arms, 0.5) if kind == 1 else 10.0 ** draws.integers(-4, 1, size=arms) if kind == 4 else uneven
    if kind == 2:
        mean = np.zeros(arms)
    if kind == 3:
        mean[0] = 30.0
    if kind == 4:
        mean = np.round(mean)
    if kind == 5:
        mean, scale = mean * scale, scale
    if kind == 6:
        mean, scale = 0.01 * mean, np.where(draws.random(arms) < 0.5, 1e-4, 1.0)
    return mean, scale

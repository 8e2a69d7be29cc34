"""Which arm is the best one, and how good it is: probabilities and expectation without simulation.

The maximum of independent normals has the cdf G(x) = prod_j Phi_j(x), and arm i is that maximum with probability

    P_i = integral G(x) r_i(x) dx,      r_i(x) = phi((x - m_i) / s_i) / (s_i Phi_i(x))      (reversed hazard)

The whole of it lies above L = max_j (m_j - 4.5 s_j), because G(L) <= Phi(-4.5). No arm's mean exceeds L + 4.5 s_j, so
an arm that matters at a distance d above L has a scale of d / 10 or more: nodes that lie ever wider apart resolve
narrow and wide arms at once. They are x = L + a sinh(t) with equal steps in t, where the midpoint rule of a smooth
integrand converges exponentially.
"""

import math

import numpy as np

from poolwise.policy.normal import normal_cdf
from poolwise.policy.view import Array, constant, namespace

NODES = 64
"""The same for both array libraries, so that a decision made by one can be made again by the other."""
LOW, HIGH, NEVER = 4.5, 5.5, 7.5
"""Standard scores: nodes begin at LOW below and end at HIGH above; beyond NEVER an arm cannot matter (4e-14)."""
NARROWEST = 1e-5
"""Scales below this share of the largest count as this share: two arms so narrow are told apart by their means."""
FEW = 24
"""Up to so many arms of one decision, NumPy is called for the integral alone: calls for short arrays cost more than
numbers in Python."""
_NODES = (np.arange(NODES) + 0.5) / NODES


def best_probability(mean: Array, scale: Array, allowed: Array | None = None) -> Array:
    """P(arm is best) of independent Normal(mean, scale^2) utilities, smooth in both.

    Args:
        mean: (..., arms), any unit.
        scale: (..., arms), same unit, > 0.
        allowed: (..., arms) bool, None for all. What is not allowed gets exactly 0.

    Returns:
        (..., arms), sums to 1 within rounding; all 0 where nothing is allowed. Absolute error below 1e-4 while scales
        differ by less than 10^5.

    >>> best_probability(np.array([0.0, 1.0, 5.0]), np.array([1.0, 1.0, 1.0]), np.array([True, True, False])).round(4)
    array([0.2398, 0.7602, 0.    ])
    """
    xp = namespace(mean)
    if xp is np and allowed is not None and np.count_nonzero(allowed) == allowed.size:
        allowed = None
    if xp is np and allowed is None and mean.ndim == 1 and len(mean) <= FEW:
        return _few(mean, scale)
    height, scale, _ = _heights(xp, mean, scale, allowed)
    race = _race if xp is not np else _one if height.ndim == 1 else _many
    share = race(height, scale)
    return share if allowed is None else share * allowed


def expected_best(mean: Array, scale: Array, allowed: Array | None = None) -> Array:
    """(..., 1): E[max_a theta_a] = L + integral_L (1 - G(x)) dx of independent normals.

    Arguments as in `best_probability`. Absolute error below 1e-5 of the largest scale; 0 where nothing is allowed.
    """
    xp = namespace(mean)
    height, scale, bottom = _heights(xp, mean, scale, allowed)
    distance, width, unit = _nodes(xp, height, scale)
    score = _scores(distance, height, scale)
    above = 1.0 - normal_cdf(score).prod(axis=-2)
    expected = bottom + unit * (above * width).sum(axis=-1, keepdims=True)
    return expected if allowed is None else xp.where(allowed.any(axis=-1, keepdims=True), expected, 0.0)


def _heights(xp: Array, mean: Array, scale: Array, allowed: Array | None) -> tuple[Array, Array, Array]:
    """L minus each arm's mean (40 scales where it is not allowed), usable scales, and L."""
    if allowed is None:
        scale = xp.maximum(scale, NARROWEST * scale.max(axis=-1, keepdims=True))
        bottom = (mean - LOW * scale).max(axis=-1, keepdims=True)
        return bottom - mean, scale, bottom
    widest = (scale * allowed).max(axis=-1, keepdims=True)
    scale = xp.maximum(scale, NARROWEST * widest)
    bottom = xp.where(allowed, mean - LOW * scale, -np.inf).max(axis=-1, keepdims=True)
    return xp.where(allowed, bottom - mean, 40.0 * scale), scale, bottom


def _one(height: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The race among the arms that can matter, for one decision."""
    probability = np.zeros(len(height))
    matters = np.flatnonzero(height < NEVER * scale)
    if matters.size:
        probability[matters] = _race(height[matters], scale[matters])
    return probability


def _many(height: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The same for many, the arms that matter of all decisions one below the other."""
    matters = height < NEVER * scale
    probability = np.zeros(matters.shape)
    decision = np.nonzero(matters.reshape(-1, matters.shape[-1]))[0]
    if not decision.size:
        return probability
    distance, width, _ = (part.reshape(-1, part.shape[-1]) for part in _nodes(np, height, scale))
    first = np.diff(decision, prepend=-1) > 0
    begin, place = np.flatnonzero(first), np.cumsum(first) - 1
    height, scale = height[matters], np.broadcast_to(scale, matters.shape)[matters]
    score = (distance[decision] + height[:, None]) / scale[:, None]
    below = normal_cdf(score)
    mass = np.multiply.reduceat(below, begin) * width[decision[begin]]
    share = np.vecdot(np.exp(-0.5 * (score * score)) / below, mass[place]) / scale
    probability[matters] = share / np.add.reduceat(share, begin)[place]
    return probability


def _few(mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """As `_heights` and `_one`."""
    means, scales = mean.tolist(), scale.tolist()
    narrowest = NARROWEST * max(scales)
    if min(scales) < narrowest:
        scales = [max(one, narrowest) for one in scales]
    bottom = max([m - LOW * s for m, s in zip(means, scales, strict=True)])
    live = [a for a, m in enumerate(means) if bottom - m < NEVER * scales[a]]
    probability = np.zeros(len(means))
    if len(live) < 2:  # None where a number is NaN: then this is no distribution, which the engine says.
        probability[live] = 1.0
        return probability
    heights, widths = [bottom - means[a] for a in live], [scales[a] for a in live]
    reach = [HIGH * s - h for h, s in zip(heights, widths, strict=True)]
    stretch = 50.0 / max([r / (s * s) for r, s in zip(reach, widths, strict=True)])
    step = math.asinh(max(reach) / stretch)
    at = step * _NODES
    height, width = np.array([heights, widths])[:, :, None]
    score = (stretch * np.sinh(at) + height) / width
    below = normal_cdf(score)
    mass = np.multiply.reduce(below, 0) * np.cosh(at)
    share = ((np.exp(-0.5 * (score * score)) / below) @ mass).tolist()
    share = [one / s for one, s in zip(share, widths, strict=True)]
    total = math.fsum(share)
    for a, one in zip(live, share, strict=True):
        probability[a] = one / total
    return probability


def _race(height: Array, scale: Array) -> Array:
    """Each arm's part of the integral, over their sum."""
    xp = namespace(height)
    distance, width, _ = _nodes(xp, height, scale)
    score = _scores(distance, height, scale)
    below = normal_cdf(score)
    hazard = xp.exp(-0.5 * (score * score)) / below
    mass = below.prod(axis=-2) * width
    share = (hazard @ mass[..., :, None])[..., 0] / scale
    total = share.sum(axis=-1, keepdims=True)
    return share / (total + (total == 0))


def _nodes(xp: Array, height: Array, scale: Array) -> tuple[Array, Array, Array]:
    """Distances (..., nodes) of the nodes above L, their widths, and the unit of these (..., 1)."""
    reach = HIGH * scale - height
    stretch = 50.0 / (reach / (scale * scale)).max(axis=-1, keepdims=True)
    step = xp.arcsinh(reach.max(axis=-1, keepdims=True) / stretch)
    rise = xp.exp(step * constant(_NODES, step))
    fall = 1.0 / rise
    distance = (0.5 * stretch) * (rise - fall)
    return distance, rise + fall, (0.5 / NODES) * stretch * step


def _scores(distance: Array, height: Array, scale: Array) -> Array:
    """(..., arms, nodes): standard scores of the nodes."""
    return (distance[..., None, :] + height[..., :, None]) / scale[..., :, None]

"""A floor under a policy that lets its log judge others: a small share of decisions is left to what others would do.

A log answers for another policy where the one that logged gave the other's choices some probability. A mixture answers
for each of its parts at once, at what these are expected to cost, and not at what arms at random do. How precise an
answer is depends on sum_a q_a^2 / p_a; of all floors that cost as much by what is believed, the one proportional to
q_a / sqrt(cost_a) makes it least (Cauchy and Schwarz).
"""

import math

import numpy as np

from poolwise.policy.construction import check_range, wrap_policy
from poolwise.policy.normal import normal_cdf
from poolwise.policy.vectors import normalised
from poolwise.policy.view import Array, Params, Policy, View, namespace

PLAUSIBLE, FAVOURITE, UPPER, UNIFORM = 0.72, 0.10, 0.17, 0.01
"""Parts of q. What may be better than the favourite is what Thompson sampling chooses, at no integral; every arm alike
costs most, and serves the small even part of an epsilon-greedy policy."""
UNIT = 0.05
"""Of an outcome's spread and the belief's together: costs below so much are not told apart."""
ALIKE = 1e-6
"""Of the same: indices closer than this are ties, so that rounding decides nothing."""


def defensive(policy: Policy, floor: float = 0.06, lasting: float = 2000.0) -> Policy:
    """p' = (1 - sum f) p + f,  f_a = e q_a / sqrt(1 + gap_a / unit),  e = floor min(1, lasting / n).

        q = 0.72 r / sum r + 0.10 favourite + 0.17 highest mean + scale + 0.01 every arm alike

    of the allowed arms; r_a = P(arm a is better than the favourite), 1 for the favourite; gap the distance to its mean,
    n the decisions of the project so far. Layers outside of it, such as `safe`, bound it too. While e stands, what a
    log tells of a policy that differs grows as e n, later it stays as at 2 floor lasting, while what the floor costs
    grows as log n. Source: the defensive mixture of Hesterberg (1995) and Owen and Zhou (2000). Raises ConfigError
    unless 0 <= floor < 1 and lasting > 0.
    """
    if floor != 0:
        check_range("floor", floor, 0.0, 1.0)
    lasting = check_range("lasting", lasting, 0.0, math.inf)
    return wrap_policy("defensive", policy, _defensive, floor=floor, lasting=lasting)


def _defensive(params: Params, view: View, inner: Policy) -> Array:
    chances = inner.probabilities(params, view)
    least = left_to_floor(params, view) * _least(view)
    return chances + (least - least.sum(axis=-1, keepdims=True) * chances)


def left_to_floor(params: Params, view: View) -> Array:
    """e, what is left to the floor at most."""
    made = namespace(view.mean).maximum(view.context.project_decisions, params["lasting"])
    return params["floor"] * (params["lasting"] / made)


def _least(view: View) -> Array:
    """(..., arms): f / e."""
    xp, open_to = namespace(view.mean), view.allowed
    spread = (open_to * (view.noise + view.scale)).max(axis=-1, keepdims=True)
    spread = spread + (spread == 0)
    gap = _distance(view.mean, open_to)
    favourite = _first(gap, open_to, spread)
    doubt = xp.sqrt(view.scale**2 + ((favourite * view.scale).sum(axis=-1, keepdims=True)) ** 2)
    better = open_to * xp.where(favourite > 0, 1.0, normal_cdf(-gap / doubt))
    upper = _first(_distance(view.mean + view.scale, open_to), open_to, spread)
    asked = PLAUSIBLE * normalised(better) + FAVOURITE * favourite + UPPER * upper + UNIFORM * normalised(1.0 * open_to)
    return asked / xp.sqrt(1.0 + gap / (UNIT * spread))


def _distance(index: Array, open_to: Array) -> Array:
    """(..., arms) >= 0: to the largest of the allowed arms."""
    xp = namespace(index)
    return xp.maximum(xp.where(open_to, index, -np.inf).max(axis=-1, keepdims=True) - index, 0.0)


def _first(distance: Array, open_to: Array, spread: Array) -> Array:
    """All mass on the first arm; those that rounding alone tells from it share it equally."""
    return normalised(1.0 * (open_to & (distance <= ALIKE * spread)))

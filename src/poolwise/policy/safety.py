"""Eligibility: only arms that are very likely no worse than the baseline by more than a margin."""

import math

import numpy as np

from poolwise.policy.base import Array, Params, Policy, View, namespace
from poolwise.policy.build import within, wrapper
from poolwise.policy.share import is_baseline
from poolwise.policy.value import normal_cdf


def safe(policy: Policy, delta: float = 0.1, margin: float = math.log(0.95)) -> Policy:
    """Narrows `allowed` to the baseline and the arms with P(utility < margin) <= delta.

    Where the baseline is unavailable and no arm is eligible, the least risky arm remains. Raises ConfigError unless
    0 < delta < 1 and margin is finite.
    """
    return wrapper("safe", policy, _safe, delta=within("delta", delta, 0.0, 1.0), margin=margin)


def _safe(params: Params, view: View, inner: Policy) -> Array:
    return inner.probabilities(params, view._replace(allowed=eligible(params, view)))


def eligible(params: Params, view: View) -> Array:
    """(..., arms) bool: what `safe` lets through."""
    xp = namespace(view.mean)
    harm = risk(params, view)
    kept = view.allowed & ((harm <= params["delta"]) | is_baseline(view))
    least = view.allowed & (harm == xp.where(view.allowed, harm, np.inf).min(axis=-1, keepdims=True))
    return kept | (least & ~kept.any(axis=-1, keepdims=True))


def risk(params: Params, view: View) -> Array:
    """(..., arms): P(utility < margin) under the belief."""
    return normal_cdf((params["margin"] - view.mean) / view.scale)


def gated(policy: Policy, delta: float = 0.1, margin: float = math.log(0.95), softness: float = 0.1) -> Policy:
    """Smooth twin of `safe`, for learning by gradient: what an arm's gate holds back goes to the baseline.

        p'_a = gate_a p_a,   gate_a = 1 / (1 + exp((P(utility_a < margin) - delta) / (softness delta)))

    The baseline's gate is 1; with softness -> 0 the gate is the cut of `safe`. Where the baseline is unavailable, p' is
    rescaled instead. Raises ConfigError unless 0 < delta < 1, margin is finite and softness > 0.
    """
    within("softness", softness, 0.0, math.inf)
    return wrapper("gated", policy, _gated, delta=within("delta", delta, 0.0, 1.0), margin=margin, softness=softness)


def _gated(params: Params, view: View, inner: Policy) -> Array:
    xp = namespace(view.mean)
    base = is_baseline(view) & view.allowed
    shortfall = (risk(params, view) - params["delta"]) / (params["softness"] * params["delta"])
    gate = 0.5 - 0.5 * xp.tanh(0.5 * xp.minimum(shortfall, 60.0))
    kept = xp.where(base, 1.0, gate + 1e-12) * inner.probabilities(params, view)
    total = kept.sum(axis=-1, keepdims=True)
    returned = base * (1.0 - total)
    return xp.where(base.any(axis=-1, keepdims=True), kept + returned, kept / (total + (total == 0)))

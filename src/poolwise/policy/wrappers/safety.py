"""Eligibility: only arms that are very likely no worse than the baseline by more than a margin."""

import math

from poolwise.policy.construction import check_range, wrap_policy
from poolwise.policy.normal import normal_cdf
from poolwise.policy.vectors import is_baseline
from poolwise.policy.view import Array, Params, Policy, View, namespace


def safe(policy: Policy, delta: float = 0.1, margin: float = math.log(0.95)) -> Policy:
    """Narrows `allowed` to the baseline and the arms with P(utility < margin) <= delta.

    Where the baseline is unavailable and no arm is eligible, the least risky arm remains. Raises ConfigError unless
    0 < delta < 1 and margin is finite.
    """
    return wrap_policy("safe", policy, _safe, delta=check_range("delta", delta, 0.0, 1.0), margin=margin)


def _safe(params: Params, view: View, inner: Policy) -> Array:
    return inner.probabilities(params, view._replace(allowed=eligible(params, view)))


def eligible(params: Params, view: View) -> Array:
    """(..., arms) bool: what `safe` lets through."""
    xp = namespace(view.mean)
    harm = risk(view, params["margin"]) * ~is_baseline(view)
    least = (harm + ~view.allowed).min(axis=-1, keepdims=True)
    return view.allowed & (harm <= xp.maximum(params["delta"], least))


def risk(view: View, margin: float) -> Array:
    """(..., arms): P(utility < margin) under the belief."""
    return normal_cdf((margin - view.mean) / view.scale)


def gated(
    policy: Policy, gate_delta: float = 0.1, gate_margin: float = math.log(0.95), softness: float = 0.1
) -> Policy:
    """Smooth twin of `safe`, for learning by gradient: what an arm's gate holds back goes to the baseline.

        p'_a = gate_a p_a,   gate_a = 1 / (1 + exp((P(utility_a < gate_margin) - gate_delta) / (softness gate_delta)))

    The baseline's gate is 1; with softness -> 0 the gate is the cut of `safe`. Where the baseline is unavailable, p' is
    rescaled instead. Raises
    ConfigError unless 0 < gate_delta < 1, gate_margin is finite and softness > 0.
    """
    check_range("softness", softness, 0.0, math.inf)
    return wrap_policy(
        "gated",
        policy,
        _gated,
        gate_delta=check_range("gate_delta", gate_delta, 0.0, 1.0),
        gate_margin=gate_margin,
        softness=softness,
    )


def _gated(params: Params, view: View, inner: Policy) -> Array:
    xp = namespace(view.mean)
    base = is_baseline(view) & view.allowed
    shortfall = (risk(view, params["gate_margin"]) - params["gate_delta"]) / (params["softness"] * params["gate_delta"])
    gate = 1.0 / (1.0 + xp.exp(xp.minimum(shortfall, 60.0)))
    kept = xp.where(base, 1.0, gate + 1e-12) * inner.probabilities(params, view)
    total = kept.sum(axis=-1, keepdims=True)
    returned = base * (1.0 - total)
    return xp.where(base.any(axis=-1, keepdims=True), kept + returned, kept / (total + (total == 0)))

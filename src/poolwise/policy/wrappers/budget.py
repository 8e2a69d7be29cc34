"""Exploration budgets: how much probability may leave the baseline, or go to arms not known to be safe."""

import math

from poolwise.policy.construction import check_range, wrap_policy
from poolwise.policy.vectors import doubled, is_baseline
from poolwise.policy.view import Array, Params, Policy, View, namespace
from poolwise.policy.wrappers.safety import eligible


def budgeted(policy: Policy, budget: float = 0.2) -> Policy:
    """At most `budget` of the mass off the baseline: p'_a = p_a min(1, budget / (1 - p_baseline)), the rest to it.

    Where the baseline is unavailable nothing can be given back, and p' = p. Raises ConfigError unless 0 < budget < 1.
    """
    return wrap_policy("budgeted", policy, _budgeted, budget=check_range("budget", budget, 0.0, 1.0))


def _budgeted(params: Params, view: View, inner: Policy) -> Array:
    xp = namespace(view.mean)
    chances = inner.probabilities(params, view)
    home = is_baseline(view) & view.allowed
    away = (chances * ~home).sum(axis=-1, keepdims=True)
    factor = xp.minimum(1.0, params["budget"] / xp.maximum(away, params["budget"]))
    factor = xp.where(home.any(axis=-1, keepdims=True), factor, 1.0)
    return chances * factor + home * (1.0 - factor)


def paid(policy: Policy, spend: float = 0.05, delta: float = 0.1, margin: float = math.log(0.95)) -> Policy:
    """`safe`, except that a budget pays for ineligible arms: p' = (1 - spend) p(eligible) + spend p(allowed).

    So an arm that nothing is known about can earn its eligibility, and the expected share of decisions on ineligible
    arms is at most `spend`. Raises ConfigError unless 0 < spend < 1, 0 < delta < 1 and margin is finite.
    """
    spend, delta = check_range("spend", spend, 0.0, 1.0), check_range("delta", delta, 0.0, 1.0)
    return wrap_policy("paid", policy, _paid, spend=spend, delta=delta, margin=margin)


def _paid(params: Params, view: View, inner: Policy) -> Array:
    xp = namespace(view.mean)
    both = doubled(view)._replace(allowed=xp.stack([view.allowed, eligible(params, view)]))
    everything, certain = inner.probabilities(params, both)
    return certain + params["spend"] * (everything - certain)

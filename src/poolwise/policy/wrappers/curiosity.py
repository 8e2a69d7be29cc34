"""Curiosity: doubt counts for more where knowledge is poor, needed often, or old."""

import math

from poolwise.policy.construction import check_range, wrap_policy
from poolwise.policy.vectors import blended, doubled
from poolwise.policy.view import Array, Params, Policy, View, namespace

WEIGHTS = {"scarcity": 0.4, "variance": 0.3, "frequency": 0.2, "recency": 0.1}
"""The usual ones."""
MEMORY = 100.0
"""Decisions of a project after which what is known of a context counts as two thirds forgotten."""


def curious(
    policy: Policy,
    curiosity: float = 1.0,
    scarcity: float = 0.4,
    variance: float = 0.3,
    frequency: float = 0.2,
    recency: float = 0.1,
    curiosity_budget: float | None = None,
) -> Policy:
    """The inner policy with every scale raised to scale_a (1 + curiosity score_a).

        score = scarcity / (1 + count) + variance v / (v + noise^2) + frequency share + recency (1 - exp(-age / MEMORY))

    All four scores lie in [0, 1]; share and age come from `view.context`. With a budget, curiosity moves no more mass
    than that, for the price of a second row in the inner policy's work:

        p' = p + min(1, curiosity_budget / d) (q - p),   d = total variation distance of p (plain) and q (raised)

    Raises ConfigError for a negative weight, or a budget that is not between 0 and 1.
    """
    weights = {"scarcity": scarcity, "variance": variance, "frequency": frequency, "recency": recency}
    weights = {name: check_range(name, weight, 0.0, math.inf, ends=True) for name, weight in weights.items()}
    curiosity = check_range("curiosity", curiosity, 0.0, math.inf, ends=True)
    if curiosity_budget is None:
        return wrap_policy("curious", policy, _curious, curiosity=curiosity, **weights)
    budget = check_range("curiosity_budget", curiosity_budget, 0.0, 1.0)
    return wrap_policy("curious", policy, _curious_within, curiosity=curiosity, **weights, curiosity_budget=budget)


def _curious(params: Params, view: View, inner: Policy) -> Array:
    return inner.probabilities(params, view._replace(scale=_raised(params, view)))


def _raised(params: Params, view: View) -> Array:
    return view.scale * (1.0 + params["curiosity"] * score(params, view))


def _curious_within(params: Params, view: View, inner: Policy) -> Array:
    scales = namespace(view.mean).stack([view.scale, _raised(params, view)])
    plain, wider = inner.probabilities(params, doubled(view)._replace(scale=scales))
    return blended(plain, wider, params["curiosity_budget"])


def score(params: Params, view: View) -> Array:
    """(..., arms): the weighted sum of the four scores."""
    xp = namespace(view.mean)
    unknown = view.scale * view.scale
    context = view.context
    arm = params["scarcity"] / (1.0 + view.count) + params["variance"] * unknown / (unknown + view.noise * view.noise)
    age = 1.0 - xp.exp(-context.staleness / MEMORY)
    return arm + (params["frequency"] * context.share + params["recency"] * age)

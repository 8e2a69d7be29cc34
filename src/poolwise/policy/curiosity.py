"""Curiosity: doubt counts for more where knowledge is poor, needed often, or old."""

import math

from poolwise.policy.base import Array, Params, Policy, View, namespace
from poolwise.policy.build import within, wrapper
from poolwise.policy.share import blended, doubled

SCORES = ("scarcity", "variance", "frequency", "recency")
MEMORY = 100.0
"""Decisions of a project after which what is known of a context counts as two thirds forgotten."""


def curious(
    policy: Policy,
    curiosity: float = 1.0,
    scarcity: float = 0.4,
    variance: float = 0.3,
    frequency: float = 0.2,
    recency: float = 0.1,
    curiosity_budget: float = 0.2,
) -> Policy:
    """The inner policy with every scale raised to scale_a (1 + curiosity score_a), moving a bounded mass.

        score = scarcity / (1 + count) + variance v / (v + noise^2) + frequency share + recency (1 - exp(-age / MEMORY))
        p' = p + min(1, curiosity_budget / d) (q - p),   d = total variation distance of p and q

    where p and q are the inner policy's vectors on the view as it is and with raised scales. All four scores lie in
    [0, 1]; share and age come from `view.context`. Raises ConfigError for a negative weight, or unless
    0 < curiosity_budget < 1.
    """
    weights = {"scarcity": scarcity, "variance": variance, "frequency": frequency, "recency": recency}
    weights = {name: within(name, weight, 0.0, math.inf, ends=True) for name, weight in weights.items()}
    curiosity = within("curiosity", curiosity, 0.0, math.inf, ends=True)
    budget = within("curiosity_budget", curiosity_budget, 0.0, 1.0)
    return wrapper("curious", policy, _curious, curiosity=curiosity, **weights, curiosity_budget=budget)


def _curious(params: Params, view: View, inner: Policy) -> Array:
    xp = namespace(view.mean)
    raised = 1.0 + params["curiosity"] * score(params, view)
    both = doubled(view)
    plain, wider = inner.probabilities(params, both._replace(scale=xp.stack([view.scale, view.scale * raised])))
    return blended(plain, wider, params["curiosity_budget"])


def score(params: Params, view: View) -> Array:
    """(..., arms): the weighted sum of the four scores."""
    xp = namespace(view.mean)
    unknown = view.scale * view.scale
    context = view.context
    arm = params["scarcity"] / (1.0 + view.count) + params["variance"] * unknown / (unknown + view.noise * view.noise)
    age = 1.0 - xp.exp(-context.staleness / MEMORY)
    return arm + (params["frequency"] * context.share + params["recency"] * age)

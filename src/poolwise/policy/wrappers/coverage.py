"""Coverage: important contexts that were tried too little get their share of exploration."""

import math

from poolwise.policy.construction import check_range, wrap_policy
from poolwise.policy.vectors import normalised
from poolwise.policy.view import Array, Params, Policy, View, namespace


def covered(policy: Policy, coverage: float = 1.0, trials: float = 20.0, age: float = 200.0) -> Policy:
    """A share e of the mass goes to what still teaches, in proportion to importance and to what is lacking.

        p' = (1 - e) p + e u,     u_a proportional to v_a / (v_a + noise_a^2)
        e = min(1/2, coverage * importance * max(exp(-outcomes / trials), 1 - exp(-staleness / age)))

    `importance` is the context's share of the project's cost, cost per job times frequency; `staleness` the project's
    decisions since the last informative trial here. Raises ConfigError unless coverage >= 0 and trials, age > 0.
    """
    return wrap_policy(
        "covered",
        policy,
        _covered,
        coverage=check_range("coverage", coverage, 0.0, math.inf, ends=True),
        trials=check_range("trials", trials, 0.0, math.inf),
        age=check_range("age", age, 0.0, math.inf),
    )


def _covered(params: Params, view: View, inner: Policy) -> Array:
    unknown = view.scale * view.scale
    teaching = normalised(view.allowed * (unknown / (unknown + view.noise * view.noise)))
    share = boost(params, view)
    return (1.0 - share) * inner.probabilities(params, view) + share * teaching


def boost(params: Params, view: View) -> Array:
    """Scalar (or (..., 1)): the share e of the mass."""
    xp = namespace(view.mean)
    context = view.context
    lacking = xp.maximum(xp.exp(-context.outcomes / params["trials"]), 1.0 - xp.exp(-context.staleness / params["age"]))
    return xp.minimum(0.5, params["coverage"] * context.importance * lacking)

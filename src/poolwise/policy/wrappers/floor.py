"""A minimum probability for every allowed arm, so that logged decisions can judge any other policy."""

from poolwise.errors import ConfigError
from poolwise.inputs import real
from poolwise.policy.construction import check_range, wrap_policy
from poolwise.policy.view import Array, Params, Policy, View, namespace


def floored(policy: Policy, minimum: float = 0.01) -> Policy:
    """p' = m + (1 - n m) p over the n allowed arms, m = min(minimum, 1 / n).

    Around `safe` the floor also reaches arms that `safe` shut out; inside it, only those that are eligible. Raises
    ConfigError unless 0 <= minimum < 1.
    """
    if real("minimum", minimum, ConfigError) != 0:
        check_range("minimum", minimum, 0.0, 1.0)
    return wrap_policy("floored", policy, _floored, minimum=minimum)


def _floored(params: Params, view: View, inner: Policy) -> Array:
    xp = namespace(view.mean)
    number = view.allowed.sum(axis=-1, keepdims=True)
    least = xp.minimum(params["minimum"], 1.0 / (number + (number == 0)))
    return least * view.allowed + (1.0 - number * least) * inner.probabilities(params, view)

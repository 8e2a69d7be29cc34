"""A different way of exploring for stable, volatile and rare contexts."""

from functools import partial

from poolwise.policy.construction import check_range, make_policy
from poolwise.policy.learning_phase import remaining_variance
from poolwise.policy.rules.basic import epsilon_greedy, thompson
from poolwise.policy.view import Array, Params, Policy, View, namespace
from poolwise.policy.wrappers.curiosity import curious

REGIMES = ("rare", "volatile", "stable")


def adaptive(
    rare: float = 0.05,
    stable: float = 0.2,
    temperature: float = 1.0,
    epsilon: float = 0.3,
    boost: float = 0.1,
    curiosity: float = 1.0,
) -> Policy:
    """Curiosity for rare contexts, epsilon-greedy for stable ones, Thompson sampling for the rest.

        rare:    the context holds less than `rare` of the project's decisions
        stable:  otherwise, where less than `stable` of an outcome's variance is still unknown
        (`learning_phase.remaining_variance`)

    The constants of the three keep their meaning; curiosity's weights are the usual ones. Raises ConfigError unless
    0 < rare, stable < 1, and for constants that the three refuse.
    """
    parts = (curious(thompson(temperature), curiosity), thompson(temperature), epsilon_greedy(epsilon, boost))
    check_range("rare", rare, 0.0, 1.0)
    check_range("stable", stable, 0.0, 1.0)
    own = {"rare": rare, "stable": stable, "temperature": temperature, "epsilon": epsilon, "boost": boost}
    return make_policy("adaptive", partial(_adaptive, parts), **own, curiosity=curiosity)


def _adaptive(parts: tuple[Policy, ...], params: Params, view: View) -> Array:
    rare, volatile, stable = regimes(params, view)
    curiosity, matching, greedy = (part.probabilities({**part.params, **params}, view) for part in parts)
    return rare * curiosity + volatile * matching + stable * greedy


def regimes(params: Params, view: View) -> tuple[Array, Array, Array]:
    """Indicators (..., 1) of the three regimes in the order of `REGIMES`; one of them is 1."""
    xp = namespace(view.mean)
    rare = 1.0 * (xp.asarray(view.context.share) < params["rare"])
    settled = 1.0 * (remaining_variance(view) < params["stable"])
    return rare, (1.0 - rare) * (1.0 - settled), (1.0 - rare) * settled

"""A different way of exploring for stable, volatile and rare contexts."""

from poolwise.policy.base import Array, Params, Policy, View, namespace
from poolwise.policy.build import rule, within
from poolwise.policy.curiosity import curious
from poolwise.policy.phase import unresolved
from poolwise.policy.rules import epsilon_greedy, thompson

REGIMES = ("rare", "volatile", "stable")
_PARTS = (curious(thompson()), thompson(), epsilon_greedy())


def adaptive(rare: float = 0.05, stable: float = 0.2) -> Policy:
    """Curiosity for rare contexts, epsilon-greedy for stable ones, Thompson sampling for the rest.

        rare:    the context holds less than `rare` of the project's decisions
        stable:  otherwise, where less than `stable` of an outcome's variance is still unknown (`phase.unresolved`)

    The constants of the three are part of `params`. Raises ConfigError unless 0 < rare, stable < 1.
    """
    constants = {name: value for part in _PARTS for name, value in part.params.items()}
    rare, stable = within("rare", rare, 0.0, 1.0), within("stable", stable, 0.0, 1.0)
    return rule("adaptive", _adaptive, **constants, rare=rare, stable=stable)


def _adaptive(params: Params, view: View) -> Array:
    rare, volatile, stable = regimes(params, view)
    curiosity, matching, greedy = (part.probabilities(params, view) for part in _PARTS)
    return rare * curiosity + volatile * matching + stable * greedy


def regimes(params: Params, view: View) -> tuple[Array, Array, Array]:
    """Indicators (..., 1) of the three regimes in the order of `REGIMES`; one of them is 1."""
    xp = namespace(view.mean)
    rare = 1.0 * (xp.asarray(view.context.share) < params["rare"])
    settled = 1.0 * (unresolved(view) < params["stable"])
    return rare, (1.0 - rare) * (1.0 - settled), (1.0 - rare) * settled

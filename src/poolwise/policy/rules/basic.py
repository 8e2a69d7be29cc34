"""Policies that stand alone: Thompson, greedy, uniform, UCB and adaptive epsilon-greedy."""

import math

from poolwise.policy.construction import check_range, make_policy
from poolwise.policy.learning_phase import confidence
from poolwise.policy.optimality import best_probability, expected_best
from poolwise.policy.vectors import argmax_share, normalised
from poolwise.policy.view import Array, Params, Policy, View, namespace


def thompson(temperature: float = 1.0) -> Policy:
    """Thompson sampling: p_a = P(arm a is best) under Normal(mean, (temperature * scale)^2), by quadrature.

    Source: Thompson (1933); temperature as in Phan, Abbasi-Yadkori and Domke (2019). Raises ConfigError unless
    temperature > 0.
    """
    return make_policy("thompson", _thompson, temperature=check_range("temperature", temperature, 0.0, math.inf))


def _thompson(params: Params, view: View) -> Array:
    return best_probability(view.mean, params["temperature"] * view.scale, view.allowed)


def greedy() -> Policy:
    """All mass on the highest mean; ties share it equally."""
    return make_policy("greedy", lambda params, view: argmax_share(view.mean, view.allowed))


def uniform() -> Policy:
    """Every allowed arm alike."""
    return make_policy("uniform", lambda params, view: normalised(1.0 * view.allowed))


def ucb(width: float = 1.0) -> Policy:
    """All mass on the highest mean + width * scale; ties share it equally.

    Source: Kaufmann, Cappe and Garivier, On Bayesian upper confidence bounds (2012). Raises ConfigError unless
    width >= 0.
    """
    return make_policy("ucb", _ucb, width=check_range("width", width, 0.0, math.inf, ends=True))


def _ucb(params: Params, view: View) -> Array:
    return argmax_share(view.mean + params["width"] * view.scale, view.allowed)


def epsilon_greedy(epsilon: float = 0.3, boost: float = 0.1) -> Policy:
    """Adaptive epsilon-greedy: the favourite with 1 - e, every allowed arm alike with e.

        e = min(1, epsilon * (1 - P(favourite is best)) + boost * regret / (regret + noise))

    Both terms come from the posterior, none from a clock or a count: `regret` is what the favourite is expected to lose
    to the best arm, E[max theta] - its mean, `noise` the standard deviation of one of its outcomes. Source: after
    Tokic, Adaptive epsilon-greedy exploration (2010). Raises ConfigError unless 0 <= epsilon, boost <= 1.
    """
    epsilon = check_range("epsilon", epsilon, 0.0, 1.0, ends=True)
    return make_policy(
        "epsilon_greedy", _epsilon_greedy, epsilon=epsilon, boost=check_range("boost", boost, 0.0, 1.0, ends=True)
    )


def _epsilon_greedy(params: Params, view: View) -> Array:
    xp = namespace(view.mean)
    favourite = argmax_share(view.mean, view.allowed)
    top = (favourite * view.mean).sum(axis=-1, keepdims=True)
    regret = xp.maximum(expected_best(view.mean, view.scale, view.allowed) - top, 0.0)
    noise = (favourite * view.noise).sum(axis=-1, keepdims=True)
    surprise = regret / (regret + noise + (regret + noise == 0))
    rate = xp.minimum(1.0, params["epsilon"] * (1.0 - confidence(view)) + params["boost"] * surprise)
    return (1.0 - rate) * favourite + rate * normalised(1.0 * view.allowed)

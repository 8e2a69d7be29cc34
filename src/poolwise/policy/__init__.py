"""Policies: pure functions from a view of beliefs to one probability per arm, and wrappers that compose."""

from poolwise.policy.base import Context, Params, Policy, View
from poolwise.policy.best import best_probability
from poolwise.policy.floor import floored
from poolwise.policy.hierarchy import macro_micro
from poolwise.policy.parse import parse
from poolwise.policy.rules import epsilon_greedy, greedy, thompson, ucb, uniform
from poolwise.policy.safety import gated, safe

__all__ = [
    "Context",
    "Params",
    "Policy",
    "View",
    "best_probability",
    "default",
    "epsilon_greedy",
    "floored",
    "gated",
    "greedy",
    "macro_micro",
    "parse",
    "safe",
    "thompson",
    "ucb",
    "uniform",
]


def default() -> Policy:
    """What an engine uses unless told otherwise."""
    return macro_micro(thompson(temperature=0.5))

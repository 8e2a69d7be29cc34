"""Policies: pure functions from a view of beliefs to one probability per arm, and wrappers that compose."""

from poolwise.policy.base import Context, Params, Policy, View
from poolwise.policy.best import best_probability
from poolwise.policy.budget import budgeted, paid
from poolwise.policy.coverage import covered
from poolwise.policy.curiosity import curious
from poolwise.policy.directed import information_directed
from poolwise.policy.explain import Layer, explain
from poolwise.policy.floor import floored
from poolwise.policy.gradient import farsighted, knowledge_gradient
from poolwise.policy.hierarchy import macro_micro
from poolwise.policy.parse import parse
from poolwise.policy.phase import confidence, phase
from poolwise.policy.regime import adaptive
from poolwise.policy.rules import epsilon_greedy, greedy, thompson, ucb, uniform
from poolwise.policy.safety import gated, safe

__all__ = [
    "Context",
    "Layer",
    "Params",
    "Policy",
    "View",
    "adaptive",
    "best_probability",
    "budgeted",
    "confidence",
    "covered",
    "curious",
    "default",
    "epsilon_greedy",
    "explain",
    "farsighted",
    "floored",
    "gated",
    "greedy",
    "information_directed",
    "knowledge_gradient",
    "macro_micro",
    "paid",
    "parse",
    "phase",
    "safe",
    "thompson",
    "ucb",
    "uniform",
]


def default() -> Policy:
    """What an engine uses unless told otherwise: see `knowledge_gradient`. Its constants did best, one setting for all,
    on real outcomes of solvers, provers, compilers and encoders (`benchmarks/replay/tables.py`)."""
    return knowledge_gradient()

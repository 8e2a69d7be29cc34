"""Policies: pure functions from a view of beliefs to one probability per arm, and wrappers that compose."""

from poolwise.policy.further_gain import expected_further_gain
from poolwise.policy.layers import Layer, explain
from poolwise.policy.learning_phase import confidence, doubt, phase
from poolwise.policy.optimality import best_probability
from poolwise.policy.parsing import parse
from poolwise.policy.rules.basic import epsilon_greedy, greedy, thompson, ucb, uniform
from poolwise.policy.rules.information_directed import information_directed
from poolwise.policy.rules.knowledge_gradient import farsighted, knowledge_gradient
from poolwise.policy.rules.two_level import macro_micro
from poolwise.policy.view import Context, Params, Policy, View
from poolwise.policy.wrappers.budget import budgeted, paid
from poolwise.policy.wrappers.coverage import covered
from poolwise.policy.wrappers.curiosity import curious
from poolwise.policy.wrappers.defensive import defensive
from poolwise.policy.wrappers.floor import floored
from poolwise.policy.wrappers.regime import adaptive
from poolwise.policy.wrappers.safety import gated, safe

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
    "defensive",
    "doubt",
    "epsilon_greedy",
    "expected_further_gain",
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
    """What an engine uses unless told otherwise: `knowledge_gradient`, whose constants did best, one setting for all,
    on real outcomes of solvers, provers, compilers and encoders (`benchmarks/replay/tables.py`), with the floor that
    lets its log judge other policies (`benchmarks/replay/judged.py`)."""
    return defensive(knowledge_gradient())

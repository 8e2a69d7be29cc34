"""What each layer of a policy did in one decision: how much probability it moved, and why."""

from typing import NamedTuple

import numpy as np

from poolwise.policy.learning_phase import confidence, phase
from poolwise.policy.parsing import layers
from poolwise.policy.vectors import moved
from poolwise.policy.view import Array, Policy, View
from poolwise.policy.wrappers.coverage import boost
from poolwise.policy.wrappers.defensive import left_to_floor
from poolwise.policy.wrappers.regime import REGIMES, regimes
from poolwise.policy.wrappers.safety import eligible


class Layer(NamedTuple):
    """One layer's part in a probability vector."""

    name: str
    mass: float
    """Total variation distance between the vectors without and with this layer; for the rule, what is off its mode."""
    sentence: str
    probabilities: Array
    """(arms,): the vector with this layer and everything inside it."""


def explain(policy: Policy, view: View) -> list[Layer]:
    """The layers of a policy from the rule outwards, for one view in NumPy.

    The mass of each is what it moved, so curiosity, coverage and every safety layer are accounted for apart. Raises
    ConfigError for a policy whose spec cannot be parsed.
    """
    found: list[Layer] = []
    for inner in layers(policy.spec, policy.params):
        chances = inner.probabilities(inner.params, view)
        name = inner.spec.split("(")[0]
        mass = float(moved(found[-1].probabilities, chances)[0]) if found else float(1.0 - chances.max())
        found.append(Layer(name, mass, f"{name} {_sentence(name, inner, view, mass)}", chances))
    return found


def _sentence(name: str, policy: Policy, view: View, mass: float) -> str:
    params = policy.params
    match name:
        case "adaptive":
            return f"treats this context as {_regime(policy, view)}; {_state(view)}."
        case "safe" | "paid":
            shut = int((view.allowed & ~eligible(params, view)).sum())
            rest = f", and pays for them with {params['spend']:.1%} of the decisions" if name == "paid" else ""
            return f"found {shut} of {int(view.allowed.sum())} open arms too likely to harm{rest}: {_moved(mass)}."
        case "gated":
            return f"returned what its gates held back to the baseline: {_moved(mass)}."
        case "budgeted":
            return f"lets at most {params['budget']:.1%} leave the baseline: {_moved(mass)}."
        case "curious":
            return f"widened doubt where knowledge is poor: {_moved(mass)}."
        case "covered":
            share = float(np.max(boost(params, view)))
            return f"reserves {share:.1%} for what still teaches in a context that needs it: {_moved(mass)}."
        case "farsighted":
            return f"counts what trying an arm can still earn: {_moved(mass)}."
        case "defensive":
            left = float(np.max(left_to_floor(params, view)))
            return f"leaves up to {left:.1%} to what other policies would choose, for its log to judge: {_moved(mass)}."
        case "floored":
            return f"gives every open arm at least {params['minimum']:.1%}: {_moved(mass)}."
        case "macro_micro":
            return f"chose a family first, then an arm of it: {_moved(mass)}."
    return f"gives {mass:.1%} to arms other than its first choice; {_state(view)}."


def _moved(mass: float) -> str:
    return f"{mass:.1%} of the probability moved"


def _state(view: View) -> str:
    return f"{phase(view)} phase, {float(confidence(view)[0]):.0%} sure of the favourite"


def _regime(policy: Policy, view: View) -> str:
    return REGIMES[int(np.argmax([np.max(flag) for flag in regimes(policy.params, view)]))]

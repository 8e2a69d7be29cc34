"""A policy from how it is written down."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from poolwise.errors import ConfigError
from poolwise.names import shown
from poolwise.policy.rules import basic, information_directed, knowledge_gradient, two_level
from poolwise.policy.view import Params, Policy
from poolwise.policy.wrappers import budget, coverage, curiosity, defensive, floor, regime, safety

Constructor = Callable[..., Policy]

RULES: dict[str, Constructor] = {
    "thompson": basic.thompson,
    "greedy": basic.greedy,
    "uniform": basic.uniform,
    "ucb": basic.ucb,
    "epsilon_greedy": basic.epsilon_greedy,
    "knowledge_gradient": knowledge_gradient.knowledge_gradient,
    "information_directed": information_directed.information_directed,
    "adaptive": regime.adaptive,
}
WRAPPERS: dict[str, Constructor] = {
    "macro_micro": two_level.macro_micro,
    "floored": floor.floored,
    "defensive": defensive.defensive,
    "safe": safety.safe,
    "gated": safety.gated,
    "paid": budget.paid,
    "budgeted": budget.budgeted,
    "curious": curiosity.curious,
    "farsighted": knowledge_gradient.farsighted,
    "covered": coverage.covered,
}


def parse(spec: str, params: Params | None = None) -> Policy:
    """The policy of a spec such as `floored(safe(thompson))`; constants by name from `params`, else their defaults.

    Raises ConfigError for a spec or a constant that no layer knows, or a value out of its range.

    >>> parse("floored(thompson)", {"minimum": 0.02}).params
    {'temperature': 1.0, 'minimum': 0.02}
    """
    if not isinstance(params, Mapping | None) or not all(isinstance(key, str) for key in params or ()):
        raise ConfigError(f"constants of a policy are numbers by name, got {shown(params)}")
    if not isinstance(spec, str):
        raise ConfigError(f"a policy is written as text, as in safe(thompson), got {type(spec).__name__} {shown(spec)}")
    given = dict(params or {})
    policy = layers(spec, given)[-1]
    if unknown := sorted(set(given) - set(policy.params)):
        raise ConfigError(
            f"policy {shown(spec)} has no constant {unknown[0]!r}; it has {', '.join(policy.params) or 'none'}"
        )
    return policy


def layers(spec: str, params: Params) -> list[Policy]:
    """The rule of a spec alone, then with one, two .. of its wrappers; the whole policy last."""
    *wrappers, name = _names(spec)
    found = [RULES[name](**_taken(RULES[name], params))]
    for wrapper in reversed(wrappers):
        found.append(WRAPPERS[wrapper](found[-1], **_taken(WRAPPERS[wrapper], params)))
    return found


def _names(spec: str) -> list[str]:
    parts = re.fullmatch(r"((?:\w+\()*)(\w+)(\)*)", spec.replace(" ", ""))
    if parts is None or parts[1].count("(") != len(parts[3]):
        raise ConfigError(f"policy {shown(spec)} cannot be read: write wrappers around one rule, as in safe(thompson)")
    names = [*parts[1].split("(")[:-1], parts[2]]
    for name, known in [*((name, WRAPPERS) for name in names[:-1]), (names[-1], RULES)]:
        if name not in known:
            kind = "wrapper" if known is WRAPPERS else "rule"
            raise ConfigError(f"policy {shown(spec)}: {name!r} is no {kind}; there are {', '.join(known)}")
    return names


def _taken(constructor: Constructor, given: Params) -> dict[str, Any]:
    return {name: given[name] for name in inspect.signature(constructor).parameters if name in given}

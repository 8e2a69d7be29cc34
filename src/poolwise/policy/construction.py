"""How policies are put together: constants checked once, written down as a spec and one flat dict of numbers."""

import math
from collections.abc import Callable
from typing import Any

from poolwise.errors import ConfigError
from poolwise.inputs import real
from poolwise.names import shown
from poolwise.policy.view import Array, Params, Policy, View

Wrapped = Callable[[Params, View, Policy], Array]
"""(params, view, inner policy) -> (arms,)."""


def make_policy(name: str, probabilities: Callable[[Params, View], Array], **constants: float) -> Policy:
    """A policy of its own. Raises ConfigError for a constant that is no finite number."""
    return Policy(probabilities, _numbers(name, constants), name)


def wrap_policy(name: str, inner: Policy, probabilities: Wrapped, **constants: float) -> Policy:
    """A policy around another; both read their constants by name from one flat dict.

    Raises ConfigError where a layer occurs twice, since both would read the same constants.
    """
    if not isinstance(inner, Policy):
        raise ConfigError(
            f"{name} goes around a policy, got {type(inner).__name__} {shown(inner)}: pass one, as in "
            f"{name}(thompson())"
        )
    numbers = _numbers(name, constants)
    if clash := sorted(set(numbers) & set(inner.params)):
        raise ConfigError(f"{name}({inner.spec}) sets {clash[0]!r} twice: use each layer once in a policy")
    return Policy(
        lambda params, view: probabilities(params, view, inner), {**inner.params, **numbers}, f"{name}({inner.spec})"
    )


def check_range(name: str, value: float, low: float, high: float, *, ends: bool = False) -> float:
    """`value`, or ConfigError unless it lies between `low` and `high` (a finite end counts if `ends`)."""
    number = real(name, value, ConfigError)
    if not (low <= number <= high if ends else low < number < high):
        raise ConfigError(f"{name} is {shown(value)} but must be {_range(low, high, ends)}")
    return number


def _range(low: float, high: float, ends: bool) -> str:
    if math.isinf(high):
        return f"a finite number {'>=' if ends else '>'} {low:g}"
    return f"between {low:g} and {high:g}" + ("" if ends else ", both excluded")


def _numbers(name: str, constants: dict[str, Any]) -> Params:
    return {key: real(f"{name}: {key}", value, ConfigError) for key, value in constants.items()}

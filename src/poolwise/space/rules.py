"""Conditions and forbidden combinations of a family: read, checked, and applied to an arm's parameters.

A parameter is active where every parameter that its condition names is active and has one of the values given there.
A combination is forbidden where all parameters that a rule names are active and have the values it gives.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from poolwise.errors import SpaceError
from poolwise.names import iterable, shown
from poolwise.space.parameters import Parameter
from poolwise.space.values import Value, key

Parameters = Mapping[str, Parameter]
Conditions = Mapping[str, Mapping[str, Sequence[Value]]]
Rule = Mapping[str, Value]


def conditions_of(parameters: Parameters, given: Any) -> Conditions:
    """Conditions with values as their parameters hold them. Raises SpaceError for those that cannot be met."""
    found: dict[str, dict[str, Sequence[Value]]] = {}
    for name, rule in _items(given, "conditions"):
        _known(parameters, name, "conditions")
        for other, values in _items(rule, f"the condition of {name!r}"):
            _known(parameters, other, f"the condition of {name!r}")
            found.setdefault(name, {})[other] = _values(parameters[other], name, other, values)
    order(parameters, found)
    for name in found:
        if stuck := _contradiction(found, {name: None}):
            raise SpaceError(f"the condition of {name!r} can never hold: no value of {stuck!r} meets it; correct it")
    return found


def forbidden_of(parameters: Parameters, conditions: Conditions, given: Any) -> tuple[Rule, ...]:
    """Rules with values as their parameters hold them. Raises SpaceError for those that can never hold."""
    if isinstance(given, str | Mapping) or not iterable(given):
        raise SpaceError(f"forbidden must be a list of combinations, [{{'a': 1, 'b': 2}}], got {shown(given)}")
    return tuple(_rule(parameters, conditions, one) for one in given)


def order(parameters: Iterable[str], conditions: Mapping[str, Iterable[str]]) -> list[str]:
    """Every parameter after those that its condition names, else as declared. Raises SpaceError for a cycle."""
    waiting, found = list(parameters), list[str]()
    while waiting:
        ready = next((name for name in waiting if set(conditions.get(name, ())) <= set(found)), None)
        if ready is None:
            raise SpaceError(f"conditions wait for each other among {waiting}: let one of them apply always")
        waiting.remove(ready)
        found.append(ready)
    return found


def applies(conditions: Conditions, name: str, active: Mapping[str, Value]) -> bool:
    """Whether a parameter is active beside these, which hold all active ones that its condition names."""
    return all(
        other in active and key(active[other]) in set(map(key, values))
        for other, values in conditions.get(name, {}).items()
    )


def broken(forbidden: Iterable[Rule], active: Mapping[str, Value]) -> Rule | None:
    """The first rule that forbids these active parameters."""
    for rule in forbidden:
        if all(name in active and key(active[name]) == key(value) for name, value in rule.items()):
            return rule
    return None


def _rule(parameters: Parameters, conditions: Conditions, given: Any) -> Rule:
    rule = {}
    for name, value in _items(given, "a forbidden combination"):
        _known(parameters, name, "a forbidden combination")
        rule[name] = _held(parameters[name], value, f"the forbidden combination {shown(given)} can never hold")
    if not rule:
        raise SpaceError("an empty combination in forbidden forbids everything: name parameters in it, or drop it")
    if stuck := _contradiction(conditions, {name: (value,) for name, value in rule.items()}):
        raise SpaceError(f"the forbidden combination {rule} can never hold: {stuck!r} cannot have such a value there")
    return rule


def _contradiction(conditions: Conditions, wanted: Mapping[str, Sequence[Value] | None]) -> str | None:
    """The first parameter left without a value when all wanted ones are active, with one of the values named."""
    domains: dict[str, set[tuple[str, Value]]] = {}
    waiting, entered = list(wanted.items()), set[str]()
    while waiting:
        name, values = waiting.pop()
        if values is not None:
            keys = set(map(key, values))
            domains[name] = domains.get(name, keys) & keys
            if not domains[name]:
                return name
        if name not in entered:
            entered.add(name)
            waiting.extend(conditions.get(name, {}).items())
    return None


def _values(parameter: Parameter, name: str, other: str, given: Any) -> tuple[Value, ...]:
    if isinstance(given, str | bytes | Mapping) or not iterable(given):
        raise SpaceError(f"the condition of {name!r} names {other!r} with {shown(given)}: give a list of its values")
    values = tuple(_held(parameter, value, f"the condition of {name!r} can never hold as it stands") for value in given)
    if not values:
        raise SpaceError(f"the condition of {name!r} can never hold: it gives no value of {other!r}; name some")
    return values


def _held(parameter: Parameter, value: Any, why: str) -> Value:
    try:
        return parameter.hold(value)
    except SpaceError as error:
        raise SpaceError(f"{why}: {error}") from None


def _items(given: Any, what: str) -> Sequence[tuple[str, Any]]:
    if not isinstance(given, Mapping):
        raise SpaceError(f"{what} must be a table of parameter names, got {type(given).__name__} {shown(given)}")
    return list(given.items())


def _known(parameters: Parameters, name: Any, where: str) -> None:
    if name not in parameters:
        raise SpaceError(
            f"{where} names an unknown parameter {shown(name)}: there are {list(parameters)}, declare it first"
        )

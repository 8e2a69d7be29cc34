"""Arms that a store knows, as the spaces that it was used with described them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from poolwise.errors import SpaceError
from poolwise.space.family import Arm, texts_of
from poolwise.space.parameters import Parameter, parameter_from_dict

Declared = Mapping[str, Parameter | None]
"""Parameters of a family by name; None for one that cannot be read today."""


def remembered(ids: Iterable[str], spaces: Sequence[Mapping[str, Any]]) -> list[Arm]:
    """The arms with these ids, parameters by the newest of the spaces (as `ArmSpace.to_dict` wrote them, oldest first)
    that reads most of them; what none can read is left out, so an id that was never described has no parameters."""
    declared = _declarations(spaces)
    return [_arm(id, declared.get(id.partition("(")[0], [])) for id in ids]


def _arm(id: str, declarations: Iterable[Declared]) -> Arm:
    found: dict[str, Any] = {}
    for declared in declarations:
        params = _read(id, declared)
        if len(params) > len(found):
            found = params
    return Arm(id, id.partition("(")[0], found)


def _read(id: str, declared: Declared) -> dict[str, Any]:
    found = {}
    try:
        for name, text in texts_of(id, declared).items():
            if (parameter := declared[name]) is not None:
                found[name] = parameter.read(text)
    except SpaceError:
        pass  # Written by another space than this one.
    return found


def _declarations(spaces: Sequence[Mapping[str, Any]]) -> dict[str, list[Declared]]:
    """How each family was declared, the newest first, by its name."""
    bodies: dict[str, list[Any]] = {}
    for space in reversed(spaces):
        for family in space.get("families", ()):
            known = bodies.setdefault(family["name"], [])
            if (parameters := family.get("parameters", {})) not in known:
                known.append(parameters)
    return {name: [_declared(body) for body in found] for name, found in bodies.items()}


def _declared(body: Mapping[str, Any]) -> Declared:
    return {name: _parameter(one) for name, one in body.items()}


def _parameter(body: Any) -> Parameter | None:
    try:
        return parameter_from_dict(body)
    except SpaceError:  # An earlier version took what this one refuses.
        return None

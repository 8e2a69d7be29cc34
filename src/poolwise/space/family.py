"""A strategy family: typed parameters, the rules between them, and the arms that they span.

An arm's id is its family and its parameters in canonical order, for instance `nlsat(factor=2,seed=1)`, so it stays
the same whatever is added or retired around it, and in every process; it can be read back.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from poolwise.errors import SpaceError
from poolwise.names import fault, shown
from poolwise.space import rules
from poolwise.space.diagram import ABSENT, Diagram, Grid, at, diagram
from poolwise.space.parameters import Choice, Parameter, parameter_from_dict, text_of
from poolwise.space.thinning import thinned
from poolwise.space.values import Value, key, value_of, written

MOST_ARMS = 1_000_000
"""Of one family: something is believed of every arm."""
_OFF_GRID = -2
"""Level of a value that rules name and that no arm of the grid has."""
_MARKS = re.compile(r"[(),=]")


class Arm(NamedTuple):
    """A family with concrete parameters."""

    id: str
    family: str
    params: dict[str, Any]


def arm_id(family: str, params: Mapping[str, Any]) -> str:
    """Canonical id: the family's name, then its parameters sorted by name.

    >>> arm_id("sample", {"ratio": 0.5, "fast": True})
    'sample(fast=True,ratio=0.5)'
    """
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in (family, *params)):
        raise SpaceError(
            f"an arm's id is made of a family's name and a dict of parameters, got {shown((family, params))}"
        )
    inside = ",".join(f"{name}={written(value_of(params[name]))}" for name in sorted(params))
    return f"{family}({inside})" if inside else family


def texts_of(id: str, names: Iterable[str]) -> dict[str, str]:
    """The texts of the parameters in an id, by name. Raises SpaceError for an id that has no such form.

    >>> texts_of("link(flags=-Wl,-O1,level=2)", ["flags", "level"])
    {'flags': '-Wl,-O1', 'level': '2'}
    """
    _, opening, inside = id.partition("(")
    if not opening:
        return {}
    name = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)"
    parts = re.split(rf"(?:^|,)({name})=", inside.removesuffix(")"))
    if parts[0] or not inside.endswith(")"):
        raise SpaceError(f"{shown(id)} is no id of an arm: write it as family(name=value,...)")
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@dataclass(frozen=True)
class Family:
    """What the macro level picks.

    `conditions`: a parameter applies only where others apply and have one of the given values,
    `{"depth": {"mode": ["deep"]}}`.
    `forbidden`: combinations that must not be used, each a partial assignment, `[{"mode": "deep", "seed": 0}]`.
    `limit`: at most so many arms; of more allowed combinations it takes an even selection, see `space.thinning`.

    >>> from poolwise.space.parameters import Choice
    >>> [arm.id for arm in Family("sample", {"fast": Choice([False, True])}).arms()]
    ['sample(fast=False)', 'sample(fast=True)']
    """

    name: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    forbidden: Sequence[Mapping[str, Any]] = ()
    limit: int = 256

    def __post_init__(self) -> None:
        check_name("family name", self.name, more=" ")
        if type(self.limit) is not int or not 1 <= self.limit <= MOST_ARMS:
            raise SpaceError(f"family {self.name!r} needs a limit from 1 to {MOST_ARMS:,}, got {shown(self.limit)}")
        try:
            parameters = parameters_of(self.parameters)
            conditions = rules.conditions_of(parameters, self.conditions)
            forbidden = rules.forbidden_of(parameters, conditions, self.forbidden)
        except SpaceError as error:
            raise SpaceError(f"family {self.name!r}: {error}") from None
        for name, value in (("parameters", parameters), ("conditions", conditions), ("forbidden", forbidden)):
            object.__setattr__(self, name, value)

    @property
    def size(self) -> int:
        """How many arms its grid allows; `limit` of them are taken."""
        return self._diagram.size

    def arms(self) -> list[Arm]:
        """The distinct allowed arms, the grid's first corner first. Raises SpaceError where there is none."""
        return list(self._arms)

    def arm(self, params: Mapping[str, Any]) -> Arm:
        """The arm with these parameters, on or off the grid. Raises SpaceError where they are not allowed."""
        if not isinstance(params, Mapping):
            raise SpaceError(f"the parameters of an arm are a dict of their values, got {shown(params)}")
        if unknown := [name for name in params if name not in self.parameters]:
            raise SpaceError(
                f"family {self.name!r} has no parameter {shown(unknown[0])}: it has {list(self.parameters)}"
            )
        active: dict[str, Value] = {}
        for name in self.order:
            if not rules.applies(self.conditions, name, active):
                if name in params:
                    raise SpaceError(f"{self.name}.{name} does not apply here, only where {self._when(name)}: drop it")
            elif name not in params:
                raise SpaceError(
                    f"{self.name} needs {name} with {shown(dict(params))}: give every parameter that applies"
                )
            else:
                active[name] = self._held(name, params[name])
        if (rule := rules.broken(self.forbidden, active)) is not None:
            raise SpaceError(f"{arm_id(self.name, active)} is forbidden in family {self.name!r} by {rule}")
        params = {name: active[name] for name in self.parameters if name in active}
        return Arm(arm_id(self.name, params), self.name, params)

    def read(self, id: str) -> Arm:
        """The arm that has this id. Raises SpaceError where it is none of this family."""
        if text_of(id).partition("(")[0] != self.name:
            raise SpaceError(f"{shown(id)} is no arm of family {self.name!r}")
        texts = texts_of(id, self.parameters)
        return self.arm({name: self.parameters[name].read(text) for name, text in texts.items()})

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable; `family_from_dict` is its inverse."""
        return {
            "name": self.name,
            "parameters": {name: parameter.to_dict() for name, parameter in self.parameters.items()},
            "conditions": {name: {k: list(v) for k, v in rule.items()} for name, rule in self.conditions.items()},
            "forbidden": [dict(rule) for rule in self.forbidden],
            "limit": self.limit,
        }

    @cached_property
    def order(self) -> list[str]:
        """Names of the parameters, each after those that decide whether it applies."""
        return rules.order(self.parameters, self.conditions)

    @cached_property
    def levels(self) -> dict[str, list[Any]]:
        """The grid of every parameter."""
        return {name: parameter.grid() for name, parameter in self.parameters.items()}

    def numbered(self, number: int) -> Arm:
        """The allowed arm of the grid with this number, from 0 to `size` - 1."""
        return self._at(at(self._diagram, number))

    @cached_property
    def _diagram(self) -> Diagram:
        place = {name: position for position, name in enumerate(self.parameters)}
        levels = [{key(value): k for k, value in enumerate(grid)} for grid in self.levels.values()]
        level = lambda name, value: levels[place[name]].get(key(value), _OFF_GRID)
        conditions = {
            place[name]: {place[other]: frozenset(level(other, v) for v in values) for other, values in rule.items()}
            for name, rule in self.conditions.items()
        }
        forbidden = [{place[name]: level(name, value) for name, value in rule.items()} for rule in self.forbidden]
        found = diagram(Grid([len(grid) for grid in self.levels.values()], conditions, forbidden))
        if not found.size:
            raise SpaceError(f"family {self.name!r} forbids every combination of its parameters: relax `forbidden`")
        return found

    @cached_property
    def _arms(self) -> tuple[Arm, ...]:
        return tuple(map(self._at, thinned(self._diagram, self.limit)))

    @cached_property
    def _texts(self) -> list[tuple[int, list[str]]]:
        """Position of every parameter, by name, and the texts of its grid."""
        texts = [[f"{name}={written(value)}" for value in grid] for name, grid in self.levels.items()]
        return sorted(enumerate(texts), key=lambda one: list(self.levels)[one[0]])

    def _at(self, levels: Sequence[int]) -> Arm:
        inside = ",".join([texts[levels[k]] for k, texts in self._texts if levels[k] != ABSENT])
        pairs = zip(self.levels.items(), levels, strict=True)
        params = {name: grid[k] for (name, grid), k in pairs if k != ABSENT}
        return Arm(f"{self.name}({inside})" if inside else self.name, self.name, params)

    def _held(self, name: str, given: Any) -> Value:
        try:
            return self.parameters[name].hold(given)
        except SpaceError as error:
            raise SpaceError(f"{self.name}.{name}: {error}") from None

    def _when(self, name: str) -> str:
        return " and ".join(f"{other} is one of {list(values)}" for other, values in self.conditions[name].items())


def family_from_dict(body: Mapping[str, Any]) -> Family:
    """The family that `Family.to_dict` described. Raises SpaceError."""
    if not isinstance(body, Mapping) or not isinstance(body.get("parameters", {}), Mapping):
        raise SpaceError(f"{shown(body)} describes no family: it needs a name and a table of parameters")
    parameters = {name: parameter_from_dict(one) for name, one in body.get("parameters", {}).items()}
    rest = {name: body[name] for name in ("conditions", "forbidden", "limit") if name in body}
    return Family(body.get("name"), parameters, **rest)  # type: ignore[arg-type]


def check_name(kind: str, name: Any, more: str = "") -> None:
    """Raises SpaceError for a name that ids could not be told apart with."""
    if not isinstance(name, str) or not name or _MARKS.search(name) or any(mark in name for mark in more):
        marks = f"'(', ')', ',', '='{' and spaces' if more else ''}"
        raise SpaceError(f"{kind} {shown(name)} must be non-empty text, free of {marks}")
    if wrong := fault(name):
        raise SpaceError(f"{kind} {shown(name)} {wrong}")


def parameters_of(given: Any) -> dict[str, Parameter]:
    """Parameters by name. Raises SpaceError for names and texts that would make ids ambiguous."""
    if not isinstance(given, Mapping):
        raise SpaceError(f"parameters must be a dict of names, got {type(given).__name__} {shown(given)}")
    for name, parameter in given.items():
        check_name("parameter name", name)
        if not hasattr(parameter, "grid"):
            raise SpaceError(f"parameter {name!r} is {shown(parameter)}: make it a Choice, an Integer or a Real")
    marks = [f",{name}=" for name in given]
    for name, parameter in given.items():
        for value in parameter.values if isinstance(parameter, Choice) else ():
            if isinstance(value, str) and (mark := next((mark for mark in marks if mark in value), None)):
                raise SpaceError(
                    f"the value {value!r} of {name!r} would read as the parameter {mark[1:-1]!r} in the ids of arms: "
                    "rename the value or the parameter"
                )
    return dict(given)

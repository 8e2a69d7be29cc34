"""What can be chosen: strategy families, their typed parameters, and the concrete arms they span.

An arm's id is its family and its parameters in canonical order, for instance `nlsat(factor=2,seed=1)`, so it stays
the same whatever is added or retired around it, and in every process.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from poolwise.errors import SpaceError
from poolwise.parameters import Parameter, parameter_from_dict

Params = dict[str, Any]


class Arm(NamedTuple):
    """A family with concrete parameters."""

    id: str
    family: str
    params: Params


def arm_id(family: str, params: Mapping[str, Any]) -> str:
    """Canonical id: the family's name, then its parameters sorted by name."""
    inside = ",".join(f"{name}={_written(params[name])}" for name in sorted(params))
    return f"{family}({inside})" if inside else family


def _written(value: Any) -> str:
    return format(value, ".10g") if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Family:
    """A strategy family: what the macro level picks.

    `conditions`: a parameter applies only where others have one of the given values, `{"depth": {"mode": ["deep"]}}`.
    `forbidden`: combinations that must not be used, each a partial assignment, `[{"mode": "deep", "seed": 0}]`.
    `limit`: at most so many arms; a larger grid is thinned by a fixed low-discrepancy sequence.

    >>> from poolwise.parameters import Choice
    >>> [arm.id for arm in Family("sample", {"fast": Choice([False, True])}).arms()]
    ['sample(fast=False)', 'sample(fast=True)']
    """

    name: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    conditions: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    forbidden: Sequence[Mapping[str, Any]] = ()
    limit: int = 256

    def __post_init__(self) -> None:
        object.__setattr__(self, "forbidden", tuple(dict(rule) for rule in self.forbidden))
        rules = {name: {key: tuple(v) for key, v in rule.items()} for name, rule in self.conditions.items()}
        object.__setattr__(self, "conditions", rules)
        if not self.name or any(mark in self.name for mark in "(),= "):
            raise SpaceError(f"family name {self.name!r} must be non-empty and free of '(', ')', ',', '=' and spaces")
        named = {*self.conditions, *itertools.chain(*self.conditions.values()), *itertools.chain(*self.forbidden)}
        if unknown := named - set(self.parameters):
            raise SpaceError(f"family {self.name!r} restricts unknown parameters {sorted(unknown)}: declare them first")

    def arms(self) -> list[Arm]:
        """The distinct allowed arms, the grid's first corner first."""
        distinct: dict[str, Arm] = {}
        for values in self._combinations():
            params = self.active(dict(zip(self.parameters, values, strict=True)))
            if not self.is_forbidden(params):
                distinct.setdefault(arm_id(self.name, params), self.arm(params))
            if len(distinct) >= self.limit:
                break
        if not distinct:
            raise SpaceError(f"family {self.name!r} forbids every combination of its parameters: relax `forbidden`")
        return list(distinct.values())

    def arm(self, params: Mapping[str, Any]) -> Arm:
        """The arm with these parameters, on or off the grid. Raises SpaceError where they are not allowed."""
        if unknown := set(params) - set(self.parameters):
            raise SpaceError(
                f"family {self.name!r} has no parameter {sorted(unknown)}: it has {sorted(self.parameters)}"
            )
        for name, value in params.items():
            if not self.parameters[name].contains(value):
                raise SpaceError(f"{self.name}.{name}={value!r} is outside of {self.parameters[name]}")
        if self.is_forbidden(params):
            raise SpaceError(f"{arm_id(self.name, params)} is forbidden by family {self.name!r}")
        return Arm(arm_id(self.name, params), self.name, dict(params))

    def active(self, params: Params) -> Params:
        """Without the parameters whose conditions do not hold."""
        return {
            name: value
            for name, value in params.items()
            if all(params.get(other) in values for other, values in self.conditions.get(name, {}).items())
        }

    def is_forbidden(self, params: Mapping[str, Any]) -> bool:
        return any(all(params.get(name) == value for name, value in rule.items()) for rule in self.forbidden)

    def encode(self, params: Mapping[str, Any]) -> np.ndarray:
        """Coordinates in [0, 1]: log-scaled numbers, one-hot choices, 0.5 where a parameter does not apply."""
        parts = [
            parameter.encode(params[name]) if name in params else (0.5,) * parameter.dimensions
            for name, parameter in self.parameters.items()
        ]
        return np.array(list(itertools.chain(*parts)), dtype=np.float64)

    def decode(self, coordinates: np.ndarray) -> Params:
        """The parameters nearest to coordinates: the inverse of `encode` on every arm."""
        values, start = {}, 0
        for name, parameter in self.parameters.items():
            values[name] = parameter.decode(coordinates[start : start + parameter.dimensions].tolist())
            start += parameter.dimensions
        return self.active(values)

    def _combinations(self) -> Iterable[tuple[Any, ...]]:
        grids = [parameter.grid() for parameter in self.parameters.values()]
        if np.prod([float(len(grid)) for grid in grids]) <= 4 * self.limit:
            return itertools.product(*grids)
        points = low_discrepancy(64 * self.limit, len(grids))
        return (tuple(grid[int(x * len(grid))] for grid, x in zip(grids, point, strict=True)) for point in points)


@dataclass(frozen=True)
class ArmSpace:
    """All families with their arms and the baseline: the arm that the system would use without us.

    Immutable: `add` and `retire` return a new space. The baseline is an arm's id, or a family with a single arm.
    """

    families: Sequence[Family]
    baseline: str
    extra: tuple[Arm, ...] = ()
    """Arms added off the grid."""
    retired: frozenset[str] = frozenset()
    """Ids that are no longer offered; what was learned of them stays."""
    arms: tuple[Arm, ...] = field(init=False)
    index: dict[str, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "families", tuple(self.families))
        names = [family.name for family in self.families]
        if len(set(names)) != len(names):
            raise SpaceError(f"family names must differ, got {sorted(names)}")
        arms = {arm.id: arm for family in self.families for arm in family.arms()} | {arm.id: arm for arm in self.extra}
        arms = {key: arm for key, arm in arms.items() if key not in self.retired}
        baseline = self.baseline if self.baseline in arms else _only_arm(self.baseline, arms.values())
        object.__setattr__(self, "baseline", baseline)
        object.__setattr__(self, "arms", tuple(arms.values()))
        object.__setattr__(self, "index", {key: position for position, key in enumerate(arms)})

    def family(self, name: str) -> Family:
        for family in self.families:
            if family.name == name:
                return family
        raise SpaceError(f"unknown family {name!r}: this space has {[family.name for family in self.families]}")

    def arm(self, key: str) -> Arm:
        if key not in self.index:
            raise SpaceError(f"unknown arm {key!r}: `space.arms` lists the {len(self.arms)} arms of this space")
        return self.arms[self.index[key]]

    def add(self, family: str, params: Mapping[str, Any]) -> "ArmSpace":
        """With one more arm, on or off the grid, or a retired one brought back."""
        arm = self.family(family).arm(params)
        return replace(self, extra=(*self.extra, arm), retired=self.retired - {arm.id})

    def retire(self, key: str) -> "ArmSpace":
        """Without an arm. The baseline cannot be retired."""
        if self.arm(key).id == self.baseline:
            raise SpaceError(f"{key!r} is the baseline, which is always offered: name another baseline first")
        return replace(self, retired=self.retired | {key})

    def matching(self, names: Iterable[str]) -> list[str]:
        """Ids of the arms that are named, or whose family is: how availability is given per call."""
        names = list(names)
        known = set(self.index) | {arm.family for arm in self.arms}
        if unknown := [name for name in names if name not in known]:
            raise SpaceError(f"unknown arm or family {unknown[0]!r}: `space.arms` lists what is offered")
        wanted = set(names)
        return [arm.id for arm in self.arms if arm.id in wanted or arm.family in wanted]

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable description; `ArmSpace.from_dict` is its inverse."""
        return {
            "families": [
                {
                    "name": family.name,
                    "parameters": {name: parameter.to_dict() for name, parameter in family.parameters.items()},
                    "conditions": {
                        name: {k: list(v) for k, v in rule.items()} for name, rule in family.conditions.items()
                    },
                    "forbidden": [dict(rule) for rule in family.forbidden],
                    "limit": family.limit,
                }
                for family in self.families
            ],
            "baseline": self.baseline,
            "extra": [[arm.family, arm.params] for arm in self.extra],
            "retired": sorted(self.retired),
        }

    @staticmethod
    def from_dict(body: Mapping[str, Any]) -> "ArmSpace":
        families = [
            Family(**{**item, "parameters": {k: parameter_from_dict(v) for k, v in item.get("parameters", {}).items()}})
            for item in body["families"]
        ]
        extra = [Arm(arm_id(family, params), family, dict(params)) for family, params in body.get("extra", ())]
        return ArmSpace(families, body["baseline"], tuple(extra), frozenset(body.get("retired", ())))


def low_discrepancy(count: int, dimensions: int) -> np.ndarray:
    """(count, dimensions) points in [0, 1), evenly spread: the additive recurrence of Roberts (2018), R_d, from 0."""
    root = 2.0
    for _ in range(64):
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = root ** -np.arange(1.0, dimensions + 1)
    return np.arange(count)[:, None] * steps % 1.0


def _only_arm(baseline: str, arms: Iterable[Arm]) -> str:
    inside = [arm.id for arm in arms if arm.family == baseline]
    if len(inside) == 1:
        return inside[0]
    if inside:
        raise SpaceError(
            f"baseline {baseline!r} is a family of {len(inside)} arms: name one, for instance {inside[0]!r}"
        )
    raise SpaceError(f"baseline {baseline!r} is neither an arm nor a family of this space")


def micro_features(family: Sequence[str], coordinates: Sequence[np.ndarray]) -> np.ndarray:
    """Features of the parameters for the micro level, (arms, J): coordinates centred within each family, then zeros.

    J is the largest number of coordinates of any family; a family of one arm has only zeros.
    """
    width = max((len(row) for row in coordinates), default=0)
    features = np.zeros((len(family), width))
    for name in set(family):
        rows = [position for position, other in enumerate(family) if other == name]
        block = np.array([coordinates[position] for position in rows])
        features[rows, : block.shape[1]] = block - block.mean(axis=0)
    return features

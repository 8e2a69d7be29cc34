"""Which families have arms that resemble each other by their parameters, and where these stand.

A number stands at its place between the bounds of its parameter, on a log scale where the parameter has one; choices
stand at distance 1 from each other; an arm to which a parameter does not apply stands at distance 1 from all others.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from poolwise.posterior.gp.coregionalisation import ArmFeatures, arm_features
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.space import Arm, ArmSpace, Family
from poolwise.space.parameters import Choice, Parameter
from poolwise.space.values import key

MANY = 48
"""`auto`: families of more arms than this, which differ in a number or in two parameters or more."""


def surfaces(arms: Sequence[Arm], space: ArmSpace, rule: Literal["auto", "always", "never"]) -> dict[str, list[str]]:
    """Families whose arms resemble each other, and by which parameters: those in which its known arms differ. rule:
    `Settings.surface`; `always`: every family whose arms differ in a parameter.

    Only arms that are offered decide, so that a space which was changed and changed back is judged as before.
    """
    found: dict[str, list[str]] = {}
    for family in space.families if rule != "never" else ():
        members = [arm for arm in arms if arm.family == family.name]
        if _smooth(family, [arm for arm in members if arm.id in space.index], rule):
            found[family.name] = _varied(family, members)
    return found


def features_of(
    arms: Sequence[Arm], family: np.ndarray, space: ArmSpace, smooth: Mapping[str, Sequence[str]]
) -> ArmFeatures | None:
    """Of all known arms, whose families have these indices; None where every arm stands alone. smooth: `surfaces`."""
    found = {}
    for name, parameters in smooth.items():
        own, members = space.family(name), [k for k, arm in enumerate(arms) if arm.family == name]
        places_of = [coordinates(own.parameters[one], one, [arms[k] for k in members]) for one in parameters]
        found[int(family[members[0]])] = arm_coordinates(places_of)
    return arm_features(family, found) if found else None


def coordinates(parameter: Parameter, name: str, arms: Sequence[Arm]) -> np.ndarray:
    """(arms, k) of one parameter, the last of them apart: 1 where the parameter does not apply, or once had a value
    that it no longer knows."""
    rows = [parameter.encode(arm.params[name]) if name in arm.params else None for arm in arms]
    unit = np.sqrt(0.5) if isinstance(parameter, Choice) else 1.0
    away = [0.0 if isinstance(parameter, Choice) else 0.5] * parameter.dimensions + [unit]
    return np.array([away if row is None else [unit * x for x in row] + [0.0] for row in rows])


def _smooth(family: Family, offered: Sequence[Arm], rule: str) -> bool:
    varied = _varied(family, offered)
    numbers = any(not isinstance(family.parameters[name], Choice) for name in varied)
    return bool(varied) and (rule == "always" or (len(offered) > MANY and (numbers or len(varied) > 1)))


def _varied(family: Family, arms: Sequence[Arm]) -> list[str]:
    """The parameters in which these arms differ."""
    return [name for name in family.parameters if len({_value(arm, name) for arm in arms}) > 1]


def _value(arm: Arm, name: str) -> Any:
    return key(arm.params[name]) if name in arm.params else None

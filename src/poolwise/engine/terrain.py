"""Which families have arms that resemble each other by their parameters, and where these stand.

A number stands at its place between the bounds of its parameter, on a log scale where the parameter has one; choices
stand at distance 1 from each other; an arm to which a parameter does not apply stands at distance 1 from all others.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from poolwise.parameters import Choice, Parameter
from poolwise.posterior.kernel import places
from poolwise.posterior.micro import Ground, ground
from poolwise.space import Arm, ArmSpace, Family

MANY = 48
"""`auto`: families of more arms than this, which differ in a number or in two parameters or more."""


def terrain(
    arms: Sequence[Arm], family: np.ndarray, spaces: Sequence[ArmSpace], rule: Literal["auto", "always", "never"]
) -> Ground | None:
    """Of these arms, whose families have these indices, as the newest of the spaces describes them; None where every
    arm stands alone. rule: `Settings.surface`; `always`: every family whose arms differ in a parameter."""
    found, families = {}, {one.name: one for space in spaces for one in space.families}
    for index in np.unique(family).tolist() if rule != "never" else ():
        members = [arms[k] for k in np.flatnonzero(family == index).tolist()]
        own = families[members[0].family]
        varied = [name for name in own.parameters if len({repr(arm.params.get(name)) for arm in members}) > 1]
        numbers = any(not isinstance(own.parameters[name], Choice) for name in varied)
        if varied and (rule == "always" or (len(members) > MANY and (numbers or len(varied) > 1))):
            found[index] = places([coordinates(own, name, members) for name in varied])
    return ground(family, found) if found else None


def coordinates(family: Family, name: str, arms: Sequence[Arm]) -> np.ndarray:
    """(arms, k) of one parameter."""
    parameter = family.parameters[name]
    rows = [_at(parameter, arm.params[name]) if name in arm.params else None for arm in arms]
    width = parameter.dimensions
    away = np.append(np.full(width, 0.5 if width == 1 else 0.0), 1.0 if width == 1 else np.sqrt(0.5))
    return np.array([away if row is None else np.append(row, 0.0) for row in rows])


def _at(parameter: Parameter, value: Any) -> np.ndarray | None:
    """None for a value that the parameter no longer knows."""
    if isinstance(parameter, Choice):
        return np.array(parameter.encode(value)) * np.sqrt(0.5)
    return np.array(parameter.encode(value)) if isinstance(value, int | float) else None

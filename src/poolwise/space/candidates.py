"""Configurations near a known one, or anywhere, of a family that allows too many to offer them all.

A neighbour differs in one parameter: a number by one level of its grid, up or down, a choice by any other value. Real
numbers are proposed between the levels, too, at a half, a quarter or an eighth of a step from where they stand. Where a
change makes other parameters apply, these take any of their values; all rules of the family hold.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from poolwise.errors import SpaceError
from poolwise.space.family import Arm, Family
from poolwise.space.parameters import Choice, Parameter, Real
from poolwise.space.rules import applies
from poolwise.space.values import key

FINEST = 3
"""Halvings of a step of the grid."""
MOST_CHOICES = 8
"""Other values of a choice, drawn where there are more."""


def anywhere(family: Family, count: int, random: np.random.Generator) -> list[Arm]:
    """At most so many of the grid's allowed arms, each as likely as any other."""
    numbers = {_below(family.size, random) for _ in range(count)}
    return [family.numbered(number) for number in sorted(numbers)]


def neighbours(family: Family, arm: Arm, random: np.random.Generator) -> list[Arm]:
    """Allowed arms that differ from this one in one parameter, and in those that apply or do not for that.

    >>> from poolwise.space.parameters import Choice, Integer
    >>> family = Family("tile", {"size": Integer(1, 4), "fast": Choice([False, True])})
    >>> [near.id for near in neighbours(family, family.arm({"size": 2, "fast": True}), np.random.default_rng(0))]
    ['tile(fast=True,size=1)', 'tile(fast=True,size=3)', 'tile(fast=False,size=2)']
    """
    found = {}
    for name, value in arm.params.items():
        for other in _steps(family.parameters[name], family.levels[name], value, random):
            changed = _completed(family, {**arm.params, name: other}, random)
            if changed is not None and changed.id != arm.id:
                found[changed.id] = changed
    return list(found.values())


def _below(size: int, random: np.random.Generator) -> int:
    """A whole number from 0 to size - 1; sizes may have any number of digits."""
    return int.from_bytes(random.bytes(size.bit_length() // 8 + 9), "big") % size


def _steps(parameter: Parameter, grid: list[Any], value: Any, random: np.random.Generator) -> Iterator[Any]:
    if isinstance(parameter, Choice):
        others = [other for other in grid if key(other) != key(value)]
        yield from (others[k] for k in sorted(random.permutation(len(others))[:MOST_CHOICES]))
        return
    below, above = bisect_left(grid, value) - 1, bisect_right(grid, value)
    yield from (grid[k] for k in (below, above) if 0 <= k < len(grid))
    if isinstance(parameter, Real) and len(grid) > 1:
        share = 0.5 ** random.integers(1, FINEST + 1) / (len(grid) - 1)
        yield from (_moved(parameter, value, way * share) for way in (-1, 1))


def _moved(parameter: Real, value: float, share: float) -> float:
    """Moved by a share of the range, on the parameter's scale, and rounded to some thousandths of it."""
    if parameter.log:
        low, high = math.log(parameter.low), math.log(parameter.high)
        moved, digits = math.exp(min(max(math.log(value) + share * (high - low), low), high)), 4
    else:
        width = parameter.high - parameter.low
        moved = value + share * width
        digits = 4 + max(0, math.ceil(math.log10(max(abs(parameter.low), abs(parameter.high)) / width)))
    return min(max(float(f"{moved:.{min(digits, 17)}g}"), parameter.low), parameter.high)


def _completed(family: Family, params: Mapping[str, Any], random: np.random.Generator) -> Arm | None:
    """With exactly the parameters that apply; None where that is forbidden."""
    active: dict[str, Any] = {}
    for name in family.order:
        if applies(family.conditions, name, active):
            grid = family.levels[name]
            active[name] = params[name] if name in params else grid[int(random.integers(len(grid)))]
    try:
        return family.arm(active)
    except SpaceError:
        return None

"""A search space of Optuna as levels: the values that every parameter may take, and which of their combinations are
tried.

A parameter with more values than LEVELS, or with a continuum of them, is searched on LEVELS of them, evenly spaced on
its own scale. A key is the level of every parameter, in the order of their names; a point between two levels counts
as the nearer one.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from poolwise.errors import SpaceError
from poolwise.names import shown
from poolwise.replay.search.configuration_search import column

LEVELS = 101
CANDIDATES = 2_048
"""Combinations that are tried where there are more than so many."""
RANKED = 32
"""Parameters with at most so many levels stand at their ranks, as in a replay; others on their own scale."""
BEST, AROUND = 10, 0.5
"""So many of the best trials have neighbours among the candidates, which make up this share of them."""

Key = tuple[int, ...]


class Axis(NamedTuple):
    """One parameter."""

    values: tuple[Any, ...]
    at: np.ndarray
    """(levels,) in [0, 1]; of named values, their number."""
    named: bool


def axis(distribution: BaseDistribution, given: Sequence[Any] = ()) -> Axis:
    """The levels of one distribution, or the values that are given."""
    if isinstance(distribution, CategoricalDistribution):
        return Axis(tuple(distribution.choices), np.arange(len(distribution.choices), dtype=float), True)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    stepped = distribution.step and not distribution.log
    values = np.unique(given or (_steps(distribution) if stepped else _spread(distribution)))
    whole = isinstance(distribution, IntDistribution)
    return Axis(tuple(int(one) if whole else float(one) for one in values), place(distribution, values), False)


def _steps(distribution: FloatDistribution | IntDistribution) -> np.ndarray:
    count = round((distribution.high - distribution.low) / (distribution.step or 1)) + 1
    which = np.unique(np.round(np.linspace(0, count - 1, min(count, LEVELS))))
    return np.clip(distribution.low + which * (distribution.step or 1), distribution.low, distribution.high)


def _spread(distribution: FloatDistribution | IntDistribution) -> np.ndarray:
    low, high = float(distribution.low), float(distribution.high)
    values = np.geomspace(low, high, LEVELS) if distribution.log else low + (high - low) * np.linspace(0, 1, LEVELS)
    values = np.round(values) if isinstance(distribution, IntDistribution) else values
    return np.clip(values, low, high)


def place(distribution: Any, values: Any) -> np.ndarray:
    """Where numbers stand between low, 0, and high, 1."""
    bend = np.log if distribution.log else np.asarray
    low, high = bend(float(distribution.low)), bend(float(distribution.high))
    return np.asarray((bend(np.asarray(values, float)) - low) / (high - low))


class Grid:
    """The axes of a space, by name in order; of candidates, where there are some, which alone have keys then.

    Raises SpaceError for candidates none of which lies in the space.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], candidates: Sequence[Mapping[str, Any]] = ()) -> None:
        self.space = dict(sorted(space.items()))
        inside = [one for one in candidates if all(contains(kind, one.get(name)) for name, kind in space.items())]
        if candidates and not inside:
            raise SpaceError(f"no candidate lies in the search space {shown(self.space)}; give those of this study")
        self.axes = [axis(one, [given[name] for given in inside]) for name, one in self.space.items()]
        self.shape = tuple(len(one.values) for one in self.axes)
        self.allowed: dict[Key, None] | None = None
        if inside:
            self.allowed = dict.fromkeys(key for one in inside if (key := self.key(one)) is not None)

    def values(self, key: Key) -> dict[str, Any]:
        """Parameters of a key."""
        return {name: one.values[level] for name, one, level in zip(self.space, self.axes, key, strict=True)}

    def key(self, params: Mapping[str, Any]) -> Key | None:
        """The nearest key; None where a parameter is missing or outside of its range."""
        levels = []
        for (name, distribution), one in zip(self.space.items(), self.axes, strict=True):
            if name not in params or not contains(distribution, params[name]):
                return None
            value = params[name]
            if isinstance(distribution, FloatDistribution | IntDistribution):
                levels.append(_nearest(one.at, place(distribution, value)))
            else:
                levels.append(int(distribution.to_internal_repr(value)))
        key = tuple(levels)
        return key if self.allowed is None or key in self.allowed else None

    @property
    def fixed(self) -> bool:
        """Whether the candidates are always the same."""
        return self.allowed is not None or math.prod(self.shape) <= CANDIDATES

    def candidates(self, best: Sequence[Key], rng: np.random.Generator) -> list[Key]:
        """All combinations, or CANDIDATES of them, some of these around the best, best first."""
        if self.allowed is not None:
            return list(self.allowed)
        if self.fixed:
            return [tuple(map(int, key)) for key in np.ndindex(*self.shape)]
        near = self._around(best[:BEST], int(AROUND * CANDIDATES), rng) if best else []
        far = [rng.integers(0, levels, CANDIDATES - len(near)) for levels in self.shape]
        return list(dict.fromkeys([*best[:BEST], *near, *zip(*(one.tolist() for one in far), strict=True)]))

    def _around(self, best: Sequence[Key], number: int, rng: np.random.Generator) -> list[Key]:
        """Keys that differ from one of the best in a parameter or two."""
        made = []
        for which in range(number):
            key = list(best[which % len(best)])
            for dimension in rng.permutation(len(key))[: 1 + which % 2]:
                levels = self.shape[dimension]
                step = rng.normal(0.0, max(levels / 20, 1.0))
                named = self.axes[dimension].named
                key[dimension] = int(
                    rng.integers(levels) if named else np.clip(round(key[dimension] + step), 0, levels - 1)
                )
            made.append(tuple(key))
        return made

    def columns(self, keys: Sequence[Key]) -> list[np.ndarray]:
        """(arms,) or (arms, k) coordinates of every parameter that varies."""
        levels = np.array(keys).reshape(len(keys), len(self.axes))
        found = [_column(one, levels[:, number]) for number, one in enumerate(self.axes) if len(one.values) > 1]
        varying = [one for one in found if len(np.unique(one, axis=0)) > 1]
        return varying or [np.zeros(len(keys))]


def _column(one: Axis, levels: np.ndarray) -> np.ndarray:
    if one.named or len(np.unique(levels)) <= RANKED:
        return column([str(level) if one.named else int(level) for level in levels])
    return one.at[levels]


def contains(distribution: BaseDistribution, value: Any) -> bool:
    """Whether it is a value of the distribution."""
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (ValueError, TypeError):
        return False


def _nearest(at: np.ndarray, place: Any) -> int:
    return int(np.abs(at - float(place)).argmin())


def unique(keys: Iterable[Key]) -> list[Key]:
    """Each once, in order of first appearance."""
    return list(dict.fromkeys(keys))

"""Simulated systems as histories: worlds of one population each, played with many kinds of luck at once.

Their scales are known with an error and not estimated on the way, unlike those of `histories`.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import jax
import numpy as np

from poolwise.meta.histories import LITTLE, History
from poolwise.meta.meta_features import MetaFeatures
from poolwise.meta.systems import STRESS, Systems
from poolwise.policy.parsing import parse
from poolwise.policy.view import Policy
from poolwise.simulate.loop import episodes, play
from poolwise.simulate.population import Population, Shape

WORLDS = 16
"""Worlds of a population that a seed stands for."""


def of_systems(systems: Systems, shape: Shape, *, horizon_known: bool = False) -> list[History]:
    """A history per system. horizon_known: the policy is told how many decisions are to come."""
    populations = jax.tree.map(np.asarray, systems.population)
    found = []
    for number, (known, kind) in enumerate(zip(systems.known, systems.stress.tolist(), strict=True)):
        one = jax.tree.map(lambda leaf, at=number: leaf[at], populations)
        name = f"simulated {number}, {STRESS[kind]}"
        found.append(History(name, name, MetaFeatures(*known), partial(regret, one, shape, horizon_known)))
    return found


def regret(
    population: Population, shape: Shape, horizon_known: bool, policy: Policy, seeds: Sequence[int]
) -> np.ndarray:
    """(seeds,) mean over WORLDS worlds, as `histories.History.play`."""
    count = len(seeds) * WORLDS
    keys = jax.vmap(jax.random.key)(np.repeat(np.array(seeds, np.uint32), WORLDS))
    keys = jax.vmap(jax.random.fold_in)(keys, np.tile(np.arange(WORLDS), len(seeds)))
    many = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *np.shape(leaf))), population)
    names = tuple(policy.params)
    constants = np.tile([policy.params[name] for name in names], (count, 1))
    lost, _ = played(policy, names, constants, many, shape, keys, horizon_known=horizon_known)
    return lost.reshape(len(seeds), WORLDS).mean(axis=1)


def played(
    policy: Policy,
    names: tuple[str, ...],
    constants: np.ndarray,
    population: Population,
    shape: Shape,
    keys: Any,
    *,
    horizon_known: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Regret per decision in standard deviations of a cell's utility, and share of unsafe decisions, (systems,) each;
    constants: (systems, names), leaves of population and keys: along the same leading axis."""
    fixed = tuple(sorted((name, value) for name, value in policy.params.items() if name not in names))
    player = _player(policy.spec, fixed, names, shape, horizon_known)
    lost, unsafe = player(episodes(shape)(keys, population), np.asarray(constants, np.float32))
    unit = np.sqrt(sum(np.square(scale) for tier in population.scales[:3] for scale in tier))
    return np.asarray(lost, float) / unit + LITTLE, np.asarray(unsafe, float)


@cache
def _player(
    spec: str, params: tuple[tuple[str, float], ...], names: tuple[str, ...], shape: Shape, horizon_known: bool
) -> Callable[..., Any]:
    """Compiled once per policy and shape where all constants are among the names."""
    policy = parse(spec, dict(params))

    def one(given: Any, constants: Any) -> tuple[Any, Any]:
        chosen = policy._replace(params={**policy.params, **dict(zip(names, constants, strict=True))})
        made = play(chosen, given, shape, horizon_known=horizon_known)
        return made.regret.mean(), made.unsafe.mean()

    return jax.jit(jax.vmap(one))

"""What constants of a policy lose in simulated systems: played in parts of one size, wherever an executor has room.

Systems are cut the same way whatever the number of workers, and a part has the luck of its systems, so that the numbers
are the same everywhere. A GPU plays all of them at once.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from poolwise.compute import HERE, Pool, mapped
from poolwise.meta.systems import Systems
from poolwise.policy.parsing import parse
from poolwise.policy.view import Policy
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters
from poolwise.simulate.loop import episodes, play
from poolwise.simulate.population import Population, Shape

PART = 64
"""Systems that are played at once on a CPU."""
Loss = tuple[np.ndarray, np.ndarray]
"""Discounted regret, in standard deviations of a cell's utility, and share of unsafe decisions, (systems,) each."""


class Task(NamedTuple):
    """What is learned, on what."""

    policy: Policy
    shape: Shape
    scales: GaussianHyperparameters | None = None
    """Of a refit; None: the medians of the hyperprior."""
    horizon_known: bool = False
    """Whether the policy is told how many decisions are to come."""
    seed: int = 0
    batch: int = 128
    """Systems per step, each played twice."""
    rate: float = 0.1
    discount: float = 0.999
    """Of what is earned, per decision of the whole."""
    price: float = 1.0
    """Of a share of unsafe decisions, in units of the mean regret."""


class Part(NamedTuple):
    """Some of the systems."""

    population: Population
    constants: np.ndarray
    first: int
    """Of all systems."""


class Game(NamedTuple):
    """What all parts have in common; it can be sent."""

    spec: str
    params: tuple[tuple[str, float], ...]
    names: tuple[str, ...]
    shape: Shape
    horizon_known: bool
    discount: float
    seed: int
    systems: int


def losses(task: Task, systems: Systems, constants: np.ndarray, names: tuple[str, ...], seed: int) -> Loss:
    """Of every system with its constants, (systems, names); the same seed, the same luck."""
    return losses_of(task, systems, [constants], names, seed)[0]


def losses_of(
    task: Task, systems: Systems, tables: Sequence[np.ndarray], names: tuple[str, ...], seed: int, pool: Pool = HERE
) -> list[Loss]:
    """`losses` of several tables of constants."""
    count = len(tables[0])
    size = PART if jax.default_backend() == "cpu" else count
    game = Game(
        task.policy.spec,
        tuple(sorted(task.policy.params.items())),
        names,
        task.shape,
        task.horizon_known,
        task.discount,
        seed,
        count,
    )
    places = [slice(first, min(first + size, count)) for first in range(0, count, size)]
    parts = [
        Part(jax.tree.map(lambda leaf, at=at: np.asarray(leaf)[at], systems.population), constants[at], at.start)
        for constants in tables
        for at in places
    ]
    found = mapped(pool, partial(played, game), parts)
    unit = np.sqrt(sum(np.square(scale) for tier in systems.population.scales[:3] for scale in tier))
    each = [found[first : first + len(places)] for first in range(0, len(found), len(places))]
    joined = [tuple(map(np.concatenate, zip(*pieces, strict=True))) for pieces in each]
    return [(regret / unit + 1e-3, unsafe) for regret, unsafe in joined]


def played(game: Game, part: Part) -> Loss:
    """Regret, not yet in units of its system, and unsafe decisions of a part."""
    keys = jax.random.split(jax.random.key(game.seed), game.systems)[part.first : part.first + len(part.constants)]
    player = _player(*game[:6])
    regret, unsafe = player(episodes(game.shape)(keys, part.population), np.asarray(part.constants, np.float32))
    return np.asarray(regret, float), np.asarray(unsafe, float)


@cache
def _player(
    spec: str,
    params: tuple[tuple[str, float], ...],
    names: tuple[str, ...],
    shape: Shape,
    horizon_known: bool,
    discount: float,
) -> Callable[..., Any]:
    """Compiled once per policy and shape."""
    policy = parse(spec, dict(params))
    worth = discount ** np.arange(float(shape.projects * shape.decisions)).reshape(shape.projects, shape.decisions)

    def one(given: Any, constants: Any) -> tuple[Any, Any]:
        chosen = policy._replace(params={**policy.params, **dict(zip(names, constants, strict=True))})
        made = play(chosen, given, shape, horizon_known=horizon_known)
        return (worth.astype(np.float32) * made.regret).sum(), made.unsafe.mean()

    return jax.jit(jax.vmap(one))

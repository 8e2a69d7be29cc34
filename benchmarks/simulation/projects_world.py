"""Projects that deviate from one table, one after another, and what may happen in them: the same for every policy."""

from math import erf
from typing import Any, NamedTuple

import numpy as np

from benchmarks.simulation.world import Problem

PROJECTS, COMPILATIONS = 20, 100


class World(NamedTuple):
    """Of every seed; nothing of it may be known to a policy but what it observes."""

    context: np.ndarray
    """(seeds, projects, compilations)."""
    mean: np.ndarray
    """(seeds, projects, contexts, arms): the table plus the project's own deviation."""
    value: np.ndarray
    """The same shape: reliability * E[max(floor, Normal)] + (1 - reliability) * failed."""
    failure: np.ndarray
    """(seeds, projects, compilations) uniform."""
    score: np.ndarray
    """The same shape, standard normal."""


def world(problem: Problem, seeds: range, deviation: float, *, outlier: int | None = None) -> World:
    """Each seed by itself, so that a seed is the same in any company, and the luck the same for every `deviation`.

    outlier: a project whose table is shuffled, the strategies of every context among themselves.
    """
    rows = [_one(problem, seed, deviation, outlier) for seed in seeds]
    return World(*(np.array(part) for part in zip(*rows, strict=True)))


def _one(problem: Problem, seed: int, deviation: float, outlier: int | None) -> tuple[np.ndarray, ...]:
    rng, shape = np.random.default_rng((seed, 6)), (PROJECTS, COMPILATIONS)
    context = rng.choice(len(problem.contexts), size=shape, p=problem.frequency)
    failure, score = rng.random(shape), rng.standard_normal(shape)
    table = np.broadcast_to(problem.mean, (PROJECTS, *problem.mean.shape)).copy()
    if outlier is not None:
        table[outlier] = rng.permuted(problem.mean, axis=1)
    mean = table + deviation * rng.standard_normal((PROJECTS, *problem.mean.shape))
    return context, mean, expected(problem, mean), failure, score


def expected(problem: Problem, mean: np.ndarray) -> np.ndarray:
    """Expected speed-up of every cell, [..., context, arm].

    E[max(f, X)] = f + s (z Phi(z) + phi(z)), z = (m - f) / s.
    """
    z = (mean - problem.floor) / problem.sd
    below = 0.5 * (1 + np.vectorize(erf)(z / 2**0.5))
    kept = problem.floor + problem.sd * (z * below + np.exp(-0.5 * z * z) / (2 * np.pi) ** 0.5)
    return problem.reliability * kept + (1 - problem.reliability) * problem.failed


def outcome(problem: Problem, made: World, p: int, t: int, arm: Any) -> tuple[np.ndarray, np.ndarray]:
    """(seeds,) speed-up, and whether the compilation did not fail, of every seed's decision `t` in project `p`."""
    every, context = np.arange(len(made.context)), made.context[:, p, t]
    fine = made.failure[:, p, t] < problem.reliability[context, arm]
    speed = made.mean[every, p, context, arm] + problem.sd[context, arm] * made.score[:, p, t]
    return np.where(fine, np.maximum(problem.floor, speed), problem.failed), fine


def regret(made: World, arm: np.ndarray) -> np.ndarray:
    """(seeds, projects): summed over compilations, against the best arm of each cell. arm as `made.context`."""
    every, project = np.arange(len(arm))[:, None, None], np.arange(arm.shape[1])[:, None]
    lost = made.value.max(axis=-1)[every, project, made.context] - made.value[every, project, made.context, arm]
    return lost.sum(axis=2)

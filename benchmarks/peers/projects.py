"""References for twenty projects: Thompson sampling that shares nothing, everything, or as much as it estimates."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.simulation.projects_world import World, outcome
from benchmarks.simulation.world import Problem

CENTRE, SCALE, NOISE = 1.0, 0.5, 0.3
"""Prior Normal(1, 0.5^2) of a cell; standard deviation of an outcome around it."""
FIRST = (0.5, 0.5)
"""Scales of contexts around their arm and of projects around that, until the second project begins."""
_GRID = np.geomspace(0.02, 1.5, 12)


class Sums(NamedTuple):
    """Of recorded speed-ups, [seed, project, context, arm]."""

    count: np.ndarray  # type: ignore[assignment]
    total: np.ndarray
    squares: np.ndarray


Belief = Callable[[Sums, int, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(sums, project, context of every seed) -> mean and variance of every arm, (seeds, arms)."""


def run(
    problem: Problem, made: World, begin: Callable[[Sums, int], Belief], seed: int, factor: float = 1.0
) -> np.ndarray:
    """(seeds, projects, compilations) arms. begin: called at each new project; factor: on the posterior's scales."""
    seeds, projects, rounds = made.context.shape
    rng, every = np.random.default_rng((seed, 7)), np.arange(seeds)
    sums = Sums(*(np.zeros(made.mean.shape) for _ in range(3)))
    arms = np.zeros(made.context.shape, dtype=int)
    for p in range(projects):
        belief = begin(sums, p)
        for t in range(rounds):
            context = made.context[:, p, t]
            mean, variance = belief(sums, p, context)
            arm = (mean + factor * np.sqrt(variance) * rng.standard_normal(mean.shape)).argmax(axis=1)
            speed, _ = outcome(problem, made, p, t, arm)
            for part, power in zip(sums, range(3), strict=True):
                part[every, p, context, arm] += speed**power
            arms[:, p, t] = arm
    return arms


def flat(sums: Sums, project: int) -> Belief:
    """Every project and context for itself."""

    def belief(sums: Sums, project: int, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        every = np.arange(len(context))
        return _normal(sums.count[every, project, context], sums.total[every, project, context])

    return belief


def pooled(sums: Sums, project: int) -> Belief:
    """Every context for itself, all projects as one."""

    def belief(sums: Sums, project: int, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        every = np.arange(len(context))
        return _normal(*(part[every, :, context].sum(axis=1) for part in sums[:2]))

    return belief


def _normal(count: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    variance = 1 / (1 / SCALE**2 + count / NOISE**2)
    return variance * (CENTRE / SCALE**2 + total / NOISE**2), variance


class Scales(NamedTuple):
    """Of every seed, (seeds,): arms around CENTRE, contexts around their arm, projects around that; noise."""

    arm: np.ndarray
    context: np.ndarray
    project: np.ndarray
    noise: np.ndarray


def hierarchical(sums: Sums, project: int) -> Belief:
    """arm -> context -> project by exact messages; the scales by marginal likelihood of all earlier projects."""
    scales = learned(sums, project)

    def belief(sums: Sums, project: int, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _cell(sums, project, context, scales)

    return belief


def _messages(sums: Sums, scales: Scales) -> tuple[np.ndarray, ...]:
    """Weight and mean of what every cell says of its context, and every context of its arm; [..., arm]."""
    wide = lambda part, axes: part.reshape(-1, *(1,) * axes)
    own = sums.count / (sums.count * wide(scales.project, 3) ** 2 + wide(scales.noise, 3) ** 2)
    mean = sums.total / np.maximum(sums.count, 1)
    weight = own.sum(axis=1)
    middle = (own * mean).sum(axis=1) / np.maximum(weight, 1e-12)
    above = weight / (weight * wide(scales.context, 2) ** 2 + 1)
    return own, mean, weight, middle, above


def _cell(sums: Sums, p: int, context: np.ndarray, scales: Scales) -> tuple[np.ndarray, np.ndarray]:
    every = np.arange(len(context))
    own, mean, weight, middle, above = _messages(sums, scales)
    arm, between, deviation, noise = (part[:, None] for part in scales)
    others = above.copy()
    others[every, context] = 0.0
    precision = 1 / arm**2 + others.sum(axis=1)
    top = (CENTRE / arm**2 + (others * middle).sum(axis=1)) / precision
    rest = (weight[every, context] - own[every, p, context]).clip(0)
    told = weight[every, context] * middle[every, context] - (own * mean)[every, p, context]
    precision = 1 / (1 / precision + between**2)
    total = precision + rest
    prior, spread = (precision * top + told) / total, 1 / total + deviation**2
    count, seen = sums.count[every, p, context], sums.total[every, p, context]
    variance = 1 / (1 / spread + count / noise**2)
    return variance * (prior / spread + seen / noise**2), variance


def learned(sums: Sums, project: int) -> Scales:
    """(seeds,) each: the point of a grid where the marginal likelihood is largest; SCALE before any outcome."""
    seeds = len(sums.count)
    if project == 0:
        return Scales(*(np.full(seeds, value) for value in (SCALE, FIRST[0], FIRST[1], NOISE)))
    best, found = np.full(seeds, -np.inf), np.zeros((4, seeds))
    part = Sums(*(one[:, :project] for one in sums))
    for context in _GRID:
        for deviation in _GRID:
            scales = Scales(*(np.full(seeds, value) for value in (SCALE, context, deviation, NOISE)))
            value = evidence(part, scales)
            better = value > best
            best = np.where(better, value, best)
            found[:, better] = np.array([each[better] for each in scales])
    return Scales(*found)


FIRST = (0.3, 0.3)


def evidence(sums: Sums, scales: Scales) -> np.ndarray:
    """(seeds,): log marginal likelihood of the scales, up to a constant: outcomes in their cell, cells around their
    context, contexts around their arm, arms around CENTRE."""
    own, mean, weight, middle, above = _messages(sums, scales)
    noise, deviation = (part.reshape(-1, 1, 1, 1) ** 2 for part in (scales.noise, scales.project))
    context, arm = scales.context.reshape(-1, 1, 1) ** 2, scales.arm.reshape(-1, 1) ** 2
    count, seen = sums.count, sums.count > 0
    within = (count - 1) * np.log(noise) + (sums.squares - count * mean**2) / noise
    cell = np.where(seen, within + np.log(np.where(seen, count * deviation + noise, 1.0)), 0.0).sum((1, 2, 3))
    cells = (own * (mean - middle[:, None]) ** 2).sum((1, 2, 3)) + np.log1p(weight * context).sum((1, 2))
    total = above.sum(axis=1)
    centre = (above * middle).sum(axis=1) / np.maximum(total, 1e-12)
    contexts = (above * (middle - centre[:, None]) ** 2).sum((1, 2)) + np.log1p(total * arm).sum(axis=1)
    arms = (total / (1 + total * arm) * (centre - CENTRE) ** 2).sum(axis=1)
    return -0.5 * (cell + cells + contexts + arms)

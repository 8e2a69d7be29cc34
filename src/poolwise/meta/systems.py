"""Which simulated systems a way of exploring is learned on: around a fitted hierarchy, with stress of every kind."""

from typing import Any, NamedTuple

import numpy as np

from poolwise.meta import meta_features
from poolwise.meta.meta_features import MetaFeatures
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, GaussianHyperparameters, TierScales
from poolwise.simulate.population import Population, Shape

STRESS = ("ordinary", "drift", "outlier projects", "few contexts", "misjudged scales")
WIDTH, APART = 0.5, 1.0
"""Standard deviations of logarithms around what was fitted: of every scale, and of how far apart projects are."""


class Systems(NamedTuple):
    """Populations stacked along a leading axis, what each is like, and which stress it is under."""

    population: Population
    known: np.ndarray
    stress: np.ndarray


def sample(
    rng: np.random.Generator,
    number: int,
    scales: GaussianHyperparameters | None,
    shape: Shape,
    *,
    project_spread: float = APART,
) -> Systems:
    """hyper: of a refit, None: the medians of the hyperprior."""
    kinds = rng.permutation(np.arange(number) % len(STRESS))
    chosen = [_one(rng, scales or HYPERPRIOR.median, shape, kind, project_spread) for kind in kinds.tolist()]
    population = _stacked([one for one, _ in chosen])
    known = np.array([expected(one, shape) for one, _ in chosen])
    return Systems(population, known, np.array([kind for _, kind in chosen]))


def expected(population: Population, shape: Shape) -> MetaFeatures:
    """Of the worlds of a population."""
    frequency = np.arange(1, shape.contexts + 1.0) ** -float(population.concentration)
    importance = np.exp(float(population.importance) * np.linspace(-1.5, 1.5, shape.contexts))
    every = float(shape.decisions * shape.projects)
    return meta_features.of(population.scales, shape.arms, frequency, importance, float(shape.decisions), every)


def _one(
    rng: np.random.Generator, scales: GaussianHyperparameters, shape: Shape, kind: int, project_spread: float
) -> tuple[Population, int]:
    factor = lambda: float(np.exp(WIDTH * rng.standard_normal()))
    own = float(np.exp(project_spread * rng.standard_normal()))
    arm, family, globe = (
        TierScales(*(float(scale) * share * factor() for scale, share in zip(tier, (1.0, 1.0, own, own), strict=True)))
        for tier in scales[:3]
    )
    noise = float(np.median(scales.noise)) * factor() * np.exp(0.3 * rng.standard_normal(shape.arms))
    made = Population(
        GaussianHyperparameters(arm, family, globe, noise, np.zeros(0)),
        success=rng.uniform(1.5, 5.0),
        concentration=rng.uniform(0.0, 1.5),
        importance=rng.uniform(0.0, 1.0),
        scale_error=0.2,
    )
    stressed: tuple[dict[str, Any], ...] = (
        {},
        {"drift": 1.0 / shape.decisions},
        {"outlier": 0.3},
        {"concentration": 3.0},
        {"scale_error": 0.5},
    )
    return made._replace(**stressed[kind]), kind


def _stacked(made: list[Population]) -> Population:
    """One population whose leaves have a leading axis."""
    scales = [one.scales for one in made]
    arm, family, globe = (
        TierScales(*(np.array([getattr(one, tier)[k] for one in scales], np.float32) for k in range(4)))
        for tier in ("arm", "family", "globe")
    )
    noise = np.array([one.noise for one in scales], np.float32)
    empty = np.zeros((len(made), 0), np.float32)
    fields = [name for name in Population._fields if name != "scales"]
    rest = {name: np.array([getattr(one, name) for one in made], np.float32) for name in fields}
    return Population(
        GaussianHyperparameters(arm, family, globe, noise, empty, np.zeros(len(made), np.float32)), **rest
    )

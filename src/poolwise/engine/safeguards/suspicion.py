"""Whether the projects of a store report as two camps: thirty fakes against ten honest ones, or one liar among many.

A project is what it says of every arm, failures included. Honest projects differ by effects that are about normal,
and so are their scores: their mean utilities, and their places along the direction in which they differ most, by arms
and by arms in every context. The statistic is the largest part of the scores' variance that a split in two explains,
2 / pi for many normal ones; its distribution is that of normal samples of the same size, drawn once. Two kinds of
honest machines are two camps, too.
Source: Engelman and Hartigan, Percentage points of a test for clusters (1969).
"""

from functools import lru_cache
from typing import Any

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.posterior.blas_threads import single_blas

FEW, MANY = 6, 200
"""Projects with outcomes below which nothing is said, and of a sample with which more are compared."""
ALARM = 0.002
"""Probability with which normal projects are reported, at every look; `benchmarks/robustness/poisoning.py` counts."""
_DRAWS = 5_000
_SHOWN = 5


@single_blas()
def suspicious(belief: ServingPosterior, name_index: NameIndex, failure: float) -> dict[str, Any] | None:
    """The smaller camp, the size of the other, and how probable such a split were by chance; None: no alarm."""
    names = name_index.names("project")
    tried, succeeded = (part[: len(names)] for part in belief.posterior.counts())
    stats = belief.posterior.statistics()
    mean = (stats.total / np.maximum(stats.count, 1e-300))[: len(names)]
    active = np.flatnonzero((tried > 0).any(axis=(1, 2)))
    if len(active) < FEW:
        return None
    total = succeeded * mean + (tried - succeeded) * failure
    found = [split(score) for score in scores(tried[active], total[active])]
    part, second = max(found, key=lambda one: one[0])
    chance = min(len(found) * probability(len(active), part), 1.0)
    if chance > ALARM:
        return None
    camps = sorted((active[second], active[~second]), key=len)
    shown = [names[p] for p in camps[0][:_SHOWN]]
    return {"projects": shown, "camp": len(camps[0]), "others": len(camps[1]), "chance_at_most": chance}


def scores(number: np.ndarray, total: np.ndarray) -> list[np.ndarray]:
    """(projects,) each: mean utility, and places along the directions in which they differ most. number, total:
    outcomes and the sum of their utilities [project, context, arm]."""
    cells = (number.reshape(len(number), -1), total.reshape(len(total), -1))
    return [total.sum((1, 2)) / number.sum((1, 2)), direction(number.sum(1), total.sum(1)), direction(*cells)]


def direction(number: np.ndarray, total: np.ndarray) -> np.ndarray:
    """(projects,) places along the first principal component of mean utilities, of what several have tried; 0 where
    there is none. number, total: [project, column]."""
    several = (number > 0).sum(0) > 1
    number, total = number[:, several], total[:, several]
    if not number.size:
        return np.zeros(len(number))
    shared = np.where(number > 0, total / np.maximum(number, 1), 0.0).sum(0) / (number > 0).sum(0)
    away = (total - number * shared) / (number + 1.0)
    variance, places = np.linalg.eigh(away @ away.T)
    return np.asarray(places[:, -1] * np.sqrt(max(variance[-1], 0.0)))


def split(score: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest part of the variance that a split in two explains, and who is in the second part."""
    order = np.argsort(score, kind="stable")
    part, cut = _explained(score[order][None])
    second = np.zeros(len(score), dtype=bool)
    second[order[int(cut[0]) :]] = True
    return float(part[0]), second


def probability(projects: int, part: float) -> float:
    """That so many normal scores split at least so well."""
    usual = _usual(min(projects, MANY))
    return float((1 + len(usual) - np.searchsorted(usual, part)) / (1 + len(usual)))


def _explained(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(samples,) of sorted samples (samples, n): part, and size of the first part."""
    centred = ordered - ordered.mean(axis=1, keepdims=True)
    size, first = ordered.shape[1], np.arange(1, ordered.shape[1])
    between = np.cumsum(centred, axis=1)[:, :-1] ** 2 * size / (first * (size - first))
    whole = (centred**2).sum(axis=1)
    cut = between.argmax(axis=1)
    best = np.take_along_axis(between, cut[:, None], axis=1)[:, 0]
    return best / np.maximum(whole, 1e-300), cut + 1


@lru_cache
def _usual(projects: int) -> np.ndarray:
    """Ascending, of normal samples."""
    draws = np.random.default_rng(0).standard_normal((_DRAWS, projects))
    return np.sort(_explained(np.sort(draws, axis=1))[0])

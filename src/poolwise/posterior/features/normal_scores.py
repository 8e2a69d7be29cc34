"""Numbers of any range as normal scores of their ranks among the jobs seen: monotone transformations change nothing.

A feature is kept as at most `KNOTS` of its quantiles with the normal score of each, ties at the middle of their ranks,
standardised over the jobs seen; in between it is interpolated, beyond the ends it stays there. A missing number is 0,
the usual one; that a job misses any is one more column, where some do and some do not.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.lazy import special

KNOTS = 33
"""Quantiles that are kept of every feature."""
_LEAST_KNOWN = 3
"""Jobs that must have a feature before it counts."""
_SMALLEST = 1e-3
"""Standard deviation of scores below which a feature is a constant."""
_AT_ONCE = 512
"""Jobs that are compared with all knots at a time."""
LARGEST = 4.0
"""Standard deviations to which scores are clipped."""


class NormalScores(NamedTuple):
    """Of the k features that vary, and whether any is missing as the last column."""

    column: np.ndarray
    """(k,) which of the declared features."""
    value: Float[np.ndarray, "knot kept"]
    """Quantiles in order, infinite beyond the last distinct one."""
    score: Float[np.ndarray, "knot kept"]
    last: np.ndarray
    """(k,) number of the last knot that counts."""
    missing: Float[np.ndarray, "2"]
    """Mean and standard deviation of whether any is missing; the latter infinite where all jobs are alike."""

    @property
    def size(self) -> int:
        return len(self.column) + 1


def fit(raw: Float[np.ndarray, "job feature"]) -> NormalScores:
    """From the features of the jobs seen, NaN where missing."""
    found = [(column, *one) for column in range(raw.shape[1]) if (one := _knots(raw[:, column])) is not None]
    value, score = np.full((KNOTS, len(found)), np.inf), np.zeros((KNOTS, len(found)))
    for at, (_, values, scores) in enumerate(found):
        value[: len(values), at], score[: len(scores), at] = values, scores
    lacks = _lacks(raw)
    spread = float(lacks.std())
    usual = np.array([lacks.mean(), spread if spread > _SMALLEST else np.inf])
    last = np.array([len(values) - 1 for _, values, _ in found], dtype=int)
    return NormalScores(np.array([column for column, *_ in found], dtype=int), value, score, last, usual)


def _knots(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Distinct quantiles and their standardised scores; None of a constant."""
    known = np.sort(numbers[np.isfinite(numbers)])
    if len(known) < _LEAST_KNOWN or known[0] == known[-1]:
        return None
    distinct, first, count = np.unique(known, return_index=True, return_counts=True)
    score = special.ndtri((first + count / 2) / len(known))
    mean = float(count @ score) / len(known)
    spread = float(np.sqrt(count @ (score - mean) ** 2 / len(known)))
    if spread < _SMALLEST:
        return None
    score = np.clip((score - mean) / spread, -LARGEST, LARGEST)
    if len(distinct) > KNOTS:
        # Evenly spaced scores, the extremes included: even ranks would leave the tails to one straight line each.
        wide = float(special.ndtri(1 - 0.5 / len(known)))
        rank = len(known) * special.ndtr(np.linspace(-wide, wide, KNOTS))
        chosen = np.unique(np.searchsorted(first + count, rank, side="left").clip(0, len(distinct) - 1))
        chosen[0], chosen[-1] = 0, len(distinct) - 1
        distinct, score = distinct[chosen], score[chosen]
    return distinct, score


def _lacks(raw: np.ndarray) -> np.ndarray:
    return np.isnan(raw).any(axis=-1) * 1.0


def apply(scores: NormalScores, raw: Float[np.ndarray, "... feature"]) -> Float[np.ndarray, "... column"]:
    """(..., k + 1) scores of one job or many."""
    flat = np.atleast_2d(raw)
    if len(flat) == 1:
        return _scores_of(scores, flat).reshape(*raw.shape[:-1], scores.size)
    parts = [_scores_of(scores, flat[start : start + _AT_ONCE]) for start in range(0, max(len(flat), 1), _AT_ONCE)]
    return np.concatenate(parts).reshape(*raw.shape[:-1], scores.size)


def _scores_of(scores: NormalScores, flat: Float[np.ndarray, "job feature"]) -> Float[np.ndarray, "job column"]:
    numbers = flat[:, scores.column]
    low = (scores.value[None] <= numbers[:, None]).sum(1) - 1
    low = np.maximum(np.minimum(low, scores.last - 1), 0)
    at = np.arange(len(scores.column))
    left, right = scores.value[low, at], scores.value[low + 1, at]
    part = np.minimum(np.maximum((numbers - left) / (right - left), 0.0), 1.0)
    first = scores.score[low, at]
    found = np.empty((len(flat), scores.size))
    found[:, :-1] = first + part * (scores.score[low + 1, at] - first)
    found[:, :-1][np.isnan(numbers)] = 0.0
    found[:, -1] = (_lacks(flat) - scores.missing[0]) / scores.missing[1]
    return found

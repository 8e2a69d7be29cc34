"""What was learned of features, for people: which of them matter, and for which arms."""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.features.feature_map import FeatureMap


class FeatureEffects(NamedTuple):
    """Of F declared features and A arms. Slopes count in utility per unit of a feature's normal score: from its median
    to about its 84 % quantile over the jobs seen."""

    relevance: Float[np.ndarray, " feature"]
    """Share of what the features explain of the differences between arms; they sum to 1, or are all 0."""
    mean: Float[np.ndarray, "feature arm"]
    """Of the slope."""
    sd: Float[np.ndarray, "feature arm"]
    """Its posterior standard deviation."""


def nothing_known(features: int, arms: int) -> FeatureEffects:
    """Before any outcome."""
    return FeatureEffects(np.zeros(features), np.zeros((features, arms)), np.zeros((features, arms)))


def feature_effects(
    known: FeatureMap,
    mean: Float[np.ndarray, "arm slope"],
    covariance: Float[np.ndarray, "arm slope slope"],
    features: int,
    baseline: int | None,
) -> FeatureEffects:
    """From the slopes of directions; the baseline has none. Of linear directions alone: what smooth ones add has mean
    slope 0 over usual jobs. Relevance: what directions explain, shared among features by their squared weights."""
    linear, column, size = len(known.share), known.scores.column, known.size
    mean, covariance = mean[:, :size], covariance[:, :size, :size]  # those beyond are room
    if baseline is not None:
        mean, covariance = mean.copy(), covariance.copy()
        mean[baseline] = covariance[baseline] = 0.0
    along = (known.axes * known.share)[: len(column)]
    found = nothing_known(features, len(mean))
    found.mean[column] = along @ mean[:, :linear].T
    found.sd[column] = np.sqrt(np.maximum(np.einsum("fk,akl,fl->fa", along, covariance[:, :linear, :linear], along), 0))
    explained = mean.var(0) * np.concatenate(
        [known.share**2, np.full(len(known.offset), 1 / max(len(known.offset), 1))]
    )
    by_axis = explained[:linear].copy()
    for degree in range(len(known.offset) // max(known.smooth, 1)):
        by_axis[: known.smooth] += explained[linear + degree * known.smooth :][: known.smooth]
    part = known.axes**2 / (known.axes**2).sum(0)
    found.relevance[column] = (part @ by_axis)[: len(column)]
    total = found.relevance.sum()
    return found._replace(relevance=found.relevance / total if total > 0 else found.relevance)

"""What was learned of features, for people: which of them matter, and for which arms."""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float


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

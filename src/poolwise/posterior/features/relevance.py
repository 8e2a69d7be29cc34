"""How much each feature explains: its weight among the others before directions are made of them.

With scores z of a feature, utilities e less the mean of their arm, and their variance s^2,

    q = sum over groups g of (sum over g of w z e)^2 / (s^2 sum over g of w z^2), averaged over groups by sum of w z^2

the groups being each arm, and all of them together: 1 on average of a feature that explains nothing, and growing with
the number of outcomes of one that does. A column of noise so gets an ever smaller part of the directions.
"""

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.features.rows import FeatureRows

_LEAST = 1e-3
_SHRINK = 1.0
"""Outcomes at 0 that the mean of an arm counts."""


def weights(scores: Float[np.ndarray, "row column"], rows: FeatureRows) -> Float[np.ndarray, " column"]:
    """Positive, the largest 1."""
    used = rows.weight > 0
    if used.sum() < 2:
        return np.ones(scores.shape[1])
    z, w, arm = scores[used], rows.weight[used], rows.arm[used]
    arms = int(arm.max()) + 1
    total = np.bincount(arm, w * rows.utility[used], arms)
    left = rows.utility[used] - (total / (np.bincount(arm, w, arms) + _SHRINK))[arm]
    variance = max(float(w @ left**2) / float(w.sum()), 1e-300)
    member = np.zeros((arms, len(arm)))
    member[arm, np.arange(len(arm))] = 1.0
    with_all = np.concatenate([member, np.ones((1, len(arm)))])
    along, square = with_all @ (z * (w * left)[:, None]), with_all @ (z**2 * w[:, None])
    ratio = (along**2).sum(0) / np.maximum(variance * square.sum(0), 1e-300)
    found = np.maximum(ratio, _LEAST)
    return np.asarray(found / found.max())

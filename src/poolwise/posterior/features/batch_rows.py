"""Many outcomes at once as rows with features: as they count, in the order in which they came."""

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.crossed.batch import cells
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.likelihoods import censored, robust_weights
from poolwise.posterior.recursive.initial import OutcomeRows, Tally


def with_features(
    raw: Float[np.ndarray, "outcome feature"],
    rows: OutcomeRows,
    before: Tally,
    baseline: int | None,
    limit: float | None,
) -> FeatureRows:
    """before: what had been counted. Those that were cut off count nothing until they are judged."""
    weight = np.zeros(len(rows.arm))
    finished = rows.ok & ~rows.cut & (rows.arm != (-1 if baseline is None else baseline))
    own = rows.where(finished)
    weight[finished] = own.age_weight * robust_weights.weights(cells(before.utility), own.place, own.utility, limit)
    bound = np.where(rows.cut, censored.quantised(rows.utility), np.nan)
    return FeatureRows(raw, *rows.place, rows.utility, weight, bound, rows.age_weight.copy())

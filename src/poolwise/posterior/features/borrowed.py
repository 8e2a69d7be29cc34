"""Slopes that another store has learned: what its own outcomes say of every arm's, along directions of its own map.

An arm's outcomes say P and h of its effects and slopes together (`slopes.leaves`); with level, contexts and projects
integrated out under their prior variances D, and their mean m,

    precision = Pss - Pse (Pee + 1/D)^-1 Pes,      information = hs - Pse (Pee + 1/D)^-1 (he + m/D)

is what they say of its slopes alone: no prior of slopes is in it, so that nothing counts twice where it is taken up,
as one more observation of each arm. A feature that is not known where it is taken up stays at its usual value there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.features import feature_map, slopes
from poolwise.posterior.features.feature_map import FeatureMap
from poolwise.posterior.features.rows import FeatureRows
from poolwise.posterior.likelihoods import project_weights


class BorrowedSlopes(NamedTuple):
    """Of A arms, along d directions."""

    map: FeatureMap
    scales: Float[np.ndarray, "tier block"]
    """Of slopes, as they were estimated there."""
    precision: Float[np.ndarray, "arm direction direction"]
    information: Float[np.ndarray, "arm direction"]
    jobs: int
    """Of which the map is."""


def exported(
    fit: Fit,
    known: FeatureMap,
    scales: Float[np.ndarray, "tier block"],
    jobs: int,
    weight: np.ndarray,
    utility: SufficientStatistics,
    rows: FeatureRows,
) -> BorrowedSlopes:
    """From all outcomes, as others hear of them. known, scales, jobs: what serves; weight: of projects."""
    heard, counted = project_weights.pad_weights(weight, len(utility.count)), rows.counted()
    stats = batch.cells(project_weights.apply_weights(utility, weight))
    phi = feature_map.apply(known, counted.raw)
    found = slopes.collect(stats, counted.place, counted.utility, counted.weight * heard[counted.project], phi)
    form = slopes.slope_layout(stats.count.shape, fit.families, known.blocks)
    own = fit.scales._replace(pooled=None)
    leaves, start = slopes.leaves(stats, found, own, form), form.start
    tiers = (own.arm, *((own.family,) if fit.families else ()), own.globe)
    prior = 1 / sum(form.structure.variances(tier, np) for tier in tiers)
    level = own.mean * prior * (np.arange(start) == 0)
    inner = leaves.precision[:, :start, :start] + np.diag(prior)
    across = np.linalg.solve(inner, leaves.precision[:, :start, start:])
    precision = leaves.precision[:, start:, start:] - np.swapaxes(leaves.precision[:, :start, start:], 1, 2) @ across
    given = (leaves.information[:, :start] + level)[:, None] @ across
    return BorrowedSlopes(known, scales, precision, leaves.information[:, start:] - given[:, 0], jobs)


def aligned(
    lent: BorrowedSlopes, place: Sequence[int | None], arms: Sequence[int | None], share: float = 1.0
) -> BorrowedSlopes | None:
    """For another store. place: column there of each column of the map's jobs; arms: number here of each arm there;
    None: it has none; share: what the evidence counts as. None where no feature is in common."""
    scores = lent.map.scores
    kept = np.array([k for k, column in enumerate(scores.column.tolist()) if place[column] is not None], dtype=int)
    if not len(kept):
        return None
    found = scores._replace(
        column=np.array([place[column] for column in scores.column[kept].tolist()], dtype=int),
        value=scores.value[:, kept],
        score=scores.score[:, kept],
        last=scores.last[kept],
        missing=np.array([0.0, np.inf]),
    )
    axes = lent.map.axes[np.append(kept, len(scores.column))]
    size = lent.precision.shape[1]
    precision, information = np.zeros((len(arms), size, size)), np.zeros((len(arms), size))
    for here, there in enumerate(arms):
        if there is not None:
            precision[here], information[here] = share * lent.precision[there], share * lent.information[there]
    return lent._replace(map=lent.map._replace(scores=found, axes=axes), precision=precision, information=information)

"""From the features of a job to its directions: at most `MOST` numbers in which slopes are linear.

Normal scores (`normal_scores`) are weighted by what each explains, rotated to their principal axes, scaled to the same
spread over the jobs seen, and weighted again by what each of these explains (`relevance`): `linear` directions, as a
difference may lie along an axis on which jobs hardly differ. `smooth` ones are Hermite polynomials of the leading axes,
for differences that change their sign. Squares of each block's directions sum to 1 on average, so that a slope scale is
the standard deviation that a block gives to the utility of a usual job. Fitted on jobs seen only.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.features import normal_scores, relevance
from poolwise.posterior.features.normal_scores import NormalScores
from poolwise.posterior.features.rows import FeatureRows

MOST = 16
"""Directions."""
LINEAR, SMOOTH = 8, 4
"""Linear directions, and leading axes of which there are smooth functions."""
JOBS_PER_DIRECTION = 3
ROWS = 4_000
"""Jobs that a map is fitted to: more change little."""
_SMALLEST = 1e-6
_CLIP = 3.5
"""Standard deviations to which axes are clipped."""


class FeatureMap(NamedTuple):
    """Fitted to the jobs seen."""

    scores: NormalScores
    axes: Float[np.ndarray, "column axis"]
    """From scores to axes of spread 1."""
    centre: Float[np.ndarray, " axis"]
    share: Float[np.ndarray, " linear"]
    """Root of the share that each axis has in the variance of the linear block."""
    smooth: int
    """Leading axes of which there are smooth functions."""
    offset: Float[np.ndarray, " smooth_direction"]
    """Means of the smooth functions over the jobs seen."""
    spread: Float[np.ndarray, " smooth_direction"]
    """Their standard deviations, times the root of their number."""

    @property
    def blocks(self) -> tuple[int, int]:
        """Numbers of linear and of smooth directions."""
        return len(self.share), len(self.offset)

    @property
    def size(self) -> int:
        return sum(self.blocks)


def fit(rows: FeatureRows) -> FeatureMap | None:
    """From all rows, at most `ROWS` of them; None where nothing varies yet."""
    size = len(rows.arm)
    if size > ROWS:
        rows = FeatureRows(*(column[np.arange(ROWS) * size // ROWS] for column in rows))
    scores = normal_scores.fit(rows.raw)
    found = normal_scores.apply(scores, rows.raw)
    return from_scores(scores, found, relevance.weights(found, rows) ** 0.5, rows)


def from_scores(
    scores: NormalScores, found: Float[np.ndarray, "job column"], weight: np.ndarray, rows: FeatureRows
) -> FeatureMap | None:
    """found: of the jobs seen."""
    jobs = len(found)
    weighted = found * weight
    centre = weighted.mean(0)
    _, length, axes = np.linalg.svd(weighted - centre, full_matrices=False)
    most = min(LINEAR, jobs // JOBS_PER_DIRECTION)
    kept = int((length[:most] > _SMALLEST * max(length[:1].max(initial=0.0), _SMALLEST)).sum())
    if not kept:
        return None
    spread = length[:kept] / np.sqrt(jobs)
    rotation = weight[:, None] * axes[:kept].T / spread
    part = relevance.weights(found @ rotation - (centre @ axes[:kept].T) / spread, rows)
    order = np.argsort(-part, kind="stable")
    axes, spread, rotation, part = axes[order], spread[order], rotation[:, order], part[order]
    share = np.sqrt(part / part.sum())
    smooth = min(SMOOTH, kept, jobs // (4 * JOBS_PER_DIRECTION))
    bare = FeatureMap(scores, rotation, (centre @ axes[:kept].T) / spread, share, smooth, np.zeros(0), np.ones(0))
    curves = _smooth(bare, _axes(bare, found))
    deviation = curves.std(0) * max(curves.shape[1], 1) ** 0.5
    return bare._replace(offset=curves.mean(0), spread=np.where(deviation > _SMALLEST, deviation, np.inf))


def apply(known: FeatureMap, raw: Float[np.ndarray, "... feature"]) -> Float[np.ndarray, "... direction"]:
    """Directions of one job or many."""
    return directions(known, normal_scores.apply(known.scores, raw))


def directions(known: FeatureMap, scores: np.ndarray) -> np.ndarray:
    """From the normal scores of jobs."""
    axes = _axes(known, scores)
    curves = (_smooth(known, axes) - known.offset) / known.spread
    return np.concatenate([axes * known.share, curves], -1)


def _axes(known: FeatureMap, scores: np.ndarray) -> np.ndarray:
    return np.minimum(np.maximum(scores @ known.axes - known.centre, -_CLIP), _CLIP)


def _smooth(known: FeatureMap, axes: np.ndarray) -> np.ndarray:
    """Hermite polynomials of degree 2 and 3 of the leading axes."""
    lead = axes[..., : known.smooth]
    square = lead * lead
    return np.concatenate([(square - 1) / 2**0.5, (square - 3) * lead / 6**0.5], -1)


def to_dict(known: FeatureMap) -> dict[str, Any]:
    """JSON numbers and lists."""
    scores = known.scores
    knots = [
        [column, value[: last + 1], score[: last + 1]]
        for column, value, score, last in zip(
            scores.column.tolist(), scores.value.T.tolist(), scores.score.T.tolist(), scores.last.tolist(), strict=True
        )
    ]
    missing = [float(scores.missing[0]), float(scores.missing[1]) if np.isfinite(scores.missing[1]) else None]
    rest = {name: getattr(known, name).tolist() for name in ("axes", "centre", "share", "offset")}
    spread = [value if np.isfinite(value) else None for value in known.spread.tolist()]
    return {"knots": knots, "missing": missing, **rest, "smooth": known.smooth, "spread": spread}


def from_dict(body: dict[str, Any]) -> FeatureMap:
    """The inverse, bit for bit."""
    knots, unknown = body["knots"], lambda values: np.array([np.inf if one is None else one for one in values], float)
    value, score = np.full((normal_scores.KNOTS, len(knots)), np.inf), np.zeros((normal_scores.KNOTS, len(knots)))
    for at, (_, values, levels) in enumerate(knots):
        value[: len(values), at], score[: len(levels), at] = values, levels
    column, last = (np.array(part, dtype=int) for part in ([one[0] for one in knots], [len(k[1]) - 1 for k in knots]))
    scores = NormalScores(column, value, score, last, unknown(body["missing"]))
    rest = {name: np.array(body[name], dtype=float) for name in ("centre", "share", "offset")}
    axes = np.array(body["axes"], dtype=float).reshape(len(knots) + 1, -1)
    return FeatureMap(scores, axes, smooth=body["smooth"], spread=unknown(body["spread"]), **rest)

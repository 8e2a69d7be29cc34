"""Slopes in a prior pack: which features, by name, kind and whether their logarithm counts, the map from their numbers
to directions, and what outcomes say of every arm's slopes along these (`posterior.features.borrowed`).

The two extremes of every feature, each of which is the number of one job, are left out of its quantiles.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poolwise.names import fault
from poolwise.posterior.features import borrowed, feature_map, normal_scores
from poolwise.posterior.features.arguments import MAX_FEATURES
from poolwise.posterior.features.borrowed import BorrowedSlopes
from poolwise.posterior.features.feature_map import FeatureMap

_LARGEST = 1e12
_FEW = 5
"""Quantiles of which the extremes are left out."""
Column = tuple[str, str, bool]
"""Label, type, and whether the logarithm counts."""


class PackSlopes(NamedTuple):
    """Of the arms of a pack, in their order."""

    columns: tuple[Column, ...]
    """Of a job, in the order in which the map takes them."""
    slopes: BorrowedSlopes


def to_dict(found: PackSlopes | None) -> dict[str, Any] | None:
    """JSON numbers and lists."""
    if found is None:
        return None
    lent = found.slopes
    tables = {name: getattr(lent, name).tolist() for name in ("scales", "precision", "information")}
    known = feature_map.to_dict(lent.map)
    known["knots"] = [_inner(*knot) for knot in known["knots"]]
    return {"columns": [list(column) for column in found.columns], "map": known, "jobs": lent.jobs, **tables}


def _inner(column: int, values: list[float], scores: list[float]) -> list[Any]:
    cut = slice(1, -1) if len(values) >= _FEW else slice(None)
    return [column, values[cut], scores[cut]]


def from_dict(body: Any, arms: int) -> PackSlopes | None:
    """Of so many arms. Raises ValueError, TypeError or KeyError for what is garbled, of another shape, or no number."""
    if body is None:
        return None
    columns = tuple((str(label), str(kind), bool(log)) for label, kind, log in body["columns"])
    if not 0 < len(columns) <= MAX_FEATURES or any(fault(label) for label, *_ in columns):
        raise ValueError("slopes: names of features")
    known = _checked_map(body["map"], len(columns))
    size = known.size
    tables = {name: np.array(body[name], dtype=float) for name in ("scales", "precision", "information")}
    shapes = {"scales": (3, 2), "precision": (arms, size, size), "information": (arms, size)}
    for name, table in tables.items():
        if table.shape != shapes[name] or not (np.abs(table) <= _LARGEST).all():
            raise ValueError(f"slopes: {name}")
    precision, jobs = tables["precision"], body["jobs"]
    if (tables["scales"] < 0).any() or type(jobs) is not int or not 0 < jobs <= _LARGEST:
        raise ValueError("slopes: scales, jobs")
    least = 1e-9 * np.maximum(np.abs(precision).max(initial=0.0, axis=(1, 2)), 1e-9)
    even = np.abs(precision - np.swapaxes(precision, 1, 2)).max(initial=0.0, axis=(1, 2)) <= least
    if not even.all() or (np.linalg.eigvalsh(precision) < -1e3 * least[:, None]).any():
        raise ValueError("slopes: precision")
    return PackSlopes(columns, BorrowedSlopes(known, **tables, jobs=jobs))


def _checked_map(body: Any, columns: int) -> FeatureMap:
    for column, values, scores in body["knots"]:
        apart = (np.diff(np.array(values, dtype=float)) > 0).all() and (np.abs(scores) <= normal_scores.LARGEST).all()
        if not (type(column) is int and 0 <= column < columns and 2 <= len(values) == len(scores) and apart):
            raise ValueError("slopes: quantiles")
        if len(values) > normal_scores.KNOTS or not np.isfinite(values).all():
            raise ValueError("slopes: quantiles")
    known = feature_map.from_dict(body)
    linear, smooth = known.blocks
    numbers = (known.axes, known.centre, known.share, known.offset)
    fits = known.axes.shape[1] == len(known.centre) == linear and smooth == len(known.spread) == 2 * known.smooth
    if not (fits and 0 < linear <= feature_map.LINEAR and 0 <= known.smooth <= min(linear, feature_map.SMOOTH)):
        raise ValueError("slopes: directions")
    if not all((np.abs(part) <= _LARGEST).all() for part in numbers) or not (known.spread > 0).all():
        raise ValueError("slopes: directions")
    return known


def aligned(
    found: PackSlopes, columns: Sequence[Column], pack: Sequence[str], arms: Sequence[str], share: float = 1.0
) -> BorrowedSlopes | None:
    """For a store with these columns and arms; pack: arms of the pack; share: what the evidence counts as. None where
    no feature is in common."""
    place = {column: k for k, column in enumerate(columns)}
    there = {arm: k for k, arm in enumerate(pack)}
    return borrowed.aligned(
        found.slopes, [place.get(one) for one in found.columns], [there.get(a) for a in arms], share
    )


def unknown(found: PackSlopes | None, columns: Sequence[Column]) -> list[str]:
    """Names of features of which a store with these columns makes no use."""
    return [] if found is None else [label for label, kind, log in found.columns if (label, kind, log) not in columns]

"""What is estimated of features, and how it is kept as JSON."""

from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.posterior.features import feature_map
from poolwise.posterior.features.feature_map import FeatureMap


class JobSample(NamedTuple):
    """J jobs that stand for those to come: of the last when the scales were estimated, so that whoever serves from
    these scales judges by the same jobs."""

    project: Float[np.ndarray, " job"]
    context: Float[np.ndarray, " job"]
    phi: Float[np.ndarray, "job direction"]


class FeatureHyperparameters(NamedTuple):
    """What is estimated of features."""

    map: FeatureMap
    scales: Float[np.ndarray, "tier block"]
    """Standard deviations of slopes of arm, family and globe, linear and smooth."""
    structure: Float[np.ndarray, " coordinate"]
    """Where the search ended: scales but those of slopes (`parametrisation`)."""
    slopes: Float[np.ndarray, "tier block"]
    """And of slopes: logarithms relative to their medians."""
    recent: JobSample
    jobs: int
    """Of which the map is."""
    unknown: Float[np.ndarray, " arm"]
    """Variance of a job's utility from what ranks do not tell of it."""
    borrowed: bool = False
    """Whether map and slopes began as those of another store (`borrowed`)."""
    probability: float = 1.0
    """That features matter at all."""


def to_dict(known: FeatureHyperparameters | None) -> dict[str, Any] | None:
    """JSON numbers and lists."""
    if known is None:
        return None
    rest = {name: getattr(known, name).tolist() for name in ("scales", "structure", "slopes", "unknown")}
    recent = {name: part.tolist() for name, part in known.recent._asdict().items()}
    return {
        "map": feature_map.to_dict(known.map),
        **rest,
        "recent": recent,
        "jobs": known.jobs,
        "borrowed": known.borrowed,
        "probability": known.probability,
    }


def from_dict(body: dict[str, Any] | None) -> FeatureHyperparameters | None:
    """The inverse, bit for bit."""
    if body is None:
        return None
    rest = {name: np.array(body[name], dtype=float) for name in ("scales", "structure", "slopes", "unknown")}
    known, recent = feature_map.from_dict(body["map"]), body.get("recent") or {"project": [], "context": [], "phi": []}
    project, context = (np.array(recent[name], dtype=float) for name in ("project", "context"))
    sample = JobSample(project, context, np.array(recent["phi"], dtype=float).reshape(len(project), known.size))
    jobs, borrowed, probability = body["jobs"], body["borrowed"], body["probability"]
    return FeatureHyperparameters(known, **rest, recent=sample, jobs=jobs, borrowed=borrowed, probability=probability)

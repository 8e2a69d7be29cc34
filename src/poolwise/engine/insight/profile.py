"""Projects as first class: what each is like, in what it differs from the others, what it gave and took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.state.job_adjustment import costs_alone
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.engine.state.tables import NORMAL_95
from poolwise.lazy import pandas as pd
from poolwise.meta.hyperposterior import between_project_variance
from poolwise.policy.constraints.usage import UsageCounts
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.batch import cells
from poolwise.posterior.hyperparameters.gaussian import effective, noise_scale
from poolwise.posterior.projects.project_deviation import deviations
from poolwise.posterior.types import Marginals
from poolwise.store.base import Store


def projects(
    belief: ServingPosterior, name_index: NameIndex, usage: UsageCounts, gain: Mapping[str, float]
) -> pd.DataFrame:
    """A row for every project. gain: as of `gains`, which reads events and nothing else.

    decisions, outcomes; contexts and arms: how many were met and tried; concentration: sum of the squared frequencies
    of its contexts, 1 where there is but one; noise: standard deviation of one outcome around its cell's mean; gain:
    mean utility of its outcomes. gave: its part of all that is known about what projects share, see `meta.pooling`;
    took: the part of its belief in the arm it prefers, over its decisions, that does not rest on its own outcomes of
    it there. nearest, distance: the project most like it, and root mean square difference of utility between the two
    where both have outcomes of an arm in a context (NaN, empty: none has).
    """
    names = name_index.names("project")
    shape = (len(names), name_index.size("context"))
    jobs = np.array([[float(usage.decisions(p, c)) for c in range(shape[1])] for p in range(shape[0])]).reshape(shape)
    posterior = belief.posterior
    outcomes = posterior.counts()[0][: shape[0], : shape[1]]
    data = cells(type(posterior.statistics())(*(part[: shape[0], : shape[1]] for part in posterior.statistics())))
    share = jobs / np.maximum(jobs.sum(1, keepdims=True), 1)
    freedom = np.maximum(data.count - 1, 0).sum((1, 2))
    noise = np.sqrt(data.deviation.sum((1, 2)) / np.where(freedom > 0, freedom, np.nan))
    distance = distances(belief, name_index)
    nearest = [int(np.nanargmin(row)) if np.isfinite(row).any() else -1 for row in distance]
    return pd.DataFrame(
        {
            "project": names,
            "decisions": jobs.sum(1).astype(np.int64),
            "outcomes": outcomes.sum((1, 2)).astype(np.int64),
            "contexts": (jobs > 0).sum(1),
            "arms": (outcomes > 0).any(axis=1).sum(1),
            "concentration": (share**2).sum(1),
            "noise": noise,
            "gain": [gain.get(name, np.nan) for name in names],
            "gave": _gave(belief, shape),
            "took": [_took(belief, p, jobs[p]) for p in range(len(names))],
            "nearest": [names[q] if q >= 0 else "" for q in nearest],
            "distance": [distance[p, q] if q >= 0 else np.nan for p, q in enumerate(nearest)],
        }
    )


def project_deviations(belief: ServingPosterior, name_index: NameIndex) -> pd.DataFrame:
    """In what every project differs: project, context, arm, n, difference of utility from what the context is like
    elsewhere with its 90 % interval, largest first; arms that the project has tried there."""
    found = _deviation(belief, name_index)
    count = belief.posterior.statistics().count
    at = np.argwhere(count[: found.mean.shape[0], : found.mean.shape[1]] > 0)
    p, c, a = at.T
    mean, scale = found.mean[p, c, a], found.scale[p, c, a]
    columns: dict[str, Any] = {
        name: np.array(name_index.names(name), dtype=object)[index] for name, index in (("project", p), ("context", c))
    }
    table = pd.DataFrame(
        {
            **columns,
            "arm": np.array(name_index.known, dtype=object)[a],
            "n": count[p, c, a].astype(np.int64),
            "difference": mean,
            "low": mean - NORMAL_95 * scale,
            "high": mean + NORMAL_95 * scale,
        }
    )
    return table.iloc[np.argsort(-np.abs(mean / scale), kind="stable")].reset_index(drop=True)


@single_blas()
def distances(belief: ServingPosterior, name_index: NameIndex) -> np.ndarray:
    """(projects, projects) root mean square difference of utility over the cells that both have tried; NaN on the
    diagonal and where there is none."""
    mean = _deviation(belief, name_index).mean
    size = (len(mean), int(np.prod(mean.shape[1:])))
    seen = (belief.posterior.statistics().count[: mean.shape[0], : mean.shape[1]] > 0).reshape(size).astype(float)
    flat = mean.reshape(size) * seen
    both = seen @ seen.T
    squares = (flat**2) @ seen.T
    total = squares + squares.T - 2 * flat @ flat.T
    distance = np.sqrt(np.maximum(total, 0.0) / np.where(both > 0, both, np.nan))
    np.fill_diagonal(distance, np.nan)
    return distance


def _deviation(belief: ServingPosterior, name_index: NameIndex) -> Marginals:
    posterior = belief.posterior
    found = deviations(posterior.hyperparameters.gaussian, posterior.statistics())
    rows = (slice(name_index.size("project")), slice(name_index.size("context")))
    return Marginals(found.mean[rows], found.scale[rows])


def gains(store: Store) -> dict[str, float]:
    """Mean utility of the outcomes of every project that has any; costs alone say nothing of it."""
    rows = store.outcomes()
    told = ~costs_alone(rows)
    total, number = (np.bincount(rows.project[told], weights) for weights in (rows.utility[told], None))
    names = store.names("project")
    return {names[k]: float(total[k] / number[k]) for k in np.flatnonzero(number).tolist()}


def _gave(belief: ServingPosterior, shape: tuple[int, int]) -> np.ndarray:
    posterior = belief.posterior
    count = posterior.statistics().count[: shape[0], : shape[1]]
    fit = posterior.hyperparameters.gaussian
    scales = effective(fit.scales, fit.families, count.shape)
    noise = np.broadcast_to(noise_scale(scales, shape[1]), count.shape[1:])
    seen = count > 0
    weight = np.where(seen, 1 / (between_project_variance(scales) + noise**2 / np.where(seen, count, 1.0)), 0.0).sum(
        (1, 2)
    )
    return weight / max(float(weight.sum()), 1e-300)


def _took(belief: ServingPosterior, project: int, jobs: np.ndarray) -> float:
    """1 minus n scale^2 / noise^2 of the preferred arm, the part of its precision that its own outcomes give."""
    if not jobs.any():
        return np.nan
    parts = []
    for context in np.flatnonzero(jobs).tolist():
        look = belief.ratios(project, context)
        best = int(np.argmax(look.mean))
        parts.append(
            (1 - min(1.0, float(look.count[best] * (look.scale[best] / look.noise[best]) ** 2)), jobs[context])
        )
    part, weight = zip(*parts, strict=True)
    return float(np.average(part, weights=weight))

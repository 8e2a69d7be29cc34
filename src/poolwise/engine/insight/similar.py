"""Projects that resemble one another: the neighbours of a project with the evidence, and what they would recommend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.insight.profile import distances
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.errors import InputError
from poolwise.lazy import pandas as pd
from poolwise.names import absent
from poolwise.posterior.gp import project_correlation
from poolwise.posterior.hyperparameters.gaussian import effective
from poolwise.posterior.projects import factors

_NEAR = 0.05
"""Root mean square difference of utility below which projects count as equal: weights do not rise any further."""


class Similar(NamedTuple):
    """Of one project."""

    neighbours: pd.DataFrame
    """project, shared (arms of contexts that both have tried), distance (root mean square difference of utility there),
    weight (part in the recommendations); the nearest first. Where that was learned of configurations, correlation: of
    what is a project's own in their surfaces (`gp.project_correlation`)."""
    recommended: pd.DataFrame
    """context, arm, mean (what the neighbours believe of it in their own projects, by weight), own (what is believed
    of it here), favourite (the arm believed best here), n (own outcomes of the recommended arm)."""


def similar(belief: ServingPosterior, name_index: NameIndex, project: str) -> Similar:
    """Weights are proportional to shared / (distance^2 + 0.05^2). Raises InputError for an unknown project."""
    names = name_index.names("project")
    if project not in names:
        raise InputError(absent("project", project, names))
    own = names.index(project)
    distance = distances(belief, name_index)[own]
    tried = belief.posterior.statistics().count[: len(names)] > 0
    shared = (tried & tried[own]).sum((1, 2))
    near = [q for q in np.argsort(distance, kind="stable").tolist() if np.isfinite(distance[q])]
    weight = np.array([shared[q] / (distance[q] ** 2 + _NEAR**2) for q in near])
    weight = weight / max(float(weight.sum()), 1e-300)
    neighbours = pd.DataFrame(
        {
            "project": [names[q] for q in near],
            "shared": shared[near].astype(np.int64),
            "distance": distance[near],
            "weight": weight,
        }
    )
    smooth = belief.posterior.hyperparameters.gaussian.smooth
    if smooth is not None and smooth.loading.any():
        neighbours["correlation"] = project_correlation.between(
            project_correlation.shrunk(smooth.loading), np.array(near, dtype=np.int64), own
        )[:, 0]
    return Similar(neighbours, _recommended(belief, name_index, own, near, weight))


def _recommended(
    belief: ServingPosterior, name_index: NameIndex, own: int, near: list[int], weight: np.ndarray
) -> pd.DataFrame:
    rows = []
    for c, context in enumerate(name_index.names("context") if near else ()):
        here = belief.ratios(own, c)
        there = weight @ np.array([belief.ratios(q, c).mean for q in near])
        best = int(np.argmax(there))
        favourite = name_index.ids[int(np.argmax(here.mean))]
        rows.append(
            (
                context,
                name_index.ids[best],
                float(there[best]),
                float(here.mean[best]),
                favourite,
                int(here.count[best]),
            )
        )
    return pd.DataFrame(rows, columns=["context", "arm", "mean", "own", "favourite", "n"])


def positions(belief: ServingPosterior, name_index: NameIndex) -> pd.DataFrame:
    """project, and of every factor k its position `u_k` with its standard deviation `sd_k`; empty without factors.

    u is Normal(0, 1) over projects; a factor's sign means nothing, and neither does its order.
    """
    posterior = belief.posterior
    found, fit = posterior.hyperparameters.factors, posterior.hyperparameters.gaussian
    if found is None or not found.rank:
        return pd.DataFrame({"project": []})
    cells = posterior.cells()
    scales = effective(fit.scales, fit.families, cells.count.shape)
    names = name_index.names("project")
    place = factors.factor_scores(found, cells, len(names), scales, np.asarray(fit.family))
    columns = {f"u_{k + 1}": place.mean[:, k] for k in range(found.rank)}
    return pd.DataFrame({"project": names, **columns, **{f"sd_{k + 1}": place.scale[:, k] for k in range(found.rank)}})

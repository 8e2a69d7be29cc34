"""`constraints.usage` as arrays, for a compiled loop: how often contexts were used, and how often they will be."""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, at, namespace, put
from poolwise.policy.constraints.usage import HORIZON_MULTIPLE


class Usage(NamedTuple):
    """Running counts; without costs, so that a context is as important as it is frequent."""

    cells: Array
    """(P, C, 3): decisions, outcomes, and the project's decisions at the last outcome here."""
    projects: Array
    """(P,): decisions."""
    contexts: Array
    """(C,): decisions."""


def empty(projects: int, contexts: int) -> Usage:
    return Usage(np.zeros((projects, contexts, 3)), np.zeros(projects), np.zeros(contexts))


def decided(usage: Usage, project: Array, context: Array) -> Usage:
    """With one decision more."""
    cells, projects, contexts = usage
    one = namespace(cells).asarray(np.array([1.0, 0.0, 0.0]).tolist(), cells.dtype)
    return Usage(
        put(cells, at(cells, project, context) + one, project, context),
        put(projects, at(projects, project) + 1.0, project),
        put(contexts, at(contexts, context) + 1.0, context),
    )


def observed(usage: Usage, project: Array, context: Array, number: Array) -> Usage:
    """With one outcome more, or none; number: 1.0 or 0.0."""
    xp = namespace(usage.cells)
    made, seen, last = at(usage.cells, project, context)
    last = xp.where(number > 0, at(usage.projects, project), last)
    return usage._replace(cells=put(usage.cells, xp.stack([made, seen + number, last]), project, context))


def scalars(usage: Usage, project: Array, context: Array, horizon: float | None) -> Array:
    """(9,): the fields of `policy.Context`, as `UsageCounts.context` has them."""
    xp = namespace(usage.cells)
    here, outcomes, last = at(usage.cells, project, context)
    there, everywhere = at(usage.projects, project), at(usage.contexts, context)
    total, number = usage.projects.sum(), xp.maximum((usage.projects > 0).sum(), 1)
    left = xp.maximum(HORIZON_MULTIPLE * total, 10.0) if horizon is None else xp.maximum(horizon - total, 1.0)
    usual = (HORIZON_MULTIPLE * total if horizon is None else left) / number
    left_project = xp.minimum(xp.maximum((HORIZON_MULTIPLE if horizon is None else 1.0) * there + 1.0, usual), left)
    share = xp.where(there > 0, here / xp.maximum(there, 1.0), 0.0)
    rest = left * (everywhere - here) / (total + 2.0)
    remaining = left_project * (here + 1.0) / (there + 2.0)
    return xp.stack([here, outcomes, share, share, there - last, remaining, left_project, left, rest])

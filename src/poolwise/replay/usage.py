"""`constraints.usage` as arrays, for a compiled loop: how often contexts were used, and how often they will be."""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, at, namespace, put
from poolwise.policy.constraints.usage import HORIZON_MULTIPLE


class Usage(NamedTuple):
    """Running counts. Without costs a context is as important as it is frequent."""

    cells: Array
    """(P, C, 4): decisions, outcomes, the project's decisions at the last outcome, and what the baseline would have
    cost."""
    projects: Array
    """(P,): decisions."""
    contexts: Array
    """(C,): decisions."""


def empty(projects: int, contexts: int) -> Usage:
    return Usage(np.zeros((projects, contexts, 4)), np.zeros(projects), np.zeros(contexts))


def decided(usage: Usage, project: Array, context: Array) -> Usage:
    """With one decision more."""
    cells, projects, contexts = usage
    one = namespace(cells).asarray([1.0, 0.0, 0.0, 0.0], cells.dtype)
    return Usage(
        put(cells, at(cells, project, context) + one, project, context),
        put(projects, at(projects, project) + 1.0, project),
        put(contexts, at(contexts, context) + 1.0, context),
    )


def observed(usage: Usage, project: Array, context: Array, number: Array, cost: Array = 0.0) -> Usage:
    """With one outcome more, or none; number: 1.0 or 0.0; cost: of the baseline on this job, 0 where not known."""
    xp = namespace(usage.cells)
    made, seen, last, spent = at(usage.cells, project, context)
    last = xp.where(number > 0, at(usage.projects, project), last)
    row = xp.stack([made, seen + number, last, spent + number * cost])
    return usage._replace(cells=put(usage.cells, row, project, context))


def scalars(usage: Usage, project: Array, context: Array, horizon: float | None) -> Array:
    """(11,): the fields of `policy.Context`, as `UsageCounts.context` has them."""
    xp = namespace(usage.cells)
    here, outcomes, last, spent = at(usage.cells, project, context)
    known = at(usage.cells, project)[:, 3].sum()
    there, everywhere = at(usage.projects, project), at(usage.contexts, context)
    total, number = usage.projects.sum(), xp.maximum((usage.projects > 0).sum(), 1)
    left = xp.maximum(HORIZON_MULTIPLE * total, 10.0) if horizon is None else xp.maximum(horizon - total, 1.0)
    usual = (HORIZON_MULTIPLE * total if horizon is None else left) / number
    left_project = xp.minimum(xp.maximum((HORIZON_MULTIPLE if horizon is None else 1.0) * there + 1.0, usual), left)
    share = xp.where(there > 0, here / xp.maximum(there, 1.0), 0.0)
    importance = xp.where(known > 0, spent / (known + (known <= 0)), share)
    rest = left * (everywhere - here) / (total + 2.0)
    remaining = left_project * (here + 1.0) / (there + 2.0)
    return xp.stack(
        [here, outcomes, share, importance, there - last, remaining, left_project, left, rest, there, 0.0 * there]
    )

"""`constraints.usage` as arrays, for a compiled loop: how often contexts were used, and how often they will be."""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, at, namespace, put
from poolwise.policy.constraints.lifetimes import any_ended, expected_uses, remaining, survival


class Usage(NamedTuple):
    """Running counts. Without costs a context is as important as it is frequent."""

    cells: Array
    """(P, C, 4): decisions, outcomes, the project's decisions at the last outcome, and what the baseline would have
    cost."""
    projects: Array
    """(P, 3): decisions, those of all projects at the last of them, and the longest silence before one."""
    contexts: Array
    """(C,): decisions."""


def empty(projects: int, contexts: int) -> Usage:
    return Usage(np.zeros((projects, contexts, 4)), np.zeros((projects, 3)), np.zeros(contexts))


def decided(usage: Usage, project: Array, context: Array) -> Usage:
    """With one decision more."""
    cells, projects, contexts = usage
    xp = namespace(cells)
    one = xp.asarray([1.0, 0.0, 0.0, 0.0], cells.dtype)
    made, last, silence = at(projects, project)
    total = projects[:, 0].sum()
    silence = xp.maximum(silence, (made > 0) * (total - last))
    return Usage(
        put(cells, at(cells, project, context) + one, project, context),
        put(projects, xp.stack([made + 1.0, total + 1.0, silence]), project),
        put(contexts, at(contexts, context) + 1.0, context),
    )


def observed(usage: Usage, project: Array, context: Array, number: Array, cost: Array = 0.0) -> Usage:
    """With one outcome more, or none; number: 1.0 or 0.0; cost: of the baseline on this job, 0 where not known."""
    xp = namespace(usage.cells)
    made, seen, last, spent = at(usage.cells, project, context)
    last = xp.where(number > 0, at(usage.projects, project)[0], last)
    row = xp.stack([made, seen + number, last, spent + number * cost])
    return usage._replace(cells=put(usage.cells, row, project, context))


def scalars(usage: Usage, project: Array, context: Array, horizon: float | None) -> Array:
    """(11,): the fields of `policy.Context`, as `UsageCounts.context` has them."""
    xp = namespace(usage.cells)
    here, outcomes, last, spent = at(usage.cells, project, context)
    known = at(usage.cells, project)[:, 3].sum()
    there, everywhere = at(usage.projects, project)[0], at(usage.contexts, context)
    total, number = usage.projects[:, 0].sum(), (usage.projects[:, 0] > 0).sum()
    ahead = remaining(survival(usage.projects, total), there)
    if horizon is not None:
        ahead = xp.where(any_ended(usage.projects, total), ahead, there + 1.0)
    left_project, left, remains, rest = expected_uses(
        here, there, everywhere, total, ahead, xp.maximum(number, 1), horizon
    )
    share = xp.where(there > 0, here / xp.maximum(there, 1.0), 0.0)
    importance = xp.where(known > 0, spent / (known + (known <= 0)), share)
    return xp.stack(
        [here, outcomes, share, importance, there - last, remains, left_project, left, rest, there, 0.0 * there]
    )

"""What a policy sees of a cell, in which cells something was decided, and what is still to be gained in them."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.engine.state.serving import Serving
from poolwise.engine.state.serving_posterior import ServingPosterior
from poolwise.policy.constraints.usage import UsageCounts
from poolwise.policy.further_gain import expected_further_gain
from poolwise.policy.view import View

Place = tuple[str, str, int, int]
"""Project and context, by name and by number."""


def view_of_cell(
    belief: ServingPosterior, name_index: NameIndex, usage: UsageCounts, project: int, context: int, allowed: np.ndarray
) -> View:
    """What a policy sees of one cell."""
    return belief.view((project, context), allowed, np.array(usage.context(project, context)))[0]


def places(name_index: NameIndex, usage: UsageCounts, only: str | None = None) -> Iterator[Place]:
    """Every (project, context) in which something was decided; of one project, where one is meant."""
    contexts = list(enumerate(name_index.names("context")))
    for p, project in enumerate(name_index.names("project")):
        if only in (None, project):
            yield from ((project, context, p, c) for c, context in contexts if usage.decisions(p, c))


def session(now: Serving) -> dict[str, Any]:
    """`expected_gain` of the trials that are left, in log units, the largest of all cells, and whether that is
    `enough`; nothing where decisions are real jobs."""
    if now.settings.goal != "best":
        return {}
    names, least = now.name_index, now.settings.enough
    cells = places(names, now.usage)
    views = (view_of_cell(now.belief, names, now.usage, p, c, names.allowed(None)) for _, _, p, c in cells)
    gain = max(map(expected_further_gain, views), default=None)
    return {"expected_gain": gain, "enough": gain is not None and least is not None and gain < least}

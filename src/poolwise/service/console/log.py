"""A page of the log of decisions, read backwards from a place in it."""

from typing import Any, NamedTuple

import numpy as np

from poolwise.errors import InputError
from poolwise.names import shown
from poolwise.store.base import DecisionColumns, Store

STEP, MOST = 200, 50
"""Places that are read at a time where one project or context is meant, and how many times for a page."""


class Part(NamedTuple):
    """Decisions, newest first."""

    rows: list[dict[str, Any]]
    older: int | None
    """The place before which to go on; None: there are no more."""
    whole: bool
    """Whether it is a page in full; otherwise the search ended, not the log."""


def part(store: Store, before: int | None, limit: int, project: str | None, context: str | None) -> Part:
    """Up to so many decisions before a place, of one project or context where one is meant; with those, some more, for
    all that were read are shown. Raises InputError for a name that is not there."""
    end, start = min(store.made(), store.made() if before is None else before), store.pruned()[1]
    wanted = {kind: _code(store, kind, name) for kind, name in (("project", project), ("context", context)) if name}
    step, steps = (STEP, MOST) if wanted else (limit, 1)
    found: list[DecisionColumns] = []
    while end > start and steps > 0 and sum(len(one.id) for one in found) < limit:
        first = max(start, end - step)
        found.append(_matching(store.decisions(first, end - first), wanted))
        end, steps = first, steps - 1
    rows = [row for columns in found for row in _rows(store, columns)]
    return Part(rows, end if end > start else None, len(rows) >= limit)


def _code(store: Store, kind: str, name: str) -> int:
    names = store.names(kind)
    if name not in names:
        raise InputError(f"no {kind} {shown(name)} in this store: look at the list of those that are known")
    return names.index(name)


def _matching(columns: DecisionColumns, wanted: dict[str, int]) -> DecisionColumns:
    keep = np.ones(len(columns.id), dtype=bool)
    for kind, code in wanted.items():
        keep &= getattr(columns, kind) == code
    return DecisionColumns(*(column[keep][::-1] for column in columns))


def _rows(store: Store, columns: DecisionColumns) -> list[dict[str, Any]]:
    names = {kind: store.names(kind) for kind in ("project", "context", "arm", "reason")}
    return [
        {
            "id": id,
            "time": time,
            "probability": chance,
            "project": names["project"][project],
            "context": names["context"][context],
            "arm": names["arm"][arm],
            "reason": names["reason"][reason],
            "outcome": store.outcome(id),
        }
        for id, project, context, arm, chance, _, time, reason, _ in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]

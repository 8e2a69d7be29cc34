"""A lease as a front end holds it: a decision that stands for a moment, and ids to draw it with."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, NamedTuple

from poolwise.policy.randomness import uniform

Cell = tuple[str, str]
"""Project and context."""
MOST = 4_096


class Lent(NamedTuple):
    """What the writer lends, as it was answered, and until when it holds here."""

    loan: dict[str, Any]
    until: float
    """Seconds of the monotonic clock."""
    ids: list[int]
    """Those that are left, the last one first."""


class Desk:
    """Every lease of a workspace that is held here; used on one event loop."""

    def __init__(self, staleness: float, clock: Callable[[], float]) -> None:
        """staleness: seconds, from before a lease was asked for, after which nothing is drawn from it."""
        self._staleness, self._clock = staleness, clock
        self._lent: dict[Cell, Lent] = {}
        self._seen: dict[Cell, float] = {}

    def draw(self, cell: Cell) -> dict[str, Any] | None:
        """A decision as it is to be appended and answered, but for its time; None where no lease holds."""
        lent = self._lent.get(cell)
        if lent is None:
            return None
        if not lent.ids or self._clock() >= lent.until:
            del self._lent[cell]
            return None
        return drawn(lent.loan, lent.ids.pop())

    def wanted(self, cell: Cell) -> bool:
        """Whether a lease is worth its while: a job came here within the time that one would have held."""
        now, before = self._clock(), self._seen.pop(cell, float("-inf"))
        self._seen[cell] = now
        if len(self._seen) > MOST:
            del self._seen[next(iter(self._seen))]
        return now - before < self._staleness

    def keep(self, loans: list[dict[str, Any]], asked: float) -> None:
        """Hold leases that were asked for at a time of the clock."""
        for loan in loans:
            ids = list(range(loan["first"] + loan["size"] - 1, loan["first"] - 1, -1))
            self._lent[loan["project"], loan["context"]] = Lent(loan, asked + self._staleness, ids)
        if len(self._lent) > MOST:
            now = self._clock()
            self._lent = {cell: lent for cell, lent in self._lent.items() if now < lent.until}

    def drop(self, cell: Cell) -> None:
        """Draw no more from what the writer says is over."""
        self._lent.pop(cell, None)


def drawn(loan: dict[str, Any], id: int) -> dict[str, Any]:
    """What the engine would choose with an id: a function of the lease and the id alone."""
    k = bisect_right(loan["cumulative"], uniform(loan["seed"], id))
    return {
        "lease": loan["first"],
        "id": id,
        "project": loan["project"],
        "context": loan["context"],
        "family": loan["families"][k],
        "params": loan["params"][k],
        "arm": loan["arms"][k],
        "probability": loan["probabilities"][k],
        "reason": loan["reasons"][k],
        "job": None,
        "view": loan["view"],
    }

"""Savings outcome by outcome: what is usual, what was saved, and the belief that follows. A mutable shell over
`retransformation`; it knows indices, never names.

What the baseline usually costs in a cell is the mean over its outcomes, drawn to that of its project, and that of all.
"""

from typing import Any

import numpy as np

from poolwise.posterior.likelihoods import retransformation
from poolwise.posterior.likelihoods.retransformation import PRIOR_COUNT, Pairs, Remainder
from poolwise.posterior.padding import padded_size
from poolwise.posterior.recursive.types import Predictive

Sums = list[float]
"""How many costs of the baseline, and their sum."""


class Savings:
    """family: (arms,) index; baseline: the arm that saves 0 by definition; limit: of log ratios, see `add`."""

    def __init__(self, family: np.ndarray, baseline: int, limit: float) -> None:
        self._family = np.unique(np.asarray(family), return_inverse=True)[1]
        self.baseline, self._limit = baseline, limit
        self._pairs = retransformation.empty(1, len(self._family))
        self._cells: dict[tuple[int, int], Sums] = {}
        self._projects: dict[int, Sums] = {}
        self._all: Sums = [0.0, 0.0]
        self._known: Remainder | None = None

    def usual(self, project: int, context: int) -> float:
        """What the baseline usually costs in a cell; 1 while nothing is known."""
        level, none = self.unit, [0.0, 0.0]
        for number, total in (self._projects.get(project, none), self._cells.get((project, context), none)):
            level = (PRIOR_COUNT * level + total) / (PRIOR_COUNT + number)
        return level

    @property
    def unit(self) -> float:
        """What it costs on average over all jobs."""
        number, total = self._all
        return total / number if number else 1.0

    def convert(self, found: Predictive, project: int, context: int) -> Predictive:
        """The belief about savings, as shares of what the baseline usually costs here, from that about log ratios."""
        self._make_room(context)
        if self._known is None:
            self._known = retransformation.remainder(self._pairs, self._family, self.unit)
        return retransformation.converted(found, self._known, context, self.baseline, self.usual(project, context))

    def add(self, project: int, context: int, arm: int, ratio: float, gained: float, home: float) -> None:
        """One outcome: its log ratio, which is cut at the limit; what was saved; and what the baseline cost, NaN where
        it was not measured."""
        self._known = None
        if home == home:
            cell, mine = self._cells.setdefault((project, context), [0.0, 0.0]), [0.0, 0.0]
            for sums in (cell, self._projects.setdefault(project, mine), self._all):
                sums[0] += 1.0
                sums[1] += home
        if arm != self.baseline:
            self._make_room(context)
            retransformation.add(self._pairs, context, arm, min(max(ratio, -self._limit), self._limit), gained)

    def fade(self, factor: float) -> None:
        """Let a share of all that was saved count."""
        self._pairs, self._known = Pairs(*(factor * part for part in self._pairs)), None

    def discount_cell(self, project: int, context: int, keep: np.ndarray, tried: np.ndarray) -> None:
        """Let a share of a cell's evidence count, (arms,). tried: outcomes [project, context, arm], before."""
        self._make_room(context)
        known = tried[:, context, : len(keep)]
        part = known[project] / np.maximum(known.sum(0), 1e-300)
        for sums in self._pairs:
            sums[context] *= 1.0 - part * (1.0 - keep)
        self._known = None

    def saved(self) -> tuple[dict[str, np.ndarray], list[list[float]]]:
        """Arrays and JSON, for `resume`."""
        return {"savings": np.array(self._pairs)}, [[*cell, *sums] for cell, sums in self._cells.items()]

    def resume(self, arrays: dict[str, np.ndarray], cells: list[Any]) -> None:
        """Go on from what was saved; arms that came since have no outcomes."""
        found = Pairs(*arrays["savings"])
        self._pairs = retransformation.padded(found, found.number.shape[0], len(self._family))
        for project, context, number, total in cells:
            self._cells[project, context] = [number, total]
            for sums in (self._projects.setdefault(project, [0.0, 0.0]), self._all):
                sums[0] += number
                sums[1] += total
        self._known = None

    def _make_room(self, context: int) -> None:
        contexts, arms = self._pairs.number.shape
        if context >= contexts:
            self._pairs, self._known = retransformation.padded(self._pairs, padded_size(context + 1), arms), None

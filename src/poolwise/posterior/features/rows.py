"""Outcomes with the features of their jobs, from which directions and slopes are computed whenever they are fitted.

Bounded: the last `RECENT` rows, and of those before a uniform sample of `EARLIER`. Rows that are gone still count in
the statistics of their cells, as jobs with the usual features.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float, Int
from poolwise.posterior.likelihoods.censored import Sites

RECENT, EARLIER = 20_000, 5_000
_GOLDEN = 0.6180339887498949
"""Multiples of it fill the interval from 0 to 1 evenly."""


class FeatureRows(NamedTuple):
    """A row per outcome, in their order."""

    raw: Float[np.ndarray, "row feature"]
    project: Int[np.ndarray, " row"]
    context: Int[np.ndarray, " row"]
    arm: Int[np.ndarray, " row"]
    utility: Float[np.ndarray, " row"]
    """As it counts."""
    weight: Float[np.ndarray, " row"]
    """What it counts as for the utility of a success: 0 of a failure, and of the baseline."""
    bound: Float[np.ndarray, " row"]
    """Where it was cut off, on the grid of `censored`; NaN: it was not."""
    age: Float[np.ndarray, " row"]
    """Share that its age leaves of it."""

    @property
    def place(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.project, self.context, self.arm

    def counted(self) -> "FeatureRows":
        """Those that count."""
        return FeatureRows(*(column[self.weight > 0] for column in self))


class RowMemory:
    """Mutable; rows are numbered as they come. Without features nothing is kept."""

    def __init__(self, features: int) -> None:
        self.features, self._size, self._total = features, 0, 0
        self._columns, self._priority = _columns(64, features), np.zeros(64)

    def append(
        self, raw: np.ndarray | None, place: tuple[int, int, int], utility: float, weight: float, bound: float
    ) -> None:
        """One outcome; raw: None where all features are missing."""
        if self.features:
            raw = np.full(self.features, np.nan) if raw is None else raw
            row = (raw[None], *([one] for one in (*place, utility, weight, bound, 1.0)))
            self.extend(FeatureRows(*row))  # type: ignore[arg-type]

    def extend(self, rows: FeatureRows) -> None:
        """Many, in their order."""
        if not self.features:
            return
        count = len(rows.arm)
        self._make_room(self._size + count)
        new = slice(self._size, self._size + count)
        for column, values in zip(self._columns, rows, strict=True):
            column[new] = values
        self._priority[new] = ((self._total + np.arange(count)) * _GOLDEN) % 1.0
        self._size, self._total = self._size + count, self._total + count
        if self._size > RECENT + 2 * EARLIER:
            self._thin()

    def _make_room(self, size: int) -> None:
        room = len(self._priority)
        if size > room:
            more = max(2 * room, size) - room
            self._priority = np.pad(self._priority, (0, more))
            pad = lambda column: np.pad(column, ((0, more), *((0, 0),) * (column.ndim - 1)))
            self._columns = FeatureRows(*map(pad, self._columns))

    def _thin(self) -> None:
        """Of the earlier ones, those with the smallest priorities stay: a uniform sample, whenever it is drawn."""
        earlier = self._size - RECENT
        kept = np.sort(np.argsort(self._priority[:earlier], kind="stable")[:EARLIER])
        chosen = np.concatenate([kept, np.arange(earlier, self._size)])
        for column in (*self._columns, self._priority):
            column[: len(chosen)] = column[chosen]
        self._size = len(chosen)

    def rows(self) -> FeatureRows | None:
        """Views of all that are kept; None without features."""
        return FeatureRows(*(column[: self._size] for column in self._columns)) if self.features else None

    def copied(self) -> FeatureRows | None:
        """All that are kept, which nothing changes later."""
        return None if (found := self.rows()) is None else FeatureRows(*(column.copy() for column in found))

    def discount(self, factor: float) -> None:
        """Let a share of everything count."""
        for column in (self._columns.weight, self._columns.age):
            column[: self._size] *= factor

    def discount_cell(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's rows count, (arms,)."""
        if (rows := self.rows()) is not None:
            here = (rows.project == project) & (rows.context == context)
            for column in (rows.weight, rows.age):
                column[here] *= keep[rows.arm[here]]

    def judge(self, sites: Sites) -> None:
        """Let those that were cut off count as the factors say that are kept of them."""
        if (rows := self.rows()) is None or not sites:
            return
        for at in np.flatnonzero(np.isfinite(rows.bound)).tolist():
            key = int(rows.project[at]), int(rows.context[at]), int(rows.arm[at]), int(rows.bound[at])
            if (site := sites.get(key)) is not None and site.number > 0:
                rows.weight[at], rows.utility[at] = rows.age[at] * site.weight / site.number, site.value

    def saved(self) -> dict[str, np.ndarray]:
        """What `resume` needs, copied; nothing without features."""
        if (rows := self.copied()) is None:
            return {}
        kept = {f"row_{name}": column for name, column in rows._asdict().items()}
        return {**kept, "row_priority": self._priority[: self._size].copy(), "row_total": np.array(self._total)}

    def resume(self, saved: Mapping[str, np.ndarray]) -> None:
        """Go on from what was saved. Features declared since are missing in it. Raises KeyError for what has none."""
        if not self.features:
            return
        kept = FeatureRows(*(saved[f"row_{name}"] for name in FeatureRows._fields))
        more = self.features - kept.raw.shape[1]
        raw = np.pad(kept.raw, ((0, 0), (0, max(more, 0))), constant_values=np.nan)[:, : self.features]
        self._columns, self._priority, self._size = _columns(64, self.features), np.zeros(64), 0
        self.extend(kept._replace(raw=raw))
        self._priority[: self._size], self._total = saved["row_priority"], int(saved["row_total"])


def _columns(room: int, features: int) -> FeatureRows:
    index = [np.zeros(room, dtype=np.int64) for _ in range(3)]
    return FeatureRows(np.zeros((room, features)), *index, *np.zeros((4, room)))

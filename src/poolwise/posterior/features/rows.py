"""Outcomes with the features of their jobs, from which directions and slopes are computed whenever they are fitted.

Bounded: the last `RECENT` rows, and of those before a uniform sample of `EARLIER`. Rows that are gone still count in
the statistics of their cells, as jobs with the usual features.
"""

from typing import NamedTuple

import numpy as np

from poolwise.arrays import Float, Int

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

    @property
    def place(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.project, self.context, self.arm

    def counted(self) -> "FeatureRows":
        """Those that count."""
        return FeatureRows(*(column[self.weight > 0] for column in self))


class RowMemory:
    """Mutable; rows are numbered as they come."""

    def __init__(self, features: int) -> None:
        self._features, self._size, self.total = features, 0, 0
        self._columns = _columns(64, features)
        self._priority = np.zeros(64)

    def append(self, raw: np.ndarray, place: tuple[int, int, int], utility: float, weight: float) -> None:
        """One outcome."""
        self.extend(FeatureRows(raw[None], *([one] for one in (*place, utility, weight))))  # type: ignore[arg-type]

    def extend(self, rows: FeatureRows) -> None:
        """Many, in their order."""
        count = len(rows.arm)
        self._make_room(self._size + count)
        new = slice(self._size, self._size + count)
        for column, values in zip(self._columns, rows, strict=True):
            column[new] = values
        self._priority[new] = ((self.total + np.arange(count)) * _GOLDEN) % 1.0
        self._size, self.total = self._size + count, self.total + count
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

    def rows(self) -> FeatureRows:
        """Views of all that are kept."""
        return FeatureRows(*(column[: self._size] for column in self._columns))

    def discount(self, factor: float) -> None:
        """Let a share of everything count."""
        self._columns.weight[: self._size] *= factor

    def discount_cell(self, project: int, context: int, keep: np.ndarray) -> None:
        """Let a share of a cell's rows count, (arms,)."""
        rows = self.rows()
        here = (rows.project == project) & (rows.context == context)
        rows.weight[here] *= keep[rows.arm[here]]

    def saved(self) -> dict[str, np.ndarray]:
        """What `resume` needs, copied."""
        kept = {f"row_{name}": column.copy() for name, column in self.rows()._asdict().items()}
        return {**kept, "row_priority": self._priority[: self._size].copy(), "row_total": np.array(self.total)}

    def resume(self, saved: dict[str, np.ndarray]) -> None:
        """Go on from what was saved. Features declared since are missing in it."""
        kept = FeatureRows(*(saved[f"row_{name}"] for name in FeatureRows._fields))
        more = self._features - kept.raw.shape[1]
        raw = np.pad(kept.raw, ((0, 0), (0, max(more, 0))), constant_values=np.nan)[:, : self._features]
        self._columns, self._priority = _columns(64, self._features), np.zeros(64)
        self._size = 0
        self.extend(kept._replace(raw=raw))
        self._priority[: self._size], self.total = saved["row_priority"], int(saved["row_total"])


def _columns(room: int, features: int) -> FeatureRows:
    index = [np.zeros(room, dtype=np.int64) for _ in range(3)]
    return FeatureRows(np.zeros((room, features)), *index, np.zeros(room), np.zeros(room))

"""Names of a store in memory, as numbers, and its decisions as columns of them and back."""

from collections.abc import Sequence

import numpy as np

from poolwise.schema import Decision, family_of
from poolwise.store.base import GONE, DecisionColumns


class MemoryNames:
    """Names of every kind, in the order in which they came."""

    def __init__(self) -> None:
        self._codes: dict[str, dict[str, int]] = {}

    def intern(self, kind: str, names: Sequence[str]) -> np.ndarray:
        """(names,) int64; new ones are kept."""
        known = self._codes.setdefault(kind, {})
        return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)

    def all(self, kind: str) -> list[str]:
        """In the order of their numbers."""
        return list(self._codes.get(kind, {}))

    def code(self, kind: str, name: str) -> int | None:
        """The number of a name that is known."""
        return self._codes.get(kind, {}).get(name)

    def forget(self, kind: str, names: Sequence[str]) -> None:
        """Their numbers stay."""
        gone, known = set(names), self._codes.get(kind, {})
        self._codes[kind] = {f"{GONE}{code}" if name in gone else name: code for name, code in known.items()}

    def columns(self, made: list[Decision]) -> DecisionColumns:
        """Decisions, column by column."""
        codes = {
            kind: self.intern(kind, [getattr(row, kind) for row in made]) if made else np.zeros(0, dtype=np.int64)
            for kind in ("project", "context", "arm", "reason")
        }
        jobs = [-1 if row.job is None else int(self.intern("job", [row.job])[0]) for row in made]
        return DecisionColumns(
            id=np.array([row.id for row in made], dtype=np.int64),
            probability=np.array([row.probability for row in made], dtype=np.float64),
            view=np.array([row.view for row in made], dtype=np.int64),
            time=np.array([row.time for row in made], dtype=np.float64),
            job=np.array(jobs, dtype=np.int64),
            **codes,
        )

    def row(self, block: DecisionColumns, row: int, known: np.ndarray | None = None) -> Decision:
        """One decision of columns; known: of its job."""
        project, context, arm, reason = (
            self.all(kind)[int(getattr(block, kind)[row])] for kind in ("project", "context", "arm", "reason")
        )
        job = self.all("job")[int(block.job[row])] if block.job[row] >= 0 else None
        chance, when, view = float(block.probability[row]), float(block.time[row]), int(block.view[row])
        id, features = int(block.id[row]), None if known is None else tuple(known.tolist())
        return Decision(id, project, context, family_of(arm), {}, arm, chance, reason, when, job, view, features)

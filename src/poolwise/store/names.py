"""Names of projects, contexts, arms and so on, as numbers: the order in which any process first gave them."""

from collections.abc import Sequence

import numpy as np

from poolwise.store import sql
from poolwise.store.database import Database

_NAMES = "SELECT name, position FROM name WHERE kind = ? AND position >= ? ORDER BY position"


class Names:
    """Read from the file when a name is asked for that was not met yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._codes: dict[str, dict[str, int]] = {}

    def intern(self, kind: str, names: Sequence[str]) -> np.ndarray:
        """(names,) int64; new ones are stored."""
        known = self._codes.setdefault(kind, {})
        if any(name not in known for name in names):
            self._refresh(kind)
            if any(name not in known for name in names):
                self._store(kind, names)
        return np.array([known[name] for name in names], dtype=np.int64)

    def all(self, kind: str) -> list[str]:
        """In the order of their numbers."""
        self._refresh(kind)
        return list(self._codes[kind])

    def code(self, kind: str, name: str) -> int:
        """The number of one name; a new one is stored."""
        code = self._codes.get(kind, {}).get(name)
        return int(self.intern(kind, [name])[0]) if code is None else code

    def _store(self, kind: str, names: Sequence[str]) -> None:
        known = self._codes[kind]
        with self._database.whole() as db:
            self._refresh(kind)
            new = [name for name in dict.fromkeys(names) if name not in known]
            db.executemany(sql.NAME, [(kind, len(known) + i, name) for i, name in enumerate(new)])
        self._refresh(kind)

    def _refresh(self, kind: str) -> None:
        known = self._codes.setdefault(kind, {})
        for name, position in self._database.all(_NAMES, kind, len(known)):
            known[name] = position

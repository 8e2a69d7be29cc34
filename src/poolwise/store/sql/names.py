"""Names of projects, contexts, arms and so on, as numbers: the order in which any process first gave them."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from poolwise.store.sql.database import Connection, Database
from poolwise.store.sql.statements import Statements

_KEPT = 1 << 16
"""So many are remembered at a time: jobs may have any number of names."""


class Names:
    """Read from the file when a name is asked for that was not met yet, or not lately."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._codes: dict[str, dict[str, int]] = {}
        self._texts: dict[tuple[str, int], str] = {}

    def clear(self) -> None:
        """Read all names again."""
        self._codes.clear()
        self._texts.clear()

    def intern(self, kind: str, names: Sequence[str]) -> np.ndarray:
        """(names,) int64; new ones are stored."""
        known = self._codes.setdefault(kind, {})
        found = {name: known[name] for name in names if name in known}
        missing = [name for name in dict.fromkeys(names) if name not in found]
        if missing:
            found |= self._look_up(kind, missing)
        return np.array([found[name] for name in names], dtype=np.int64)

    def all(self, kind: str) -> list[str]:
        """In the order of their numbers."""
        return [name for (name,) in self._database.all(self._database.sql.NAMES, kind)]

    def code(self, kind: str, name: str) -> int:
        """The number of one name; a new one is stored."""
        code = self._codes.get(kind, {}).get(name)
        return int(self.intern(kind, [name])[0]) if code is None else code

    def text(self, kind: str, code: int) -> str:
        """The name of a number."""
        if (kind, code) not in self._texts:
            (name,) = self._database.one(self._database.sql.NAME_OF, kind, code)
            if len(self._texts) >= _KEPT:
                self._texts.clear()
            self._texts[kind, code] = name
        return self._texts[kind, code]

    def _look_up(self, kind: str, names: list[str]) -> dict[str, int]:
        found = {name: row[0] for name in names if (row := self._database.row(self._database.sql.CODE, kind, name))}
        if len(found) < len(names):
            found = self._database.whole(partial(_stored, sql=self._database.sql, kind=kind, names=names))
        known = self._codes[kind]
        if len(known) + len(found) > _KEPT:
            known.clear()
        known.update(found)
        return found


def _stored(db: Connection, sql: Statements, kind: str, names: list[str]) -> dict[str, int]:
    """The numbers of names, inside of a transaction; new ones follow those that there are."""
    found = {name: row[0] for name in names if (row := db.execute(sql.CODE, (kind, name)).fetchone())}
    (first,) = db.execute(sql.NEXT_NAME, (kind,)).fetchone()
    new = {name: first + i for i, name in enumerate(name for name in names if name not in found)}
    db.executemany(sql.NAME, [(kind, code, name) for name, code in new.items()])
    return found | new

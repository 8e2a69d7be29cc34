"""Views of decisions, on their way to the file: durable together with the first decision that is stored after them."""

import json
from typing import Any

from poolwise.errors import UnknownDecision
from poolwise.schema import LoggedView
from poolwise.store.codec import pack, unpack, unpack_first
from poolwise.store.sql.database import Database
from poolwise.store.sql.ids import Ids
from poolwise.store.sql.names import Names

_PENDING = 1024
"""Views that wait for a decision: those that no decision followed must not add up."""


class Views:
    """Views that wait, and those of the file; lists of arms and layouts of arrays are stored once."""

    def __init__(self, database: Database, names: Names) -> None:
        self._database, self._names, self._ids = database, names, Ids(database, "view")
        self.pending: dict[int, LoggedView] = {}
        """Those that wait, by id."""
        self._keys: dict[tuple[str, Any], int] = {}

    @property
    def full(self) -> bool:
        """Whether those that wait are to be stored before another one comes."""
        return len(self.pending) >= _PENDING

    def add(self, view: LoggedView) -> int:
        """Its id, under which it waits."""
        key = self._ids.take(1)
        self.pending[key] = view
        return key

    def get(self, id: int) -> LoggedView:
        """One view. Raises UnknownDecision where it is not in the store."""
        if id in self.pending:
            return self.pending[id]._replace(id=id)
        row = self._database.row(self._database.sql.LOGGED, id)
        if row is None:
            raise UnknownDecision(f"view {id} is not in this store: `poolwise retention` has archived it")
        project, context, policy, snapshot, outcomes, body, arms, line = row
        project, context = self._names.text("project", project), self._names.text("context", context)
        with self._database.reading:
            arrays = unpack_first(body) if line is None else unpack(line, body)
            return LoggedView(id, project, context, policy, snapshot, outcomes, tuple(json.loads(arms)), arrays)

    def rows(self) -> list[tuple]:
        """Those that wait, as rows of the table."""
        return [self._row(key, view) for key, view in list(self.pending.items())]

    def written(self, rows: list[tuple]) -> None:
        """These rows of `rows` are on file."""
        for key, *_ in rows:
            self.pending.pop(key, None)

    def _row(self, key: int, view: LoggedView) -> tuple:
        line, body = pack(view.arrays)
        place = self._names.code("project", view.project), self._names.code("context", view.context)
        sql = self._database.sql
        arms = self._key("arms", view.arms, sql.ARMS_KEY, sql.ARMS)
        layout = self._key("line", line, sql.LAYOUT_KEY, sql.LAYOUT)
        return (key, *place, view.policy, view.snapshot, view.outcomes, arms, body, layout)

    def _key(self, kind: str, value: Any, select: str, insert: str) -> int:
        if (kind, value) not in self._keys:
            text = value if isinstance(value, str) else json.dumps(value)
            self._keys[kind, value] = self._database.key(select, insert, (text,))
        return self._keys[kind, value]

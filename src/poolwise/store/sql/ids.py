"""Ids that nobody else will ever get: taken from the file in blocks, handed out from memory."""

import threading

from poolwise.store.sql.database import Database

_BLOCK = 4096
"""So many at a time; those that a process does not use are skipped."""


class Ids:
    """Of one kind. Safe to share between threads; a child of a fork is refused them."""

    def __init__(self, database: Database, kind: str) -> None:
        self._database, self._kind = database, kind
        self._lock = threading.Lock()
        self._free = (0, 0)

    def take(self, count: int) -> int:
        """First of so many. Raises StoreError."""
        self._database.check_process()
        with self._lock:
            first, end = self._free
            if end - first < count:
                size = max(count, _BLOCK)
                end = self._database.count(self._kind, size) + 1
                first = end - size
            self._free = (first + count, end)
            return first

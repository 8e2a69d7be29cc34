"""What one process of many does for all: whoever holds the lease of its name, until it is given back or runs out.

A lease is a row of `counter` that holds when it ends, in microseconds since 1970: that of a process that was killed
ends by itself, and nobody asks whether it still lives.
"""

import time

from poolwise.store.sql.database import Database


class Leases:
    """Of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, int] = {}

    def take(self, name: str, seconds: float) -> bool:
        """Whether this process may from now on, for so long. Refusing writes nothing. Raises StoreError."""
        now = time.time_ns() // 1000
        end = now + int(1e6 * seconds)
        held, own = self._database.row(self._database.sql.COUNTER, name), self._held.get(name, 0)
        if held is not None and now <= held[0] <= end and held[0] != own:
            return False  # One that ends later than it could is of a clock that was set back.
        taken = self._database.write(self._database.sql.TAKE_LEASE, (name, end, now, own)) == 1
        if taken:
            self._held[name] = end
        return taken

    def release(self, name: str) -> None:
        """Give back what this process holds, if it still does. Raises StoreError."""
        if (end := self._held.pop(name, None)) is not None:
            self._database.write(self._database.sql.RELEASE_LEASE, (name, end))

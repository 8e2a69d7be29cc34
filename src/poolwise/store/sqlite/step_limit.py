"""A damaged page that leads back to itself would be read for ever: what takes more steps than the file could ask for is
stopped."""

import sqlite3

from poolwise.store.sqlite import place

_STEPS = 1_000_000
"""Of SQLite's machine, between two looks; most statements take fewer, and cost nothing."""
_PER_BYTE = 100
"""Far more than any statement of ours takes to read a whole store: a row of 50 bytes takes some 20 steps."""


class Steps:
    """Counts what one call takes; `fired` is set to 0 before it."""

    def __init__(self, db: sqlite3.Connection, path: str | None) -> None:
        self.fired, self._path = 0, path
        db.set_progress_handler(self, _STEPS)

    def __call__(self) -> bool:
        """Whether to stop, which raises sqlite3.OperationalError."""
        self.fired += 1
        return bool(self._path) and self.fired * _STEPS > max(_PER_BYTE * self.bytes(), 20 * _STEPS)

    def bytes(self) -> int:
        """Of the file and its log; 0 in memory."""
        return place.size(self._path) + place.size(f"{self._path}-wal") if self._path else 0

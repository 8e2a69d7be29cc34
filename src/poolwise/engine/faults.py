"""What became of decisions while the store could not be used."""

import time


class Faults:
    """After a fault the store is left alone for as long as a call may wait: whoever stands in line behind a call that
    waited is answered at once. `lock_wait`: see `Settings`."""

    def __init__(self, lock_wait: float) -> None:
        self._pause = lock_wait
        self._until: float | None = None
        self.unlogged, self.met, self.last = 0, 0, ""

    @property
    def waiting(self) -> bool:
        """Whether the store is left alone."""
        return self._until is not None and time.monotonic() < self._until

    def meet(self, error: Exception) -> None:
        """A call of the store has failed."""
        self.met, self.last, self._until = self.met + 1, str(error), time.monotonic() + self._pause

    def over(self) -> None:
        """A call of the store was answered."""
        self._until = None

    def status(self) -> dict[str, int | str]:
        """Decisions that were not logged, faults of the store, and the last of these, since the engine was opened."""
        body: dict[str, int | str] = {"unlogged": self.unlogged, "store_faults": self.met}
        return {**body, "last_fault": self.last} if self.last else body

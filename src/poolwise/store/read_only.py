"""A store that is only looked at: what an engine notes down for itself stays in memory, events are refused."""

from collections.abc import Sequence
from typing import Any, NoReturn, cast

import numpy as np

from poolwise.errors import StoreReadOnly
from poolwise.schema import Snapshot
from poolwise.store.base import Checkpoint, Store
from poolwise.store.rows import snapshot_of

_EVENTS = ("reserve", "append_view", "append_decision", "append_decisions", "append_outcome", "append_outcomes", "undo")


def looking(store: Store) -> Store:
    """The store with everything that it says, and nothing that it would be told."""
    return cast(Store, _Looking(store))


class _Looking:
    """Names, policies, records and snapshots follow those of the store; all else is the store's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._names: dict[str, list[str]] = {}
        self._policies: list[tuple[str, dict[str, Any]]] = []
        self._records: dict[str, list[dict[str, Any]]] = {}

    def __getattr__(self, name: str) -> Any:
        return _refused if name in _EVENTS else getattr(self._store, name)

    def names(self, kind: str) -> list[str]:
        if kind not in self._names:
            self._names[kind] = self._store.names(kind)
        return list(self._names[kind])

    def intern(self, kind: str, names: Sequence[str]) -> np.ndarray:
        known = self._names[kind] = list(dict.fromkeys([*self.names(kind), *names]))
        codes = {name: code for code, name in enumerate(known)}
        return np.array([codes[name] for name in names], dtype=np.int64)

    def add_policy(self, spec: str, params: dict[str, Any]) -> int:
        """Negative, for the store's own go upwards."""
        self._policies.append((spec, params))
        return -len(self._policies)

    def policy(self, key: int) -> tuple[str, dict[str, Any]]:
        return self._policies[-key - 1] if key < 0 else self._store.policy(key)

    def append_record(self, kind: str, body: dict[str, Any]) -> int:
        self._records.setdefault(kind, []).append(body)
        return len(self.records(kind))

    def records(self, kind: str, after: int = 0) -> list[dict[str, Any]]:
        return (self._store.records(kind) + self._records.get(kind, []))[after:]

    def append_snapshot(self, snapshot: Snapshot) -> int:
        return self.append_record("snapshot", snapshot._asdict())

    def snapshots(self, after: int = 0) -> list[Snapshot]:
        return [snapshot_of(body, i) for i, body in enumerate(self.records("snapshot", after), start=after + 1)]

    def lease(self, name: str, seconds: float) -> bool:
        """What is found stays here, whoever else finds it."""
        return True

    def release(self, name: str) -> None:
        """Nothing is held."""

    def save_checkpoint(self, name: str, checkpoint: Checkpoint) -> None:
        """Can be computed again."""


def _refused(*_: Any) -> NoReturn:
    raise StoreReadOnly("this store was opened to look: open it without look=True to add events")

"""Decisions that have had no outcome for too long: they count as failed, in the belief alone, until heard of."""

from typing import Any

import numpy as np

Place = tuple[int, int]
"""Project and context."""


class Overdue:
    """How many failures are assumed in every place."""

    def __init__(self) -> None:
        self.until = -np.inf
        """Decisions made before this time that had no outcome then count as failed."""
        self._assumed: dict[Place, int] = {}
        self._set_aside: dict[Place, float] = {}
        """Where evidence was set aside, what had been assumed with it: of decisions made before these times."""

    def __len__(self) -> int:
        return sum(self._assumed.values())

    def assume(self, place: Place) -> None:
        """One more failure."""
        self._assumed[place] = self._assumed.get(place, 0) + 1

    def heard(self, place: Place, made: float) -> bool:
        """Of a decision that was made at this time: whether its failure had been assumed."""
        found = self._set_aside.get(place, -np.inf) <= made < self.until and self._assumed.get(place, 0) > 0
        if found:
            self._assumed[place] -= 1
        return found

    def set_aside(self, place: Place) -> None:
        """What was assumed there no longer counts."""
        self._set_aside[place] = self.until
        self._assumed.pop(place, None)

    def saved(self) -> dict[str, Any]:
        """For `resume`, as JSON."""
        return {
            "assumed": [[*place, number] for place, number in self._assumed.items()],
            "aside": [[*place, _finite(until)] for place, until in self._set_aside.items()],
            "until": _finite(self.until),
        }

    def resume(self, saved: dict[str, Any]) -> None:
        """Go on from what was saved."""
        self._assumed = {(p, c): number for p, c, number in saved["assumed"]}
        self._set_aside = {(p, c): _time(until) for p, c, until in saved["aside"]}
        self.until = _time(saved["until"])


def _finite(time: float) -> float | None:
    return time if np.isfinite(time) else None


def _time(saved: float | None) -> float:
    return -np.inf if saved is None else saved

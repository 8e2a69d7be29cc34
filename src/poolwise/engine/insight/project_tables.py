"""How the projects of an engine compare (`Engine.across`); safe to call from several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from poolwise.engine import insight
from poolwise.engine.state.serving import Serving
from poolwise.lazy import pandas as pd
from poolwise.names import checked


class ProjectTables:
    """Tables over projects, from what is believed now."""

    def __init__(self, held: Callable[[], threading.RLock], current: Callable[[], Serving]) -> None:
        self._held, self._current = held, current

    def projects(self, gain: Mapping[str, float] | None = None) -> pd.DataFrame:
        """What every project is like, what it gave the others and took from them; see `profile.projects`.

        gain: mean utility of every project's outcomes, where that is known; otherwise all are read, while decisions go
        on."""
        with self._held():
            store = self._current().store
        gain = insight.profile.gains(store) if gain is None else gain
        with self._held():
            now = self._current()
            return insight.profile.projects(now.belief, now.name_index, now.usage, gain)

    def goal(self) -> dict[str, Any]:
        """What the goal in force costs and brings, and what the other would; see `goals.goal`."""
        with self._held():
            return insight.goals.goal(self._current())

    def deviations(self) -> pd.DataFrame:
        """Which arms are better or worse in a project than elsewhere; see `profile.project_deviations`."""
        with self._held():
            now = self._current()
            return insight.profile.project_deviations(now.belief, now.name_index)

    def borrowing(self, project: str, context: str) -> pd.DataFrame:
        """What is believed of every arm in one context of one project, and what of that is borrowed; see
        `borrowing.borrowing`.

        Raises InputError for a project or context that is not known."""
        with self._held():
            return insight.borrowing.borrowing(self._current(), project, context)

    def similar(self, project: str) -> insight.similar.Similar:
        """The projects most like one, and what they would recommend to it. Raises InputError for an unknown one."""
        project = checked("project", project)
        with self._held():
            now = self._current()
            return insight.similar.similar(now.belief, now.name_index, project)

    def positions(self) -> pd.DataFrame:
        """Of every project on every project factor; see `similar.positions`."""
        with self._held():
            now = self._current()
            return insight.similar.positions(now.belief, now.name_index)

"""How the projects of an engine compare (`Engine.across`); safe to call from several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from poolwise.engine import insight
from poolwise.engine.state.serving import Serving
from poolwise.lazy import pandas as pd
from poolwise.names import checked


class ProjectTables:
    """Tables over projects, from what is believed now."""

    def __init__(self, held: Callable[[], threading.RLock], current: Callable[[], Serving]) -> None:
        self._held, self._current = held, current

    def projects(self) -> pd.DataFrame:
        """What every project is like, what it gave the others and took from them; see `profile.projects`."""
        with self._held():
            now = self._current()
            return insight.profile.projects(now.belief, now.name_index, now.store)

    def deviations(self) -> pd.DataFrame:
        """Which arms are better or worse in a project than elsewhere; see `profile.project_deviations`."""
        with self._held():
            now = self._current()
            return insight.profile.project_deviations(now.belief, now.name_index)

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

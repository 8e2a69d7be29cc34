"""How the projects of an engine compare (`Engine.across`); safe to call from several threads."""

import threading
from collections.abc import Callable

import pandas as pd

from poolwise.engine.insight import profile
from poolwise.engine.insight.similar import Similar, positions, similar
from poolwise.engine.state.serving import Serving
from poolwise.names import checked


class ProjectTables:
    """Tables over projects, from what is believed now."""

    def __init__(self, held: Callable[[], threading.RLock], current: Callable[[], Serving]) -> None:
        self._held, self._current = held, current

    def projects(self) -> pd.DataFrame:
        """What every project is like, what it gave the others and took from them; see `profile.projects`."""
        with self._held():
            now = self._current()
            return profile.projects(now.belief, now.name_index, now.store)

    def deviations(self) -> pd.DataFrame:
        """Which arms are better or worse in a project than elsewhere; see `profile.project_deviations`."""
        with self._held():
            now = self._current()
            return profile.project_deviations(now.belief, now.name_index)

    def similar(self, project: str) -> Similar:
        """The projects most like one, and what they would recommend to it. Raises InputError for an unknown one."""
        project = checked("project", project)
        with self._held():
            now = self._current()
            return similar(now.belief, now.name_index, project)

    def positions(self) -> pd.DataFrame:
        """Of every project on every project factor; see `similar.positions`."""
        with self._held():
            now = self._current()
            return positions(now.belief, now.name_index)

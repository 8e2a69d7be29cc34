"""How the projects of an engine compare (`Engine.across`); safe to call from several threads."""

import threading

import pandas as pd

from poolwise.engine import profile
from poolwise.engine.catalogue import Catalogue
from poolwise.engine.live import Live
from poolwise.engine.similar import Similar, positions, similar
from poolwise.names import checked
from poolwise.store.base import Store


class Across:
    """Tables over projects, from what is believed now."""

    def __init__(self, lock: threading.RLock, store: Store, catalogue: Catalogue, live: Live) -> None:
        self._lock, self._store, self._catalogue, self._live = lock, store, catalogue, live

    def projects(self) -> pd.DataFrame:
        """What every project is like, what it gave the others and took from them; see `profile.projects`."""
        with self._lock:
            return profile.projects(self._live, self._catalogue, self._store)

    def deviations(self) -> pd.DataFrame:
        """Which arms are better or worse in a project than elsewhere; see `profile.personal`."""
        with self._lock:
            return profile.personal(self._live, self._catalogue)

    def similar(self, project: str) -> Similar:
        """The projects most like one, and what they would recommend to it. Raises InputError for an unknown one."""
        project = checked("project", project)
        with self._lock:
            return similar(self._live, self._catalogue, project)

    def positions(self) -> pd.DataFrame:
        """Of every project on every project factor; see `similar.positions`."""
        with self._lock:
            return positions(self._live, self._catalogue)

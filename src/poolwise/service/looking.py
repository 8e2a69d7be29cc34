"""Looking at an engine that decides meanwhile: in steps, for decisions wait during each."""

import time
from typing import Any

from poolwise.engine.engine import Engine

LISTS = ("contexts", "ahead", "recommended", "quarantined", "drift", "coverage", "shadow")
"""What `Engine.overview` says of each project; the rest is of all."""
PAUSE = 0.001
"""Seconds between two steps: a lock that is asked for again at once is not given to those who wait for it."""


def by_project(engine: Engine) -> dict[str, Any]:
    """As `Engine.overview`, asked project by project, so that no decision waits for all of it."""
    exploration = engine.settings.exploration
    if exploration is not None and exploration.coverage is not None:
        return engine.overview()  # Which reads all events once, and would once for every project.
    projects: list[str | None] = [*engine.store.names("project")]
    parts = []
    for project in projects or [None]:
        parts.append(engine.overview(project))
        time.sleep(PAUSE)
    return parts[-1] | {name: [row for part in parts for row in part.get(name, [])] for name in LISTS}

"""Looking at an engine that decides meanwhile: in steps, for decisions wait during each."""

from typing import Any

from poolwise.engine.engine import Engine

LISTS = ("contexts", "quarantined", "drift", "coverage", "shadow")
"""What `Engine.overview` says of each project; the rest is of all."""


def by_project(engine: Engine) -> dict[str, Any]:
    """As `Engine.overview`, asked project by project, so that no decision waits for all of it."""
    exploration = engine.settings.exploration
    if exploration is not None and exploration.coverage is not None:
        return engine.overview()  # Which reads all events once, and would once for every project.
    projects: list[str | None] = [*engine.store.names("project")]
    parts = [engine.overview(project) for project in projects or [None]]
    return parts[-1] | {name: [row for part in parts for row in part.get(name, [])] for name in LISTS}

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
    whole: dict[str, Any] = {name: [] for name in LISTS}
    projects: list[str | None] = [*engine.store.names("project")]
    for project in projects or [None]:
        part = engine.overview(project)
        lists = {name: [*whole[name], *part.get(name, [])] for name in LISTS}
        whole = {**whole, **part, **lists}
    return whole

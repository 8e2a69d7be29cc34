"""When an engine's scales are estimated again: as often as all outcomes ask, or those of one project.

Where arms resemble each other, scales tell how far a project differs from the others, configuration by configuration.
One that comes late would wait for a fifth more of all outcomes, which may be all it ever has.
"""

import numpy as np

from poolwise.posterior.hyperparameters.refit_schedule import due, until
from poolwise.posterior.posterior import Posterior

Every = tuple[tuple[int, int], ...]
"""As `refit_schedule.EVERY`."""


def is_due(every: Every, posterior: Posterior, estimated: int, project: int, left: int = 0) -> bool:
    """estimated: outcomes at the last estimate; project: of the last outcome; left: outcomes that are not counted."""
    if due(every, posterior.outcomes - left, estimated):
        return True
    if posterior.hyperparameters.gaussian.ground is None:
        return False
    made = _made(posterior, project)
    return due(every, made - left, _known(posterior, project, made, posterior.outcomes - estimated))


def until_due(every: Every, posterior: Posterior, estimated: int, projects: np.ndarray) -> int:
    """After how many more outcomes, of these projects in their order, they are due."""
    most, made = until(every, posterior.outcomes, estimated), dict[int, int]()
    if posterior.hyperparameters.gaussian.ground is None:
        return most
    for more, project in enumerate(projects[:most].tolist(), start=1):
        now = made[project] = 1 + (made[project] if project in made else _made(posterior, project))
        if due(every, now, _known(posterior, project, now, posterior.outcomes + more - estimated)):
            return more
    return most


def _made(posterior: Posterior, project: int) -> int:
    """Outcomes of a project."""
    return round(posterior.serving().outcomes_of(project))


def _known(posterior: Posterior, project: int, made: int, new: int) -> int:
    """How many of them were there at the last estimate, or when one was tried; new: outcomes of all since then."""
    counted = posterior.hyperparameters.counted
    return max(round(counted[project]) if project < len(counted) else 0, made - new)

"""The card that is learned on simulated systems: nothing of the table on which it is judged but its size."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.simulation.world import Problem
from poolwise.meta import policy_card as cards
from poolwise.meta import racing, simulated, systems
from poolwise.policy import default
from poolwise.simulate import Shape

SYSTEMS, SEEDS, PROJECTS, DECISIONS = 32, 9, 6, 60
"""Systems of every kind of stress around the hyperprior's medians; most runs, of 16 worlds each, of a setting on one;
projects of each, and decisions of a project."""
FIRST = 100
"""Number of the first seed."""


def kept(path: Path, problem: Problem) -> dict[str, Any]:
    """From its file, where it is written first if it is not there. Raises DataError where it was not promoted."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        cards.write(learned(Shape(PROJECTS, DECISIONS, len(problem.contexts), len(problem.arms))), path)
    return cards.read(path)


def learned(shape: Shape) -> dict[str, Any]:
    """By a race of settings of the default policy."""
    past = simulated.of_systems(systems.sample(np.random.default_rng((FIRST, 0)), SYSTEMS, None, shape), shape)
    usual = default()
    return cards.of_race(racing.race(past, usual, racing.grid(usual), range(FIRST, FIRST + SEEDS), np.inf))

"""The scales of `runs`: variances of every tier and block, and noise, one set per run."""

from typing import NamedTuple

import numpy as np

from poolwise.posterior.hyper import Tier

MEDIAN = (Tier(0.2, 0.2, 0.15, 0.3), Tier(0.3, 0.3, 0.3, 0.3), Tier(0.5, 0.2, 0.1, 0.05))
"""Of the hyperprior: standard deviations of arm, family and globe, in the unit. Contexts differ less than in
`hyper.PRIOR`: the effects of arms and families that vary more are stretched by their noise here."""
NOISE = 0.4
"""Of the hyperprior: standard deviation of one outcome."""


class Scales(NamedTuple):
    """Variances, in squared units of the utility."""

    arm: np.ndarray
    """(4, runs): of level, context, project, cell."""
    family: np.ndarray
    globe: np.ndarray
    noise: np.ndarray
    """(runs, arms): of one outcome."""
    spread: np.ndarray
    """(runs, contexts): factor of the noise, 1 on average."""
    stretch: np.ndarray
    """(runs, arms): effects of contexts, projects and cells vary with the arm's noise; factor of their variance."""
    stretch_family: np.ndarray
    """(runs, families)."""
    unit: np.ndarray
    """(runs,): the hyperprior's medians are in this unit (squared)."""


def medians() -> np.ndarray:
    """(3, 4): the hyperprior's variances of arm, family and globe, in the unit."""
    return np.array(MEDIAN) ** 2


def starting(runs: int, contexts: int, arms: int, families: int) -> Scales:
    """Before any outcome, in the natural unit."""
    arm, family, globe = (np.repeat(tier[:, None], runs, axis=1) for tier in medians())
    noise = np.full((runs, arms), NOISE**2)
    ones = np.ones((runs, arms))
    return Scales(arm, family, globe, noise, np.ones((runs, contexts)), ones, np.ones((runs, families)), np.ones(runs))

"""What a system is like, in numbers that have no unit: what a learned way of exploring goes by."""

import math
from typing import Any, NamedTuple

import numpy as np

from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters


class MetaFeatures(NamedTuple):
    """Natural logarithms, so that a difference is a factor."""

    arms: float
    contexts: float
    concentration: float
    """log(contexts) minus the entropy of their frequencies: 0 where all come equally often."""
    noise: float
    """Of one outcome, in units of the standard deviation of a cell's utility."""
    deviation: float
    """Share of the projects' own part in that variance."""
    horizon: float
    """Decisions expected of a project."""
    rest: float
    """Decisions expected of all projects, in units of that."""
    skew: float
    """Standard deviation of the logarithm of what a job of each context is worth."""


def of(
    scales: GaussianHyperparameters, arms: int, frequency: Any, importance: Any, horizon: float, every: float
) -> MetaFeatures:
    """frequency, importance: (contexts,) how often each comes and what a job of it is worth, in any unit; horizon,
    every: decisions expected of one project and of all."""
    totals = [math.hypot(*(float(tier[k]) for tier in scales[:3])) for k in range(4)]
    share = np.asarray(frequency, dtype=float) / np.sum(frequency)
    entropy = -float((share * np.log(np.maximum(share, 1e-12))).sum())
    own, total = totals[2] ** 2 + totals[3] ** 2, sum(scale**2 for scale in totals)
    return MetaFeatures(
        math.log(arms),
        math.log(len(share)),
        math.log(len(share)) - entropy,
        math.log(float(np.median(scales.noise)) / total**0.5),
        math.log(own / total),
        math.log(horizon),
        math.log(max(every / horizon, 1.0)),
        float(np.std(np.log(importance))),
    )

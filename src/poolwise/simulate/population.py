"""What simulated projects are drawn from: the scales of a fitted hierarchy, and what can go wrong around them."""

from typing import Any, NamedTuple

import numpy as np

from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales

Array = Any


class Shape(NamedTuple):
    """Sizes; they are compiled into the loop. Projects come one after another, `decisions` each."""

    projects: int
    decisions: int
    contexts: int
    arms: int
    families: int = 0
    """0: every arm is a family of its own."""

    @property
    def family(self) -> np.ndarray:
        """(arms,) index of the family, concrete: it is structure."""
        return np.arange(self.arms) * (self.families or self.arms) // self.arms

    @property
    def offered(self) -> slice:
        """All arms."""
        return slice(None)

    @property
    def baseline(self) -> int:
        return 0


class Population(NamedTuple):
    """Numbers only, so that populations stack along a leading axis. Utilities in any one unit.

    The baseline is arm 0, with utility 0 and a fifth of the usual noise.
    """

    scales: GaussianHyperparameters
    """Scales of all effects around the tier above, and the noise of every arm; `spread` is not used."""
    success: Array = 3.0
    """Log odds that a job of an average arm does not fail."""
    success_scale: Array = 1.0
    """Standard deviation of the log odds, of arms and of contexts each."""
    failed: Array = -0.7
    """Utility of a failure."""
    concentration: Array = 1.0
    """Contexts come with frequency rank^-concentration."""
    importance: Array = 0.0
    """Standard deviation of the logarithm of what a job is worth, over contexts."""
    drift: Array = 0.0
    """Probability per decision that the project's own deviations are drawn afresh."""
    outlier: Array = 0.0
    """Probability that a project's arms are shuffled in every context."""
    scale_error: Array = 0.0
    """Standard deviation of the logarithm of every scale that the belief uses, around the true one."""


def population_of(scales: GaussianHyperparameters, **rest: float) -> Population:
    """The population of a fitted hierarchy; `rest` as the fields of `Population`."""
    return Population(scales._replace(spread=np.zeros(0), pooled=None, elicited=None), **rest)


def merged(scales: GaussianHyperparameters, shape: Shape) -> GaussianHyperparameters:
    """The same effects without a tier of families, where each has one arm, or all are of one."""
    families = len(set(shape.family.tolist()))
    if 1 < families < shape.arms:
        return scales
    both = lambda tier: TierScales(*((a**2 + b**2) ** 0.5 for a, b in zip(tier, scales.family, strict=True)))
    plain = scales._replace(family=TierScales(0.0, 0.0, 0.0, 0.0))
    return plain._replace(globe=both(scales.globe)) if families == 1 else plain._replace(arm=both(scales.arm))

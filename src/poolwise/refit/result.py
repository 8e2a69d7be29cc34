"""What every method hands to the gate and to the file for ArviZ, however it came to it."""

from typing import Any, NamedTuple

import numpy as np

from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.types import Marginals

Values = dict[str, np.ndarray]
"""By name of the variable."""


class Draws(NamedTuple):
    """Arrays with leading axes (chain, draw), by name; the groups of ArviZ's InferenceData."""

    posterior: Values
    sample_stats: Values
    prior: Values
    prior_predictive: Values
    posterior_predictive: Values
    log_likelihood: Values
    """One number for every cell that was seen, in the order of `np.nonzero(count)`."""
    constant_data: Values
    """Without leading axes: counts, and scales that were not drawn."""


class RefitResult(NamedTuple):
    """What a method found."""

    hyperparameters: Hyperparameters
    """What would serve."""
    draws: Draws
    theta: Marginals | None
    """Of the utility given success, from the draws [project, context, arm]; None where it is what serves."""
    chance: Marginals | None
    """Of success, likewise."""
    notes: dict[str, Any]
    """JSON: how the search went."""
    chains: Values
    """All draws of what was sampled, (chain, draw, ...), before any were left out of the file."""


BUDGET = 10_000_000
"""Numbers of one variable that are kept: of large systems, so many draws of every cell as fit."""


def thinning(chains: int, draws: int, cells: int) -> int:
    """Every so-many-th draw of the cells is kept.

    >>> thinning(4, 500, 16_000)
    4
    """
    return max(1, -(-chains * draws * cells // BUDGET))

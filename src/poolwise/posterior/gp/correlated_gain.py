"""How far an outcome of an arm tells it from the best one, where arms are alike: of two neighbours it tells little.

    contrast_a = 1 - Cov(theta_a, theta_b) / Var theta_a

with b the best arm, or the second best for that one itself: a change of the belief in a by d changes its advantage over
b by contrast_a d. Source: Frazier, Powell and Dayanik (2009), the knowledge gradient for correlated beliefs.
"""

from typing import Protocol

import numpy as np

from poolwise.posterior.gp import gp_filter


class HasMarginals(Protocol):
    """Belief about the utility of every arm, (arms,) each."""

    @property
    def mean(self) -> np.ndarray: ...

    @property
    def scale(self) -> np.ndarray: ...


def gain_over_best(
    state: gp_filter.State,
    at: tuple[int, int],
    utility: HasMarginals,
    chance: np.ndarray,
    offered: np.ndarray,
    *,
    session: bool = False,
) -> np.ndarray:
    """(offered,) in [0, 1]. utility: of the offered arms in this (project, context), (offered,); chance: mean chance of
    success of every arm; offered: their indices. What is uncertain of success is taken as every arm's own; in a tuning
    session it counts for nothing: a trial that fails makes no arm the best, and one that does not says hardly more than
    was expected."""
    best, second = np.resize(np.argpartition(-utility.mean, min(1, len(offered) - 1))[:2], 2).tolist()
    likely = chance[offered]
    shared = gp_filter.covariances(state, *at, int(offered[best]))[offered] * likely * likely[best]
    variance = np.maximum(utility.scale**2, 1e-300)
    own = variance
    if session:
        own = np.minimum((gp_filter.cell_marginals(state, *at).scale[offered] * likely) ** 2, variance)
    gain = (own - shared) / variance
    gain[best] = (own[best] - shared[second]) / variance[best]
    return np.clip(np.abs(gain), 0.0, 1.0)

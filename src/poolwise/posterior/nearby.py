"""Success of configurations that resemble each other: what is seen of one tells of its neighbours.

    evidence from neighbours of a = discount(sum over b != a of k(a, b)^power evidence of b)
    discount: n -> n kappa / (n + kappa)

beside the domain prior and a's own (`bernoulli`), with k the likeness of the micro effects, and power and kappa found
by how well neighbours predict. So an untried configuration of a family that never failed is no gamble, and one amid
failures is.
"""

import numpy as np
from scipy.special import betaln

from poolwise.posterior import bernoulli
from poolwise.posterior.bernoulli import Evidence
from poolwise.posterior.gaussian import Fit
from poolwise.posterior.inducing import model_of
from poolwise.posterior.micro import alike

_GRID = (0.1, 2.0, 6.0, 20.0, 60.0)
_POWERS = (1.0, 3.0, 10.0, 30.0)
_MOST = 400
"""Arms that the two are found from: of more, an even selection."""
_CHUNK = 256
"""Arms whose likeness with all arms is taken at a time."""


def weights(fit: Fit, arms: np.ndarray, power: float) -> np.ndarray:
    """(rows, arms): how far each of these arms tells of every other; 0 of itself."""
    found = alike(model_of(fit), arms) ** power
    found[np.arange(len(arms)), arms] = 0.0
    return found


def around(fit: Fit, arm: np.ndarray, power: float) -> np.ndarray:
    """(2, arms): evidence of every arm's neighbours, not yet discounted. arm: of the arms themselves, the same."""
    tried, total = np.flatnonzero(arm[0]), np.zeros(arm.shape)
    for first in range(0, len(tried), _CHUNK):
        some = tried[first : first + _CHUNK]
        total += arm[:, some] @ weights(fit, some, power)
    return total


def gathered(fit: Fit, success: bernoulli.Hyper, outcomes: np.ndarray, successes: np.ndarray) -> Evidence:
    """`bernoulli.gather`, with the evidence of neighbours where arms have some."""
    found = bernoulli.gather(success, outcomes, successes)
    if fit.ground is None:
        return found
    return found._replace(near=bernoulli.discount(around(fit, found.arm, success.power_near), success.kappa_near))


def fitted(fit: Fit, success: bernoulli.Hyper, outcomes: np.ndarray, successes: np.ndarray) -> bernoulli.Hyper:
    """With the power and the concentration that predict every tried arm best from its neighbours (beta-binomial), on a
    grid. Where the data say nothing, the strongest sharing wins."""
    if fit.ground is None:
        return success
    arm = bernoulli.gather(success, outcomes, successes).arm
    tried = np.flatnonzero(arm[0])
    if len(tried) > _MOST:
        tried = tried[np.linspace(0, len(tried) - 1, _MOST).round().astype(int)]
    family = np.stack([success.prior.sum(1), success.prior[:, 0]])[:, tried]
    n, k = arm[:, tried]
    likeness, best = alike(model_of(fit), tried)[:, tried] - np.eye(len(tried)), (-np.inf, 0.0, 1.0)
    for power in _POWERS:
        near = arm[:, tried] @ likeness**power
        for kappa in _GRID:
            size, good = family + bernoulli.discount(near, kappa)
            score = betaln(good + k, size - good + n - k) - betaln(good, size - good)
            best = max(best, (round(float(score.sum()), 6), kappa, -power))
    return success._replace(kappa_near=best[1], power_near=-best[2])

"""Success of arms that resemble each other: what is seen of one tells of the others.

    pseudo-counts from others of a = discount(sum over b != a of k(a, b)^power pseudo-counts of b)
    discount: n -> n kappa / (n + kappa)

beside the domain prior and a's own (`bernoulli`). Where arms are configurations k is the likeness of the micro effects,
so that an untried one of a family that never failed is no gamble, and one amid failures is; power and kappa are those
by which the others predict best. Elsewhere k = 1: arms have in common what usually comes of them, so that one early
failure of one of them is no verdict where the rest rarely fail; 1 / kappa, the variance between arms, is averaged over
how well its values predict, as a few arms do not tell it.
"""

import numpy as np

from poolwise.lazy import special
from poolwise.posterior.crossed.batch import Fit
from poolwise.posterior.gp.coregionalisation import arm_correlation
from poolwise.posterior.gp.inducing_points import model_of
from poolwise.posterior.likelihoods import bernoulli
from poolwise.posterior.likelihoods.bernoulli import PseudoCounts

_GRID = (0.1, 2.0, 6.0, 20.0, 60.0, 200.0, 1000.0)
_POWERS = (0.1, 1.0, 3.0, 10.0, 30.0)
_COMMON = np.array([2.0, 6.0, 20.0, 60.0])
"""Values of kappa where all arms are equally alike."""
_NEVER_FAILED = 60.0
"""kappa where nothing failed yet, which says nothing of it."""
_ALIKE = 200.0
"""The same of contexts where arms are configurations: an untried one rests on its neighbours, of which there are
enough, and a smaller one would leave each of thousands a doubt of its own."""
_MOST = 400
"""Arms that the two are found from: of more, an even selection."""
_CHUNK = 256
"""Arms whose likeness with all arms is taken at a time."""


def weights(fit: Fit, arms: np.ndarray, power: float) -> np.ndarray:
    """(rows, arms): how far each of these arms tells of every other; 0 of itself."""
    size = (len(arms), len(fit.family))
    found = np.ones(size) if fit.ground is None else arm_correlation(model_of(fit), arms) ** power
    found[np.arange(len(arms)), arms] = 0.0
    return found


def neighbour_counts(fit: Fit, arm: np.ndarray, power: float) -> np.ndarray:
    """(2, arms): pseudo-counts of every arm's neighbours, not yet discounted. arm: of the arms themselves, the same."""
    if fit.ground is None:
        return np.asarray(arm.sum(1, keepdims=True) - arm)
    tried, total = np.flatnonzero(arm[0]), np.zeros(arm.shape)
    for first in range(0, len(tried), _CHUNK):
        some = tried[first : first + _CHUNK]
        total += arm[:, some] @ weights(fit, some, power)
    return total


def aggregate(
    fit: Fit, success: bernoulli.BetaHyperparameters, outcomes: np.ndarray, successes: np.ndarray
) -> PseudoCounts:
    """`bernoulli.aggregate`, with the pseudo-counts of neighbours where arms have some."""
    found = bernoulli.aggregate(success, outcomes, successes)
    return found._replace(
        near=bernoulli.discount(neighbour_counts(fit, found.arm, success.power_near), success.kappa_near)
    )


def fit_success(
    fit: Fit, success: bernoulli.BetaHyperparameters, outcomes: np.ndarray, successes: np.ndarray
) -> bernoulli.BetaHyperparameters:
    """With the power and the concentration that predict every tried arm from the others (beta-binomial), on a grid."""
    arm = bernoulli.aggregate(success, outcomes, successes).arm
    family = np.stack([success.prior.sum(1), success.prior[:, 0]])
    tried = np.flatnonzero(arm[0])
    if fit.ground is None:
        near = neighbour_counts(fit, arm, 1.0)[:, tried]
        scores = np.array([_score(family[:, tried], near, kappa, arm[:, tried]) for kappa in _COMMON])
        weight = np.exp(scores - scores.max())
        return success._replace(kappa_near=float(weight.sum() / (weight @ (1 / _COMMON))))
    if (outcomes == successes).all():
        return success._replace(kappa_near=_NEVER_FAILED, power_near=1.0, kappa_context=_ALIKE)
    if len(tried) > _MOST:
        tried = tried[np.linspace(0, len(tried) - 1, _MOST).round().astype(int)]
    seen = arm[:, tried]
    likeness, best = arm_correlation(model_of(fit), tried)[:, tried], (-np.inf, 0.0, 1.0)
    np.fill_diagonal(likeness, 0.0)
    for power in _POWERS:
        near = seen @ likeness**power
        for kappa in _GRID:
            # Where the data say nothing, the strongest sharing wins.
            best = max(best, (round(_score(family[:, tried], near, kappa, seen), 6), kappa, -power))
    return success._replace(kappa_near=best[1], power_near=-best[2])


def _score(family: np.ndarray, near: np.ndarray, kappa: float, seen: np.ndarray) -> float:
    """Log probability of what was seen of every arm, given its domain prior and the others; (2, arms) each."""
    (size, good), (n, k) = family + bernoulli.discount(near, kappa), seen
    return float((special.betaln(good + k, size - good + n - k) - special.betaln(good, size - good)).sum())

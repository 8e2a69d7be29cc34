"""Success of arms that resemble each other: what is seen of one tells of the others.

    pseudo-counts from others of a = discount(sum over b != a of k(a, b) pseudo-counts of b)
    discount: n -> n kappa / (n + kappa)

beside the domain prior and a's own (`bernoulli`). Where arms are configurations k is the likeness of the micro effects,
each parameter's part in it raised to a power of its own, so that an untried one of a family that never failed is no
gamble, and one amid failures is: what a configuration costs and whether it can run do not depend on the same
parameters. Powers and kappa are those by which the others predict best. Elsewhere k = 1: arms have in common what
usually comes of them, so that one early failure of one of them is no verdict where the rest rarely fail; 1 / kappa,
the variance between arms, is averaged over how well its values predict, as a few arms do not tell it.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from poolwise.lazy import special
from poolwise.posterior.crossed.batch import Fit
from poolwise.posterior.gp.coregionalisation import Powers, SmoothComponent, arm_correlation
from poolwise.posterior.gp.inducing_points import model_of
from poolwise.posterior.gp.kernels import matern
from poolwise.posterior.likelihoods import bernoulli
from poolwise.posterior.likelihoods.bernoulli import PseudoCounts

_GRID = (0.1, 2.0, 6.0, 20.0, 60.0, 200.0, 1000.0)
_POWERS = (0.1, 1.0, 3.0, 10.0, 30.0)
_EACH, _SWEEPS, _GAIN = (0.0, 0.3, 1.0, 3.0, 10.0, 30.0), 2, 1.0
"""Powers that are tried for one parameter after another; how often; and what a change of one must gain."""
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


def weights(fit: Fit, arms: np.ndarray, powers: Powers | None) -> np.ndarray:
    """(rows, arms): how far each of these arms tells of every other; 0 of itself."""
    size = (len(arms), len(fit.family))
    found = np.ones(size) if fit.ground is None else arm_correlation(model_of(fit), arms, powers)
    found[np.arange(len(arms)), arms] = 0.0
    return found


def powers_of(body: Any, smooth: SmoothComponent | None) -> Powers | None:
    """Of a snapshot, where it has one for every parameter; those of earlier versions were one for all."""
    if smooth is None or body is None:
        return None
    if isinstance(body, int | float):
        return tuple((float(body),) * len(length) for length in smooth.length)
    fits = [len(one) for one in body] == [len(length) for length in smooth.length]
    return tuple(tuple(float(power) for power in one) for one in body) if fits else None


def neighbour_counts(fit: Fit, arm: np.ndarray, powers: Powers | None) -> np.ndarray:
    """(2, arms): pseudo-counts of every arm's neighbours, not yet discounted. arm: of the arms themselves, the same."""
    if fit.ground is None:
        return np.asarray(arm.sum(1, keepdims=True) - arm)
    tried, total = np.flatnonzero(arm[0]), np.zeros(arm.shape)
    for first in range(0, len(tried), _CHUNK):
        some = tried[first : first + _CHUNK]
        total += arm[:, some] @ weights(fit, some, powers)
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
    """With the powers and the concentration that predict every tried arm from the others (beta-binomial): one power for
    all on a grid, and from there one for each parameter, in turn."""
    arm = bernoulli.aggregate(success, outcomes, successes).arm
    family = np.stack([success.prior.sum(1), success.prior[:, 0]])
    tried = np.flatnonzero(arm[0])
    if fit.ground is None:
        near = neighbour_counts(fit, arm, None)[:, tried]
        scores = np.array([_score(family[:, tried], near, kappa, arm[:, tried]) for kappa in _COMMON])
        weight = np.exp(scores - scores.max())
        return success._replace(kappa_near=float(weight.sum() / (weight @ (1 / _COMMON))))
    if (outcomes == successes).all():
        return success._replace(kappa_near=_NEVER_FAILED, power_near=None, kappa_context=_ALIKE)
    if len(tried) > _MOST:
        tried = tried[np.linspace(0, len(tried) - 1, _MOST).round().astype(int)]
    own, seen = _Likeness.of(fit, tried), arm[:, tried]
    score = lambda likeness, kappa: round(_score(family[:, tried], seen @ likeness, kappa, seen), 6)
    # Where the data say nothing, the strongest sharing wins.
    common = max(
        (score(own.at([power] * len(own.parts)), kappa), kappa, -power) for power in _POWERS for kappa in _GRID
    )
    powers = _climbed(own, [-common[2]] * len(own.parts), lambda likeness: score(likeness, common[1]))
    likeness = own.at(powers)
    kappa = max((score(likeness, kappa), kappa) for kappa in _GRID)[1]
    return success._replace(kappa_near=kappa, power_near=own.grouped(powers))


class _Likeness(NamedTuple):
    """Of some arms with each other."""

    parts: list[np.ndarray]
    """Of every parameter of every smooth family, (n, n): logarithm of its part, 0 of arms of other families."""
    kin: np.ndarray
    """(n, n): 1 for two arms of one smooth family, 0 for others, and an arm with itself."""
    sizes: list[int]
    """Parameters of every smooth family."""

    @classmethod
    def of(cls, fit: Fit, arms: np.ndarray) -> "_Likeness":
        model = model_of(fit)
        smooth, ground = model.smooth, model.ground
        patch, parts = ground.patch[arms], list[np.ndarray]()
        for number, (at, length, rho) in enumerate(zip(ground.places, smooth.length, smooth.rho, strict=True)):
            here, where = np.flatnonzero(patch == number), ground.position[arms[patch == number]]
            for distance, code, long, odds in zip(*at, length, rho, strict=True):
                part, levels = np.zeros((len(arms), len(arms))), np.log(odds + (1 - odds) * matern(distance, long)[0])
                part[np.ix_(here, here)] = levels[np.ix_(code[where], code[where])]
                parts.append(part)
        kin = ((patch[:, None] == patch) & (patch >= 0)).astype(float)
        np.fill_diagonal(kin, 0.0)
        return cls(parts, kin, [len(length) for length in smooth.length])

    def at(self, powers: Sequence[float]) -> np.ndarray:
        """(n, n), with these powers of the parts."""
        whole = np.zeros_like(self.kin)
        for power, part in zip(powers, self.parts, strict=True):
            whole += power * part
        return self.kin * np.exp(whole)

    def grouped(self, powers: Sequence[float]) -> Powers:
        rest = iter(powers)
        return tuple(tuple(islice(rest, size)) for size in self.sizes)


def _climbed(own: _Likeness, powers: list[float], score: Callable[[np.ndarray], float]) -> list[float]:
    """Better powers, one parameter after another."""
    best = score(own.at(powers))
    for number in list(range(len(powers))) * _SWEEPS:
        others = [0.0 if k == number else power for k, power in enumerate(powers)]
        rest, part = own.at(others), own.parts[number]
        tried = [(score(rest * np.exp(power * part)), -power) for power in _EACH]
        if max(tried)[0] >= best + _GAIN:
            best, powers[number] = max(tried)[0], -max(tried)[1]
    return powers


def _score(family: np.ndarray, near: np.ndarray, kappa: float, seen: np.ndarray) -> float:
    """Log probability of what was seen of every arm, given its domain prior and the others; (2, arms) each."""
    (size, good), (n, k) = family + bernoulli.discount(near, kappa), seen
    return float((special.betaln(good + k, size - good + n - k) - special.betaln(good, size - good)).sum())

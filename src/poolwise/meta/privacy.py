"""A private prior pack: the Gaussian mechanism over what each project would believe alone.

Every project p gives two vectors. With d[c,a] what its own outcomes alone change in the expected utility of arm a in
context c, under public hyperparameters, clipped to |d[c]| <= bound in every context, and w = 1 / sqrt(contexts):

    counts[c] = w  where it has outcomes, of norm <= 1;     values[c,a] = w d[c,a], of norm <= bound

The sums over projects get Gaussian noise of scales 1 / mu_1 and bound / mu_2, and everything in the pack is computed
from these noisy sums. So adding or removing one project with all its outcomes is mu-Gaussian differentially private,

    mu^2 = mu_1^2 + mu_2^2;    (epsilon, delta) with delta = Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu),

and whoever knows everything else, told that a project took part or not with equal chances, guesses right with
probability at most Phi(mu / 2). Several packs of one store add up as mu^2. Names of contexts and arms are not
protected. Noise is OpenDP's where that is installed (extra `privacy`), which holds against an attacker who reads the
last bits of a number; all numbers are rounded besides. Source: Dong, Roth and Su (2022), theorem 2.7, corollaries 2.13
and 3.3; Balle and Wang (2018), theorem 8.
"""

from typing import Any, NamedTuple

import numpy as np

from poolwise.lazy import optimize, special
from poolwise.meta import secure_noise
from poolwise.meta.hyperposterior import PooledEstimates, between_project_variance
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.posterior.observation_model import DEFAULT
from poolwise.posterior.posterior import Posterior

MU = 0.5
"""Default: no attacker is right more often than Phi(0.25) = 59.9 %."""
SMALLEST, LARGEST = 1e-6, 10.0
"""What a pack may spend: mu from the one to below the other."""
DELTA = 1e-5
_COUNTS = 0.4
"""Part of mu that goes to the counts."""
_MOST = 8
"""A project with more contexts than this weighs less in each."""
_DIGITS = 3
BY_ITSELF = DEFAULT._replace(trust=1.0)
"""Of a project without others it is not asked whether it is like them."""


class Contributions(NamedTuple):
    """What the projects give, before any noise; the public part of it beside it."""

    counts: np.ndarray
    """(projects, contexts): `unit` where a project has outcomes, less where it has many contexts."""
    values: np.ndarray
    """(projects, contexts, arms)."""
    usual: np.ndarray
    """(arms,): expected utility before any outcome."""
    unit: float
    bound: float


class NoisySums(NamedTuple):
    """The sums with noise, and its standard deviations."""

    counts: np.ndarray
    values: np.ndarray
    scales: tuple[float, float]


def contributions(
    rows: tuple[np.ndarray, ...],
    shape: tuple[int, int, int],
    public: Hyperparameters,
    failure_utility: float,
    bound: float,
) -> Contributions:
    """rows: project, context, arm (indices), utility, ok, of every outcome. public: scales that no project shaped."""
    projects, contexts, arms = shape
    usual = Posterior(public, failure_utility).predict(0, 0).mean
    unit = 1 / np.sqrt(min(max(contexts, 1), _MOST))
    counts, values = np.zeros((projects, contexts)), np.zeros((projects, contexts, arms))
    for p in np.unique(rows[0]).tolist():
        context, arm, utility, ok = (column[rows[0] == p] for column in rows[1:])
        alone = Posterior(public, failure_utility, contexts=contexts, options=BY_ITSELF)
        alone.update_many(np.zeros_like(context), context, arm, utility, ok)
        mine = np.unique(context)
        weight = min(unit, 1 / np.sqrt(len(mine)))
        change = np.array([alone.predict(0, c).mean - usual for c in mine])
        counts[p, mine] = weight
        values[p, mine] = weight * clipped(change, bound)
    return Contributions(counts, values, usual, float(unit), bound)


def clipped(vectors: np.ndarray, bound: float) -> np.ndarray:
    """Rows no longer than `bound`."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors * np.minimum(1.0, bound / np.maximum(length, 1e-12))


def add_noise(contributions: Contributions, mu: float, rng: np.random.Generator | None = None) -> NoisySums:
    """The Gaussian mechanism. rng: None: by OpenDP where it is installed, else by the system's entropy."""
    shares = (_COUNTS * mu, float(np.sqrt(1 - _COUNTS**2)) * mu)
    lengths = (1.0, contributions.bound)
    scales = (lengths[0] / shares[0], lengths[1] / shares[1])
    sums = (contributions.counts.sum(0), contributions.values.sum(0))
    if rng is None and secure_noise.installed():
        found = [secure_noise.gaussian(*one) for one in zip(sums, lengths, shares, strict=True)]
    else:
        random = np.random.default_rng() if rng is None else rng
        found = [part + random.normal(0, scale, part.shape) for part, scale in zip(sums, scales, strict=True)]
    return NoisySums(found[0], found[1], scales)


def shared(sums: NoisySums, contributions: Contributions, minimum: int) -> tuple[PooledEstimates, float]:
    """The numbers of a pack, and the number of projects, from the noisy sums and what is public alone.

    Counts of contexts are shrunk to their mean by what their spread exceeds the noise; contexts of fewer than `minimum`
    projects, so counted, are left out.
    """
    raw = sums.counts
    average = max(float(raw.mean()), 1e-9) if len(raw) else 0.0
    excess = max(0.0, 1 - sums.scales[0] ** 2 / max(float(raw.var(ddof=1)), 1e-12)) if len(raw) > 1 else 0.0
    weight = average + excess * (raw - average)
    number = weight / contributions.unit
    enough = number >= minimum
    safe = np.where(enough, weight, 1.0)[:, None]
    variance = (sums.scales[1] / safe) ** 2 + between_project_variance(HYPERPRIOR.median) / np.where(
        enough, number, 1.0
    )[:, None]
    mean = np.round(np.where(enough[:, None], contributions.usual + sums.values / safe, 0.0), _DIGITS)
    precision = np.round(np.where(enough[:, None], 1 / variance, 0.0) * np.ones_like(mean), _DIGITS)
    none = np.zeros_like(mean)
    return PooledEstimates(mean, precision, none, none, none), float(np.round(number.max(initial=0.0)))


def epsilon(mu: float, delta: float = DELTA) -> float:
    """The smallest epsilon for which mu-Gaussian privacy is (epsilon, delta)-differential privacy.

    >>> round(epsilon(1.0), 2)
    4.38
    """

    def excess(e: float) -> float:
        return float(special.ndtr(mu / 2 - e / mu) - np.exp(e) * special.ndtr(-mu / 2 - e / mu) - delta)

    return float(optimize.brentq(excess, 0.0, 10 * mu + mu**2)) if excess(0.0) > 0 else 0.0


def checked_mu(mu: Any) -> float:
    """What a pack has spent that says so; raises ValueError where none can have."""
    if isinstance(mu, bool) or not isinstance(mu, float | int) or not SMALLEST <= mu < LARGEST:
        raise ValueError("what it spent is not known, and counts as the most that a pack may spend")
    return float(mu)


def guarantee(mu: float, before: float, sums: NoisySums, bound: float) -> dict[str, Any]:
    """What a private pack says of itself. before: mu that earlier private packs of the same store have spent."""
    total = float(np.hypot(mu, before))
    return {
        "unit": "one project with all its outcomes, added or removed",
        "mechanism": "Gaussian noise on sums over projects, each project clipped",
        "mu": mu,
        "epsilon": round(epsilon(mu), 4),
        "delta": DELTA,
        "attacker_right_at_most": float(special.ndtr(mu / 2)),
        "bound": bound,
        "noise": {"counts": sums.scales[0], "values": sums.scales[1]},
        "with_earlier_packs": {"mu": total, "epsilon": round(epsilon(total), 4)},
        "not_protected": "names of contexts and arms",
    }

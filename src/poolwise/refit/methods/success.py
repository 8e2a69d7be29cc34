"""The posterior of success by quadrature: independent draws, no chain.

Given the two concentrations of `poolwise.models.bernoulli`, arms are independent, and so are the contexts of an arm
given its chance: its likelihood is a nest of integrals over one chance each,

    p(arm) = int Beta(p_a | prior) prod over c [int Beta(p | kappa_context, p_a) prod over cells BetaBinomial(p)] dp_a

taken on one grid of chances, even in a stretched log-odds, with what lies beyond the model's own edges as two atoms.
The concentrations are drawn from a lattice of their joint posterior, chances from the grid given them.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import betainc, betaln, logsumexp

from poolwise.refit.result import Values

_EDGE = 1e-6
"""Where `poolwise.models.bernoulli` holds chances."""
_NODES, _STRETCH = 160, 2.0
_LATTICE, _REACH = 15, 4.5
"""Points along each direction of the concentrations' posterior, and standard deviations to its end."""
_CENTRE, _WIDTH = np.log(20.0), 1.0
"""Of the logarithm of a concentration, as in the model."""


class Grid(NamedTuple):
    """Chances, atoms at both ends included, and how they came about."""

    chance: np.ndarray
    place: np.ndarray
    """Where the inner ones lie on the even axis."""


class Tally(NamedTuple):
    """Distinct pairs of outcomes and successes, and how often each occurs, (contexts x arms, pairs)."""

    tried: np.ndarray
    succeeded: np.ndarray
    times: np.ndarray
    shape: tuple[int, int]


class Conditional(NamedTuple):
    """Of chances on the grid, given the concentrations: probabilities up to a factor."""

    arm: np.ndarray
    """(arms, grid)."""
    context: np.ndarray
    """(grid of the arm, grid of the context): prior."""
    likelihood: np.ndarray
    """(contexts x arms, grid)."""


def grid() -> Grid:
    end = np.arcsinh(np.log(1 / _EDGE - 1) / _STRETCH)
    place = np.linspace(-end, end, _NODES)
    inner = 1 / (1 + np.exp(-_STRETCH * np.sinh(place)))
    return Grid(np.concatenate([[_EDGE], inner, [1 - _EDGE]]), place)


def tally(tried: np.ndarray, succeeded: np.ndarray) -> Tally:
    """From whole numbers [project, context, arm]."""
    projects, contexts, arms = tried.shape
    flat = np.stack([tried, succeeded]).reshape(2, -1)
    pairs, which = np.unique(flat, axis=1, return_inverse=True)
    times = np.zeros((contexts * arms, pairs.shape[1]))
    np.add.at(times, (np.tile(np.arange(contexts * arms), projects), which.ravel()), 1.0)
    return Tally(pairs[0], pairs[1], times, (contexts, arms))


def conditional(at: np.ndarray, seen: Tally, prior: np.ndarray, on: Grid) -> tuple[float, Conditional]:
    """Log likelihood of the logarithms of both concentrations, and the chances given them. prior: (arms, 2)."""
    kappa_context, kappa_cell = np.exp(at)
    above = _beta(prior[:, 0], prior[:, 1], on)
    between = _beta(kappa_context * on.chance, kappa_context * (1 - on.chance), on)
    a, b = kappa_cell * on.chance, kappa_cell * (1 - on.chance)
    n, k = seen.tried[:, None], seen.succeeded[:, None]
    log = seen.times @ (betaln(a + k, b + n - k) - betaln(a, b))
    most = log.max(1, keepdims=True)
    likelihood = np.exp(log - most)
    by_arm = (np.log(likelihood @ between.T) + most).reshape(*seen.shape, -1).sum(0)
    with np.errstate(divide="ignore"):
        joint = np.log(above) + by_arm
    whole = logsumexp(joint, axis=1)
    return float(whole.sum()), Conditional(np.exp(joint - whole[:, None]), between, likelihood)


def _beta(a: np.ndarray, b: np.ndarray, on: Grid) -> np.ndarray:
    """(k, grid) probabilities of Beta(a, b), (k,), that add up to 1."""
    a, b, inner = a[:, None], b[:, None], on.chance[None, 1:-1]
    step = np.gradient(on.place)
    step[[0, -1]] /= 2
    log = a * np.log(inner) + b * np.log1p(-inner) - betaln(a, b) + np.log(_STRETCH * np.cosh(on.place) * step)
    low, high = betainc(a, b, _EDGE), betainc(b, a, _EDGE)
    found = np.concatenate([low, np.exp(log), high], axis=1)
    return found / found.sum(1, keepdims=True)


def draws(
    tried: np.ndarray, succeeded: np.ndarray, prior: np.ndarray, count: int, random: np.random.Generator
) -> Values:
    """`kappa_context`, `kappa_cell` (count,); `chance_arm` (count, arms); `chance_context` (count, contexts, arms)."""
    on, seen = grid(), tally(tried, succeeded)
    points, weight = _lattice(seen, prior, on)
    chosen = np.sort(random.choice(len(points), count, p=weight))
    parts = []
    for point, times in zip(*np.unique(chosen, return_counts=True), strict=True):
        parts.append(_chances(conditional(points[point], seen, prior, on)[1], seen.shape, on, int(times), random))
    kappa = np.exp(points[chosen])
    arm, context = (np.concatenate(part) for part in zip(*parts, strict=True))
    mixed = random.permutation(count)
    found = {"kappa_context": kappa[:, 0], "kappa_cell": kappa[:, 1], "chance_arm": arm, "chance_context": context}
    return {name: value[mixed] for name, value in found.items()}


def _lattice(seen: Tally, prior: np.ndarray, on: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Points of the logarithms of the concentrations, (k, 2), and their probabilities."""

    def potential(at: np.ndarray) -> float:
        return 0.5 * float((((at - _CENTRE) / _WIDTH) ** 2).sum()) - conditional(at, seen, prior, on)[0]

    mode = minimize(potential, np.full(2, _CENTRE), method="L-BFGS-B", bounds=[(-3.0, 10.0)] * 2).x
    step, first = 0.1 * np.eye(2), potential(mode)
    cross = (potential(mode + step.sum(0)) + potential(mode - step.sum(0)) - 2 * first) / 0.01
    own = [(potential(mode + one) + potential(mode - one) - 2 * first) / 0.01 for one in step]
    between = (cross - sum(own)) / 2
    information, axes = np.linalg.eigh(np.array([[own[0], between], [between, own[1]]]))
    root = axes / np.sqrt(np.maximum(information, 1 / _WIDTH**2))
    along = np.linspace(-_REACH, _REACH, _LATTICE)
    points = mode + np.stack(np.meshgrid(along, along), -1).reshape(-1, 2) @ root.T
    log = np.array([first - potential(one) for one in points])
    weight = np.exp(log - log.max())
    return points, weight / weight.sum()


def _chances(
    known: Conditional, shape: tuple[int, int], on: Grid, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Of arms (count, arms), and of contexts given them (count, contexts, arms)."""
    arm = _picked(np.broadcast_to(known.arm, (count, *known.arm.shape)), random)
    at = np.arange(shape[0] * shape[1]).reshape(shape)
    context = np.stack([_picked(known.context[one] * known.likelihood[at], random) for one in arm])
    return _broadcast(arm, on, random), _broadcast(context, on, random)


def _picked(weight: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Index along the last axis, drawn with these weights."""
    total = weight.cumsum(-1)
    return np.asarray((total < random.uniform(size=total.shape[:-1])[..., None] * total[..., -1:]).sum(-1))


def _broadcast(index: np.ndarray, on: Grid, random: np.random.Generator) -> np.ndarray:
    """Chances of grid points, the inner ones anywhere in their stretch of the axis."""
    inner = (index > 0) & (index < len(on.chance) - 1)
    place = on.place[np.clip(index - 1, 0, len(on.place) - 1)]
    place = place + (on.place[1] - on.place[0]) * random.uniform(-0.5, 0.5, index.shape)
    chance = np.clip(1 / (1 + np.exp(-_STRETCH * np.sinh(place))), _EDGE, 1 - _EDGE)
    return np.where(inner, chance, on.chance[index])

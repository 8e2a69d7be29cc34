"""The scales by maximum of the marginal likelihood times weak hyperpriors: L-BFGS in float64."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from poolwise.arrays import Array, namespace
from poolwise.posterior.blocks import stacked
from poolwise.posterior.crossed import Cells
from poolwise.posterior.hyper import Hyper, Layout, Prior, Tier, layout, leaf_cell, noise_at
from poolwise.posterior.score import score, score_reduced
from poolwise.posterior.threads import single_blas

SCALES = 12
"""Level, context, project, cell of arm, family and globe; the globe's level stays at its prior: there is one."""

_SAMPLED_FROM, _SAMPLE = 256, 64
"""From so many projects on, the search begins where one over so many of them ends, at a part of the cost."""
_NOWHERE = 1e15
"""Value of scales so far off that the algebra fails: the line search steps back from there."""


class Search(NamedTuple):
    """Where the optimiser ended."""

    hyper: Hyper
    log_evidence: float
    iterations: int
    converged: bool
    """The last step changed the objective by less than the tolerance."""
    coordinates: np.ndarray
    """Logarithms relative to the prior's medians: a warm start for the next search."""


def length(groups: int, contexts: int) -> int:
    """Number of coordinates: scales, common noise, noise of every family, and of every context where these differ."""
    return SCALES + 1 + groups + contexts


def hyper_at(coordinates: Array, noise_index: Array, prior: Prior, *, groups: int) -> Hyper:
    """Hyperparameters from unconstrained coordinates, see `length`."""
    xp, middle = namespace(coordinates), prior.median
    factor = xp.exp(coordinates)
    tiers = [
        Tier(*(median * factor[4 * i + j] for j, median in enumerate(tier)))
        for i, tier in enumerate((middle.arm, middle.family, middle.globe))
    ]
    own, spread = factor[SCALES + 1 :][:groups], factor[SCALES + 1 + groups :]
    noise = middle.noise * xp.hypot(factor[SCALES] * own[noise_index], prior.noise_floor)
    globe = tiers[2]._replace(level=xp.asarray(middle.globe.level))
    return Hyper(tiers[0], tiers[1], globe, noise, spread, xp.asarray(middle.mean), middle.pooled, middle.stated)


def penalty(coordinates: Array, prior: Prior, *, groups: int) -> Array:
    """Minus log hyperprior, up to a constant."""
    return 0.5 * ((coordinates / widths(len(coordinates), prior, groups, namespace(coordinates))) ** 2).sum()


def widths(size: int, prior: Prior, groups: int, xp: Any = np) -> Array:
    """(size,) standard deviations of the coordinates."""
    blocks = np.array([SCALES, 1, groups, size - length(groups, 0)])
    return xp.repeat(xp.stack([prior.width, prior.noise_width, prior.width, prior.spread_width]), blocks)


def box(cells: Cells, size: int, prior: Prior, groups: int) -> np.ndarray:
    """(size, 2): where the search looks. Outside of it are no better scales, only rounding errors that look so.

    No scale exceeds thirty times its median, or times what the largest utility makes of it.
    """
    reach = np.log(30 * max(1.0, _largest(cells) / _usual(prior) ** 0.5))
    blocks = ((SCALES, -7.0, reach), (1, np.log(prior.noise_floor) - 1, reach), (groups, -7.0, 7.0))
    rough = (size - length(groups, 0), -3.0, 3.0)
    return np.concatenate([np.full((count, 2), (low, high)) for count, low, high in (*blocks, rough)])


def floored(prior: Prior, cells: Cells) -> Prior:
    """Of utilities far from 0, sums of squares keep too few digits for a small noise to be seen."""
    return prior._replace(noise_floor=max(prior.noise_floor, 1e-6 * _largest(cells) / prior.median.noise))


def _largest(cells: Cells) -> float:
    return float(np.abs(np.where(cells.count > 0, cells.mean, 0)).max())


def _usual(prior: Prior) -> float:
    """Variance of a cell's theta under the hyperprior's medians."""
    return sum(scale**2 for tier in (prior.median.arm, prior.median.family, prior.median.globe) for scale in tier)


def moment_start(cells: Cells, noise_index: Array, size: int, prior: Prior, groups: int) -> Array:
    """Coordinates near the optimum: noise from the spread within cells, all other scales from the spread between.

    Both are shrunk to the hyperprior's medians as if those rested on a few cells.
    """
    freedom = np.maximum(cells.count - 1, 0).sum((0, 1))
    within = cells.deviation.sum((0, 1))
    few = 3.0
    shared = (within.sum() + few * prior.median.noise**2) / (freedom.sum() + few)
    own = np.bincount(noise_index, within, groups) + few * shared
    own = own / (np.bincount(noise_index, freedom, groups) + few)
    usual = [sum(scale**2 for scale in block) for block in _blocks(prior.median)]
    usual[0] -= prior.median.globe.level**2
    found = _variances(cells, shared)
    ratio = [(max(v, 0.0) * k + 5 * few * u) / (k + 5 * few) / u for (v, k), u in zip(found, usual, strict=True)]
    between = np.tile(0.5 * np.log(ratio), 3)
    common = 0.5 * np.log(shared / prior.median.noise**2)
    rough = np.zeros(size - length(groups, 0))
    return np.concatenate([between, [common], 0.5 * np.log(own / shared), rough])


def _variances(cells: Cells, noise: float) -> list[tuple[float, int]]:
    """Variance of level, context, project and cell effects of all tiers together, and from how many effects.

    Means by arm, by context and by project of what the ones before leave over, less what chance makes of them.
    """
    count, rest = cells.count, cells.mean
    total = max(count.sum(), 1.0)
    per_cell, drawn = (count**2).sum() / total, []
    for axes in ((0, 1), (0,), (1,), ()):
        known = count.sum(axes, keepdims=True)
        mean = (count * rest).sum(axes, keepdims=True) / np.where(known > 0, known, 1.0)
        drawn.append((float((known * mean**2).sum()), int((known > 0).sum())))
        rest = rest - mean
    # What a block leaves over has cost its own degrees of freedom.
    (level, arms), (context, sides), (project, rows), (cell, seen) = drawn
    own = max((cell - max(seen - sides - rows, 0) * noise) / total, 0.0)
    along = max((project - rows * (noise + own * per_cell)) / total, 0.0)
    across = (context - sides * (noise + (own + along) * per_cell)) / total
    return [(level / total, arms), (across, sides), (along, rows), (own, seen)]


def curvature(
    cells: Cells, hyper: Hyper, noise_index: Array, families: int, size: int, prior: Prior, *, reduced: bool
) -> Array:
    """Rough second derivative of the objective along each coordinate at given scales.

    2 sum (1 - r)^2 over the effects of a block, r the part of an effect's variance that its own outcomes would leave,
    and 2 n for the noise of n outcomes; plus the hyperprior's. Only the shape of the search depends on it: without it
    the noise, known from every outcome, hides all the rest.
    """
    projects, contexts, arms = cells.count.shape
    groups, form = families or arms, Layout(contexts, projects) if reduced else layout(cells.count.shape, families)
    noise = np.broadcast_to(noise_at(hyper, contexts), (contexts, arms)) ** 2
    told, own = cells.count / noise, leaf_cell(hyper, form.cells) ** 2
    weight = told / (1 + told * own)
    sides = [weight.sum((0, 1))[None], weight.sum(0), weight.sum(1), told.reshape(-1, arms)]
    blocks = [
        _informed(side, scales, noise_index, families) for side, scales in zip(sides, _blocks(hyper), strict=True)
    ]
    if reduced:
        blocks[2] = (blocks[2][0], 0.0, 0.0)
    if not form.cells:
        known = 2 * float((((told * own) / (1 + told * own)) ** 2).sum())
        blocks[3] = tuple(known * (scale**2 / own) ** 2 for scale in _blocks(hyper)[3])
    outcomes = cells.count.sum((0, 1))
    rest = 2 * np.concatenate([[outcomes.sum()], np.bincount(noise_index, outcomes, groups)])
    rough = 2 * cells.count.sum((0, 2))[: size - length(groups, 0)]
    return np.concatenate([np.transpose(blocks).ravel(), rest, rough]) + 1 / widths(size, prior, groups) ** 2


def _blocks(hyper: Hyper) -> list[tuple[float, ...]]:
    """Scales of arm, family and globe, block by block."""
    return list(zip(*(map(float, tier) for tier in (hyper.arm, hyper.family, hyper.globe)), strict=True))


def _informed(known: Array, scales: tuple[float, ...], family: Array, families: int) -> tuple[float, ...]:
    """2 sum (1 - r)^2 for a block in each tier; known: (effects, arms) precision of the outcomes about them."""
    gathered = (np.eye(families)[family], np.ones((families, 1))) if families else (np.ones((known.shape[1], 1)),)
    found = []
    for scale, upwards in zip(scales if families else scales[::2], (*gathered, np.ones((1, 1))), strict=True):
        left = 1 + known * scale**2
        found.append(2 * float(((1 - 1 / left) ** 2).sum()))
        known = (known / left) @ upwards
    return tuple(found) if families else (found[0], 0.0, found[1])


def objective(
    coordinates: np.ndarray, cells: Any, family: np.ndarray, prior: Prior, *, families: int, reduced: bool
) -> tuple[float, np.ndarray]:
    """Minus log posterior of the scales, and its gradient. cells: `crossed.Cells`, or a `Stack` where `reduced`."""
    groups = families or len(family)
    hyper = hyper_at(coordinates, family, prior, groups=groups)
    evidence, found = score_reduced(stacked(cells), hyper) if reduced else score(cells, hyper, family, families)
    globe = found.globe._replace(level=0.0)
    # The floor of the noise takes its part of the derivative.
    noise = found.noise * (1 - (prior.median.noise * prior.noise_floor / hyper.noise) ** 2)
    own = np.bincount(family, noise.sum(0), groups)
    spread = found.noise.sum(1)[: len(coordinates) - length(groups, 0)]
    slope = np.concatenate([found.arm, found.family, globe, [noise.sum()], own, spread])
    pull = coordinates / widths(len(coordinates), prior, groups) ** 2
    return penalty(coordinates, prior, groups=groups) - evidence, pull - slope


def search(
    cells: Cells,
    family: np.ndarray,
    start: np.ndarray | None,
    size: int,
    prior: Prior,
    *,
    families: int,
    reduced: bool,
    iterations: int = 60,
    tolerance: float = 0.02,
) -> Search:
    """Minimise minus log posterior from `start` (None: from moments) until a step gains less than `tolerance` nats.

    SciPy's L-BFGS-B over a gradient in closed form (`score`): nothing is compiled. The same in JAX took 4 s to compile,
    and its LAPACK calls inside XLA's threads were measured to take 300 times as long, or for ever, on two cores.
    """
    groups = families or cells.count.shape[2]
    prior = floored(prior, cells)
    bounds = box(cells, size, prior, groups)
    if start is None and reduced and len(cells.count) >= _SAMPLED_FROM:
        sample = Cells(*(part[:: len(cells.count) // _SAMPLE] for part in cells))
        first = search(sample, family, None, size, prior, families=families, reduced=True, tolerance=10 * tolerance)
        start = first.coordinates
    begin = np.clip(moment_start(cells, family, size, prior, groups) if start is None else start, *bounds.T)
    at_first = hyper_at(begin, family, prior, groups=groups)
    unit = 1 / np.sqrt(curvature(cells, at_first, family, families, size, prior, reduced=reduced))
    values: list[float] = []
    data = stacked(cells) if reduced else cells

    def evaluate(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        try:
            value, gradient = objective(scaled * unit, data, family, prior, families=families, reduced=reduced)
        except np.linalg.LinAlgError:
            return _NOWHERE, np.zeros(size)
        return (value, gradient * unit) if np.isfinite(value) else (_NOWHERE, np.zeros(size))

    with single_blas():
        found = minimize(
            evaluate,
            begin / unit,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds / unit[:, None],
            options={"maxiter": iterations, "ftol": 0.0, "gtol": 1e-6},
            callback=_stop(values, tolerance),
        )
    at = found.x * unit
    evidence = float(penalty(at, prior, groups=groups) - found.fun) if found.fun < _NOWHERE else np.nan
    converged = bool(found.success) or _settled(values, tolerance)
    return Search(hyper_at(at, family, prior, groups=groups), evidence, int(found.nit), converged, at)


def _settled(values: list[float], tolerance: float) -> bool:
    """Two steps in a row gained less than the tolerance."""
    return len(values) > 2 and values[-3] - values[-1] < 2 * tolerance


def _stop(values: list[float], tolerance: float) -> Callable[..., None]:
    """A callback that keeps the values, and stops the search that has settled."""

    def stop(intermediate_result: Any) -> None:
        values.append(intermediate_result.fun)
        if _settled(values, tolerance):
            raise StopIteration

    return stop

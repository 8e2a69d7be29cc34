"""Projects that resemble each other: a low-rank part for what projects do to arms and contexts, in closed form.

With L[c,a] = level + context as the tree has it, what is special about project p in its cells j = (c, a) is

    D[p,j] = sum over k of u[p,k] w[j,k] + e[p,j],   u ~ Normal(0, 1),   Cov(e[p,i], e[p,j]) = rest^2 T[i,j]

with T the covariance that the tree gives to the effects of one project (globe, family and arm; along the project and in
each context), so that rank 0 is the tree. The means of a project's outcomes, minus L, are then Normal(0, C_p),

    C_p = w w' + rest^2 T + diag(Var L + noise^2 / n),

whose evidence, summed over projects, is maximised in w and rest, w with a Normal(0, Var e) prior, with the gradient

    d log p / d C = (a a' - C^-1) / 2,  a = C^-1 x.

This is probabilistic matrix factorisation with u integrated out exactly: no alternation between the two sides as in
ALS or EM, and no wait for its convergence. A new project's u follows from single outcomes as one small Gaussian
regression on the loadings. The rank is that which predicts best for projects left out of the fit, and 0 unless it is
better by a standard error. `models/factors.py` states the density in full. Source: Salakhutdinov and Mnih (2008);
Lawrence (2005) for the integral over one side.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Float
from poolwise.lazy import linalg
from poolwise.posterior.blas_threads import single_blas
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, noise_scale
from poolwise.posterior.projects.factor_fit import ProjectResiduals, fit, group_by_size
from poolwise.posterior.types import Marginals

MAX_RANK = 2
"""Largest rank that is tried."""
MIN_PROJECTS = 5
"""Projects with outcomes below which there are no factors."""
_LARGEST = 4e6
"""Sum over projects of (cells with outcomes)^3 that a fit takes; those with most outcomes first."""
_SURE = 2.0
"""Standard errors by which a rank has to predict better than none."""
_GROWTH, _AGAIN = 1.3, 2.0
"""Fitted again, from where they were, when there are so many times as many outcomes or projects; and their number
chosen again."""


class Factors(NamedTuple):
    """What was fitted, and to how much."""

    loadings: Float[np.ndarray, "context arm rank"]
    """w."""
    residual_scale: float
    level: Float[np.ndarray, "context arm"]
    """L."""
    variance: Float[np.ndarray, "context arm"]
    """Var L."""
    outcomes: float
    projects: int
    chosen: tuple[float, int]
    """From how many outcomes and projects the rank was chosen."""
    scores: tuple[float, ...]
    """Mean log predictive density of a project left out, for rank 0, 1 ..; empty where no other rank was tried."""

    @property
    def rank(self) -> int:
        return int(self.loadings.shape[2])


def tree_covariance(
    scales: GaussianHyperparameters,
    family: np.ndarray,
    one: tuple[np.ndarray, np.ndarray],
    two: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """T between two lists of cells of one project, each as (contexts, arms)."""
    context = one[0][:, None] == two[0]
    arm, kin = one[1][:, None] == two[1], family[one[1]][:, None] == family[two[1]]
    total = np.zeros(context.shape)
    for tier, same in ((scales.globe, 1.0), (scales.family, kin), (scales.arm, arm)):
        total += same * (float(tier.project) ** 2 + float(tier.cell) ** 2 * context)
    return total


def residuals_of(
    cells: CellMoments,
    project: int,
    scales: GaussianHyperparameters,
    family: np.ndarray,
    level: np.ndarray,
    variance: np.ndarray,
) -> ProjectResiduals:
    """Contexts beyond those that `level` knows are left out."""
    count = cells.count[project, : len(level)]
    c, a = np.nonzero(count)
    noise = np.broadcast_to(noise_scale(scales, len(level)), level.shape)[c, a] ** 2 / count[c, a]
    x = cells.mean[project, c, a] - level[c, a]
    return ProjectResiduals(c, a, x, variance[c, a] + noise, tree_covariance(scales, family, (c, a), (c, a)))


@single_blas()
def refit(
    old: Factors | None,
    cells: CellMoments,
    scales: GaussianHyperparameters,
    family: np.ndarray,
    level: Marginals,
    most: int,
) -> Factors | None:
    """The factors that serve from now on. level: L [context, arm]; most: largest rank tried, 0: none at all.

    The level is that of now; loadings are fitted again where there is enough that is new.
    """
    active = np.flatnonzero(cells.count.any(axis=(1, 2)))
    outcomes = float(cells.count.sum())
    if most == 0 or len(active) < MIN_PROJECTS:
        return None
    mean, variance = level.mean, np.square(level.scale)
    now = (outcomes, len(active))
    if old is not None:
        wider = np.pad(old.loadings, ((0, len(mean) - len(old.loadings)), (0, 0), (0, 0)))
        old = old._replace(loadings=wider, level=mean, variance=variance)
        if not _grown(now, (old.outcomes, old.projects), _GROWTH if old.rank else _AGAIN):
            return old
    every = [residuals_of(cells, p, scales, family, mean, variance) for p in active.tolist()]
    if len(taken := _fitting(every)) < MIN_PROJECTS:
        return None  # every project is so large that it needs no other
    groups, found = group_by_size(taken, mean.shape), []
    if old is not None and not _grown(now, old.chosen, _AGAIN):
        again = fit(taken, groups, mean.shape, old.rank, start=(old.loadings, old.residual_scale))
        return old._replace(
            loadings=again.loadings, residual_scale=again.residual_scale, outcomes=outcomes, projects=len(active)
        )
    for rank in range(most + 1):
        found.append(fit(taken, groups, mean.shape, rank))
        if rank and found[rank].left_out.mean() <= found[rank - 1].left_out.mean():
            break  # what the last one added did not help, and the next one would have to
    best = found[_best(np.array([one.left_out for one in found]))]
    means = tuple(float(one.left_out.mean()) for one in found)
    return Factors(best.loadings, best.residual_scale, mean, variance, *now, now, means)


def _grown(now: tuple[float, int], before: tuple[float, int], factor: float) -> bool:
    return any(one >= factor * other for one, other in zip(now, before, strict=True))


def _best(scores: np.ndarray) -> int:
    """scores: (ranks, projects). The simplest of those that gain more than a standard error over rank 0, and lose less
    than one against the best."""
    gain = scores - scores[0]
    error = gain.std(1, ddof=1) / np.sqrt(gain.shape[1])
    found = int(np.argmax(gain.mean(1)))
    return found if gain[found].mean() > _SURE * error[found] else 0


def _fitting(every: Sequence[ProjectResiduals]) -> list[ProjectResiduals]:
    """Those that a fit takes; see `_LARGEST`. In the order of their arrival."""
    cost = np.array([len(one.x) ** 3 for one in every])
    order = np.argsort(-cost, kind="stable")
    taken = order[np.cumsum(cost[order]) <= max(_LARGEST, float(cost[order[0]]))]
    return [every[p] for p in np.sort(taken)]


def predict(
    found: Factors, cells: CellMoments, project: int, context: int, scales: GaussianHyperparameters, family: np.ndarray
) -> Marginals | None:
    """Belief about every arm, of utility given success, in one cell: (arms,). None in contexts that came later."""
    if context >= len(found.level):
        return None
    one = residuals_of(cells, project, scales, family, found.level, found.variance)
    arms = np.arange(found.level.shape[1])
    here = (np.full(len(arms), context), arms)
    w, own = found.loadings[one.context, one.arm], found.loadings[context]
    prior = (own**2).sum(1) + found.residual_scale**2 * np.diag(tree_covariance(scales, family, here, here))
    variance = prior + found.variance[context]
    if not len(one.x):
        return Marginals(found.level[context], np.sqrt(variance))
    across = own @ w.T + found.residual_scale**2 * tree_covariance(scales, family, here, (one.context, one.arm))
    # What is uncertain of L is the same in a cell's outcomes and in its theta.
    across += (one.context == context) * (one.arm == arms[:, None]) * found.variance[one.context, one.arm]
    covariance = w @ w.T + found.residual_scale**2 * one.tree
    covariance[np.diag_indices_from(covariance)] += one.noise
    solved = linalg.cho_solve(linalg.cho_factor(covariance, lower=True, check_finite=False), np.c_[one.x, across.T])
    mean = found.level[context] + across @ solved[:, 0]
    left = variance - np.einsum("aj,ja->a", across, solved[:, 1:])
    return Marginals(mean, np.sqrt(np.maximum(left, 1e-12)))


def factor_scores(
    found: Factors, cells: CellMoments, projects: int, scales: GaussianHyperparameters, family: np.ndarray
) -> Marginals:
    """u of every project, (projects, rank), given its own outcomes."""
    mean, scale = np.zeros((projects, found.rank)), np.ones((projects, found.rank))
    for p in range(projects):
        one = residuals_of(cells, p, scales, family, found.level, found.variance)
        if len(one.x) and found.rank:
            w = found.loadings[one.context, one.arm]
            noise = found.residual_scale**2 * one.tree + np.diag(one.noise)
            solved = np.linalg.solve(noise, np.c_[one.x, w])
            covariance = np.linalg.inv(np.eye(found.rank) + w.T @ solved[:, 1:])
            mean[p] = covariance @ (w.T @ solved[:, 0])
            scale[p] = np.sqrt(np.diag(covariance))
    return Marginals(mean, scale)


def to_dict(found: Factors | None) -> dict[str, Any] | None:
    """JSON numbers and lists; `from_dict` is its inverse, but for what nobody asks for where there are no factors."""
    if found is None:
        return None
    if not found.rank:
        found = found._replace(level=np.zeros_like(found.level), variance=np.zeros_like(found.level))
    arrays = {name: getattr(found, name).tolist() for name in ("loadings", "level", "variance")}
    body = {**found._asdict(), **arrays, "rank": found.rank, "scores": list(found.scores), "chosen": list(found.chosen)}
    return {"rest": body.pop("residual_scale"), **body}


def from_dict(body: dict[str, Any] | None) -> Factors | None:
    if not body:
        return None
    level = np.array(body["level"], dtype=float)
    loadings = np.array(body["loadings"], dtype=float).reshape(*level.shape, body["rank"])
    variance, scores = np.array(body["variance"], dtype=float), tuple(body["scores"])
    size = body["outcomes"], body["projects"]
    outcomes, projects = body.get("chosen", size)
    return Factors(loadings, body["rest"], level, variance, *size, (outcomes, projects), scores)

"""The whole tree for given hyperparameters: log evidence, and the marginal of every arm's effect vector."""

from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Array, namespace
from poolwise.posterior import leaf
from poolwise.posterior.hyper import Hyper, Tier
from poolwise.posterior.tree import Conditional, Potential, downward, upward


class Cells(NamedTuple):
    """Statistics as the algebra wants them: count, mean, sum of squared deviations [project, context, arm]."""

    count: Array
    mean: Array
    deviation: Array


class Tree(NamedTuple):
    """Everything that beliefs are read from. The top tier's conditional is its posterior."""

    arm: Conditional
    family: Conditional
    globe: Conditional
    evidence: Array


def variances(tier: Tier, contexts: int, projects: int, xp: Any) -> Array:
    """(1 + contexts + projects,) prior variances of a tier's effect vector; `projects` may be 0."""
    return xp.repeat(xp.stack([xp.asarray(scale) for scale in tier]), np.array([1, contexts, projects])) ** 2


def solve(cells: Cells, hyper: Hyper, family: Array, families: int) -> Tree:
    """Messages up the tree. `family`: (arms,) index; families = 0: arms hang at the globe directly."""
    projects, contexts, _ = cells.count.shape
    leaves = leaf.potential(*cells, hyper.cell, hyper.noise)
    return _tiers(leaves, hyper, family, families, contexts, projects)


def solve_reduced(cells: Cells, hyper: Hyper) -> tuple[Tree, tuple[Array, Array, Array]]:
    """The same for many projects and one family per arm: project effects belong to the arm alone, O(P C^2 A)."""
    leaves, own, informed, coupling = leaf.reduced(*cells, hyper.cell, hyper.noise, hyper.arm.project**2)
    return _tiers(leaves, hyper, None, 0, cells.count.shape[1], 0), (own, informed, coupling)


def _tiers(leaves: Potential, hyper: Hyper, family: Array | None, families: int, contexts: int, projects: int) -> Tree:
    xp = namespace(leaves.precision)
    message, arm = upward(leaves, variances(hyper.arm, contexts, projects, xp))
    middle = arm
    if families:
        member = (xp.arange(families)[:, None] == family) * 1.0
        gathered = Potential(*(xp.tensordot(member, part, 1) for part in message))
        message, middle = upward(gathered, variances(hyper.family, contexts, projects, xp))
    total = Potential(*(part.sum(0) for part in message))
    above = variances(hyper.globe, contexts, projects, xp)
    start = hyper.mean * (xp.arange(len(above)) == 0)
    total = total._replace(
        information=total.information + start / above, constant=total.constant - 0.5 * (start**2 / above).sum()
    )
    top, globe = upward(total, above)
    return Tree(arm, middle, globe, top.constant)


def marginals(
    tree: Tree, hyper: Hyper, family: Array, families: int, contexts: int, projects: int
) -> tuple[Array, Array]:
    """Posterior mean (arms, q) and covariance (arms, q, q) of every arm's effect vector."""
    xp = namespace(tree.globe.mean)
    mean, covariance = tree.globe.mean, tree.globe.covariance
    if families:
        mean, covariance = downward(tree.family, variances(hyper.family, contexts, projects, xp), mean, covariance)
        mean, covariance = mean[family], covariance[family]
    return downward(tree.arm, variances(hyper.arm, contexts, projects, xp), mean, covariance)

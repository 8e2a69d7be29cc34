"""The whole tree for given hyperparameters: log evidence, and the marginal of every arm's effect vector."""

from typing import NamedTuple

from poolwise.arrays import Array, namespace
from poolwise.posterior import leaf
from poolwise.posterior.hyper import Hyper, Layout, layout, leaf_cell, noise_at
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


def solve(cells: Cells, hyper: Hyper, family: Array, families: int) -> Tree:
    """Messages up the tree. `family`: (arms,) index; families = 0: arms hang at the globe directly."""
    form = layout(cells.count.shape, families)
    noise = noise_at(hyper, form.contexts, namespace(cells.count))
    leaves = leaf.potential(*cells, leaf_cell(hyper, form.cells), noise, cells=form.cells)
    return _tiers(leaves, hyper, family, families, form)


def solve_reduced(cells: Cells, hyper: Hyper) -> tuple[Tree, tuple[Array, Array, Array]]:
    """The same for many projects and one family per arm: project effects belong to the arm alone, O(P C^2 A)."""
    noise = noise_at(hyper, cells.count.shape[1], namespace(cells.count))
    leaves, own, informed, coupling = leaf.reduced(*cells, leaf_cell(hyper, False), noise, hyper.arm.project**2)
    return _tiers(leaves, hyper, None, 0, Layout(cells.count.shape[1], 0)), (own, informed, coupling)


def _tiers(leaves: Potential, hyper: Hyper, family: Array | None, families: int, form: Layout) -> Tree:
    xp = namespace(leaves.precision)
    message, arm = upward(leaves, form.variances(hyper.arm, xp))
    middle = arm
    if families:
        member = (xp.arange(families)[:, None] == family) * 1.0
        gathered = Potential(*(xp.tensordot(member, part, 1) for part in message))
        message, middle = upward(gathered, form.variances(hyper.family, xp))
    total = Potential(*(part.sum(0) for part in message))
    above = form.variances(hyper.globe, xp)
    start = hyper.mean * (xp.arange(len(above)) == 0)
    total = total._replace(
        information=total.information + start / above, constant=total.constant - 0.5 * (start**2 / above).sum()
    )
    top, globe = upward(total, above)
    return Tree(arm, middle, globe, top.constant)


def marginals(tree: Tree, hyper: Hyper, family: Array, families: int, form: Layout) -> tuple[Array, Array]:
    """Posterior mean (arms, q) and covariance (arms, q, q) of every arm's effect vector."""
    xp = namespace(tree.globe.mean)
    mean, covariance = tree.globe.mean, tree.globe.covariance
    if families:
        mean, covariance = downward(tree.family, form.variances(hyper.family, xp), mean, covariance)
        mean, covariance = mean[family], covariance[family]
    return downward(tree.arm, form.variances(hyper.arm, xp), mean, covariance)

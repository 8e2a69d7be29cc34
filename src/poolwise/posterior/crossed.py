"""The whole tree for given hyperparameters: log evidence, and the marginal of every arm's effect vector."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from poolwise.posterior import leaf
from poolwise.posterior.hyper import Hyper, Tier
from poolwise.posterior.tree import Conditional, Potential, downward, upward

Array = Any


class Cells(NamedTuple):
    """Sufficient statistics in the form the algebra wants: count, mean, sum of squared deviations [project, context, arm]."""

    count: Array
    mean: Array
    deviation: Array


class Tree(NamedTuple):
    """Everything that beliefs are read from. The top tier's conditional is its posterior."""

    arm: Conditional
    family: Conditional
    globe: Conditional
    evidence: Array


def variances(tier: Tier, contexts: int, projects: int) -> Array:
    """(1 + contexts + projects,) prior variances of a tier's effect vector; `projects` may be 0."""
    blocks = [jnp.full(1, tier.level), jnp.full(contexts, tier.context), jnp.full(projects, tier.project)]
    return jnp.concatenate(blocks) ** 2


def solve(cells: Cells, hyper: Hyper, family: Array, families: int) -> Tree:
    """Messages up the tree. `family`: (arms,) index; families = 0: arms hang at the globe directly."""
    projects, contexts, _ = cells.count.shape
    leaves = leaf.potential(*cells, hyper.cell, hyper.noise)
    return _tiers(leaves, hyper, family, families, contexts, projects)


def solve_reduced(cells: Cells, hyper: Hyper) -> tuple[Tree, tuple[Array, Array, Array]]:
    """The same for many projects and one family per arm: project effects belong to the arm alone, O(P C^2 A)."""
    leaves, own, informed, coupling = leaf.reduced(*cells, hyper.cell, hyper.noise, hyper.arm.project**2)
    none = jnp.zeros(cells.count.shape[2], dtype=int)
    return _tiers(leaves, hyper, none, 0, cells.count.shape[1], 0), (own, informed, coupling)


def _tiers(leaves: Potential, hyper: Hyper, family: Array, families: int, contexts: int, projects: int) -> Tree:
    message, arm = upward(leaves, variances(hyper.arm, contexts, projects))
    middle = arm
    if families:
        gathered = Potential(*(jax.ops.segment_sum(part, family, families) for part in message))
        message, middle = upward(gathered, variances(hyper.family, contexts, projects))
    total = Potential(*(part.sum(0) for part in message))
    above = variances(hyper.globe, contexts, projects)
    start = jnp.zeros(len(above)).at[0].set(hyper.mean)
    total = total._replace(
        information=total.information + start / above, constant=total.constant - 0.5 * (start**2 / above).sum()
    )
    top, globe = upward(total, above)
    return Tree(arm, middle, globe, top.constant)


def marginals(
    tree: Tree, hyper: Hyper, family: Array, families: int, contexts: int, projects: int
) -> tuple[Array, Array]:
    """Posterior mean (arms, q) and covariance (arms, q, q) of every arm's effect vector."""
    mean, covariance = tree.globe.mean, tree.globe.covariance
    if families:
        mean, covariance = downward(tree.family, variances(hyper.family, contexts, projects), mean, covariance)
        mean, covariance = mean[family], covariance[family]
    return downward(tree.arm, variances(hyper.arm, contexts, projects), mean, covariance)

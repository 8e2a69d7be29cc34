"""LinUCB and LinTS as MABWiser defines them, on one-hot context and project; exact, at a cost that long runs allow.

Every arm has a ridge regression A = I + sum x x', beta = A^-1 sum r x with x the one-hot of context and project. As x
has two ones, a score needs four entries of A^-1 and two of beta, and A^-1 is block diagonal over the connected parts of
the graph of contexts and projects; an outcome updates one block by the Sherman-Morrison formula. LinTS needs only the
scalar x' beta ~ Normal(x' mean, alpha^2 x' A^-1 x), which has the law of MABWiser's draw of the whole vector.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.peers.tabular import CHUNK, generator
from poolwise.table import Table, available

ALPHA = 1.0
LINEAR = ("LinUCB", "LinTS")


class Layout(NamedTuple):
    """Where a unit's two ones stand: (units,) each; `size` gives the width of every block."""

    block: np.ndarray
    context: np.ndarray
    project: np.ndarray
    size: np.ndarray


def layout(table: Table) -> Layout:
    """Blocks of the graph whose nodes are contexts and projects and whose edges are units."""
    contexts, nodes = len(table.contexts), len(table.contexts) + len(table.projects)
    edges = coo_array((np.ones(len(table.units)), (table.context, contexts + table.project)), shape=(nodes, nodes))
    block = connected_components(edges, directed=False)[1]
    place = np.zeros(nodes, int)
    for code in range(block.max() + 1):
        place[block == code] = np.arange((block == code).sum())
    return Layout(block[table.context], place[table.context], place[contexts + table.project], np.bincount(block))


def play_linear(table: Table, reward: np.ndarray, orders: np.ndarray, seeds: list[int], peer: str) -> np.ndarray:
    """(seeds, units) arm chosen at every step by LinUCB or LinTS."""
    where = layout(table)
    return np.stack(
        [play_one(table, reward, order, seed, peer, where) for order, seed in zip(orders, seeds, strict=True)]
    )


def play_one(table: Table, reward: np.ndarray, order: np.ndarray, seed: int, peer: str, where: Layout) -> np.ndarray:
    """(units,) arms chosen for one seed."""
    arms = len(table.arms)
    inverse: list[np.ndarray | None] = [None] * len(where.size)
    beta: list[np.ndarray | None] = [None] * len(where.size)
    rng, absent = generator(peer, seed), ~available(table)
    chosen = np.empty(len(order), int)
    for step, unit in enumerate(order):
        if step % CHUNK == 0:
            noise = rng.standard_normal((CHUNK, arms))
        block, c, p = where.block[unit], where.context[unit], where.project[unit]
        if inverse[block] is None:
            inverse[block] = np.tile(np.eye(where.size[block]), (arms, 1, 1))
            beta[block] = np.zeros((arms, where.size[block]))
        a_inv, mean = inverse[block], beta[block]
        middle, scale = moments(a_inv, mean, c, p)
        draw = noise[step % CHUNK]
        scores = middle + ALPHA * (scale + 1e-9 * draw if peer == "LinUCB" else scale * draw)
        scores[absent[unit]] = -np.inf
        arm = chosen[step] = scores.argmax()
        learn(a_inv[arm], mean[arm], c, p, reward[unit, arm])
    return chosen


def moments(inverse: np.ndarray, beta: np.ndarray, c: int, p: int) -> tuple[np.ndarray, np.ndarray]:
    """(arms,) x' beta and sqrt(x' A^-1 x) of every arm."""
    return beta[:, c] + beta[:, p], np.sqrt(inverse[:, c, c] + 2 * inverse[:, c, p] + inverse[:, p, p])


def learn(inverse: np.ndarray, beta: np.ndarray, c: int, p: int, reward: float) -> None:
    """Add one outcome to one arm's block, in place: recursive least squares."""
    gain = inverse[:, c] + inverse[:, p]
    denominator = 1.0 + gain[c] + gain[p]
    error = reward - beta[c] - beta[p]
    beta += gain * (error / denominator)
    inverse -= np.multiply.outer(gain / denominator, gain)

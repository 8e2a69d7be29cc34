"""Success as a hierarchical Bernoulli in closed form: family prior -> arm -> (context, arm) -> (project, context, arm).

Every level is Beta around its parent, with a learned concentration kappa (in pseudo-counts):

    p[a] ~ Beta(family prior),  p[c,a] ~ Beta(kappa_context, mean p[a]),  p[p,c,a] ~ Beta(kappa_cell, mean p[c,a])

Pseudo-counts travel up discounted, n -> n kappa / (n + kappa), since no number of outcomes of a child tells more about
its parent than kappa of the parent's own would; they travel down without the child's own part (the cavity). These are
the messages of a Gaussian tree whose variances are p (1 - p) / kappa: exact for many outcomes, and close to the full
posterior for few (`tests/posterior/likelihoods/test_bernoulli.py` compares with quadrature). Only + - * /, so NumPy
and JAX arrays serve alike.
"""

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from poolwise.arrays import Array, Float, Int
from poolwise.lazy import special
from poolwise.posterior.transfer.prior_data_conflict import DiscountedPrior, ElicitedBeta, discount_prior

_GRID = (2.0, 6.0, 20.0, 60.0, 200.0)
_TOTALS = np.array([[1.0, 1.0], [1.0, 0.0]])
"""From pseudo-counts of success and failure to their number and the successes in it."""


class BetaHyperparameters(NamedTuple):
    """Where a prior on success is stated, and how much is shared: concentrations in pseudo-counts."""

    prior: Float[Array, "arm 2"]
    """Pseudo-counts of success and failure of each arm's family."""
    kappa_context: Array = 20.0
    kappa_cell: Array = 20.0
    pooled: Float[Array, "2 context arm"] | None = None
    """Pseudo-counts of other stores, in the terms of `PseudoCounts.context`."""
    elicited: ElicitedBeta | None = None
    """What was said before any outcome, where `prior` is what is left of it (`transfer.prior_data_conflict`)."""
    kappa_near: Array = 5.0
    """Of other arms (`gp.bernoulli_kernel`)."""
    power_near: tuple[tuple[float, ...], ...] | None = None
    """Of each parameter's part in their likeness, by smooth family: the larger, the fewer of them tell of an arm."""


class PseudoCounts(NamedTuple):
    """Number of outcomes and of the successes in them, at each level of the tree; float64."""

    cell: Float[Array, "2 project context arm"]
    context: Float[Array, "2 context arm"]
    """Discounted counts of the cells below."""
    arm: Float[Array, "2 arm"]
    """Discounted counts of the contexts below."""
    near: Float[Array, "2 arm"] | None = None
    """Discounted counts of the other arms."""


class Concentrations(NamedTuple):
    """Pseudo-counts that a level is worth to its children."""

    context: Array
    cell: Array
    near: Array


class Beta(NamedTuple):
    """A probability known as Beta(mean * size, (1 - mean) * size)."""

    mean: Float[Array, "... arm"]
    size: Float[Array, "... arm"]

    @property
    def scale(self) -> Array:
        """Standard deviation."""
        return (self.mean * (1 - self.mean) / (self.size + 1)) ** 0.5


def aggregate(
    hyperparameters: BetaHyperparameters,
    outcomes: Float[Array, "project context arm"],
    successes: Float[Array, "project context arm"],
) -> PseudoCounts:
    """Of all cells at once."""
    cell = np.stack([outcomes, successes]).astype(np.float64)
    context = _with_pooled(hyperparameters, discount(cell, hyperparameters.kappa_cell).sum(axis=1))
    return PseudoCounts(cell, context, discount(context, hyperparameters.kappa_context).sum(axis=1))


def update(
    cell: Float[Array, "2"], context: Float[Array, "2"], outcome: Float[Array, "2"], kappa: Concentrations
) -> tuple[Float[Array, "2"], Float[Array, "2"], Float[Array, "2"]]:
    """Pseudo-counts of the cell, of its context, and what the arm gains, after one outcome, which is (1, success)."""
    after = cell + outcome
    above = context + discount(after, kappa.cell) - discount(cell, kappa.cell)
    return after, above, discount(above, kappa.context) - discount(context, kappa.context)


def predict(
    prior: Float[Array, "2 arm"],
    cell: Float[Array, "2 arm"],
    context: Float[Array, "2 arm"],
    arm: Float[Array, "2 arm"],
    others: Float[Array, "2 arm"],
    kappa: Concentrations,
) -> Beta:
    """Of every arm in one cell, from pseudo-counts: the domain prior's, the cell's, the context's, the arms' and, of
    every arm, that of those it is like, discounted (`bernoulli_kernel`)."""
    above = prior + arm + others - discount(context, kappa.context)
    beside = discount(above, kappa.context) + context - discount(cell, kappa.cell)
    return _beta(discount(beside, kappa.cell) + cell)


def marginals(hyperparameters: BetaHyperparameters, counts: PseudoCounts) -> Beta:
    """Posterior of the probability of success of every cell, [project, context, arm], seen or not."""
    return _combined(cavity(hyperparameters, counts.cell, counts.context[:, None], parent_counts(counts)), counts.cell)


def cavity(hyperparameters: BetaHyperparameters, cell: Array, context: Array, arm: Array) -> Beta:
    """What all other cells say about a cell: its prior before its own outcomes. Arrays are (2, ...)."""
    family = _family(hyperparameters).reshape((2,) + (1,) * (cell.ndim - 2) + (-1,))
    above = family + arm.reshape(family.shape) - discount(context, hyperparameters.kappa_context)
    beside = discount(above, hyperparameters.kappa_context) + context - discount(cell, hyperparameters.kappa_cell)
    return _beta(discount(beside, hyperparameters.kappa_cell))


def _beta(counts: Array) -> Beta:
    size, successes = counts
    return Beta(successes / size, size)


def _family(hyperparameters: BetaHyperparameters) -> Array:
    """(2, arms): number of pseudo-counts, and of successes in them."""
    return (hyperparameters.prior @ _TOTALS).T


def fit(
    outcomes: Float[np.ndarray, "project context arm"],
    successes: Float[np.ndarray, "project context arm"],
    prior: Float[np.ndarray, "arm 2"],
    pooled: Float[np.ndarray, "2 context arm"] | None = None,
    start: tuple[float, float] | None = None,
) -> BetaHyperparameters:
    """Concentrations that predict best: every cell's outcomes from all the other cells (beta-binomial), on a grid.

    outcomes, successes: counts; prior: domain priors, for instance (3, 1): three successes and one failure seen; start:
    of contexts and cells, from which a climb over the grid begins; None: all of it is tried. Where the data say
    nothing, the strongest sharing wins.
    """
    if (outcomes == successes).all():  # what never failed is foreseen best by the cells nearest to it
        return BetaHyperparameters(prior, _GRID[0], _GRID[-1], pooled)
    seen = _ObservedCells.of(outcomes, successes)

    @cache
    def quality(at: tuple[int, int]) -> tuple[float, int, int]:
        hyperparameters = BetaHyperparameters(prior, _GRID[at[0]], _GRID[at[1]], pooled)
        return round(seen.score(hyperparameters), 6), at[1], -at[0]

    sides = range(len(_GRID))
    if start is None:
        best = max(product(sides, sides), key=quality)
    else:
        first, second = (int(np.abs(np.log(np.divide(_GRID, one))).argmin()) for one in start)
        best, before = (first, second), (-1, -1)
        while best != before:
            near = [(best[0] + i, best[1] + j) for i, j in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))]
            before, best = best, max((at for at in near if set(at) <= set(sides)), key=quality)
    return BetaHyperparameters(prior, _GRID[best[0]], _GRID[best[1]], pooled)


class _ObservedCells(NamedTuple):
    """Cells with outcomes alone: most of a large system are empty, and say nothing."""

    cell: Float[np.ndarray, "2 cell"]
    """Number of outcomes and of successes."""
    place: Int[np.ndarray, " cell"]
    """Index of their [context, arm]."""
    shape: tuple[int, ...]

    @classmethod
    def of(cls, outcomes: np.ndarray, successes: np.ndarray) -> "_ObservedCells":
        places = np.broadcast_to(np.arange(outcomes[0].size).reshape(outcomes.shape[1:]), outcomes.shape)
        seen = outcomes > 0
        return cls(np.stack([outcomes[seen], successes[seen]]), places[seen], outcomes.shape[1:])

    def score(self, hyperparameters: BetaHyperparameters) -> float:
        """Sum over cells of the log probability of their outcomes, each cell predicted from all the others."""
        upward = discount(self.cell, hyperparameters.kappa_cell)
        size = int(np.prod(self.shape))
        context = np.stack([np.bincount(self.place, row, size) for row in upward]).reshape(2, *self.shape)
        context = _with_pooled(hyperparameters, context)
        beside = discount(context, hyperparameters.kappa_context)
        above = _family(hyperparameters)[:, None] + beside.sum(1, keepdims=True) - beside
        around = (discount(above, hyperparameters.kappa_context) + context).reshape(2, -1)[:, self.place] - upward
        size, good = discount(around, hyperparameters.kappa_cell)
        n, k = self.cell
        return float(np.sum(special.betaln(good + k, size - good + n - k) - special.betaln(good, size - good)))


def _with_pooled(hyperparameters: BetaHyperparameters, context: np.ndarray) -> np.ndarray:
    """Pseudo-counts of contexts with that of other stores."""
    if hyperparameters.pooled is not None:
        known = min(hyperparameters.pooled.shape[1], context.shape[1])
        context[:, :known] += hyperparameters.pooled[:, :known]
    return context


def with_discounted_prior(
    hyperparameters: BetaHyperparameters, outcomes: np.ndarray, successes: np.ndarray
) -> BetaHyperparameters:
    """With what is left of the stated priors after these outcomes [project, context, arm], the same arm's in different
    cells counted as `aggregate` does: cells differ."""
    left = discounted_prior(hyperparameters, outcomes, successes)
    return hyperparameters if left is None else hyperparameters._replace(prior=left.prior)


def discounted_prior(
    hyperparameters: BetaHyperparameters, outcomes: np.ndarray, successes: np.ndarray
) -> DiscountedPrior | None:
    """How far the stated priors are believed after these outcomes; None where nothing was said."""
    return (
        None
        if hyperparameters.elicited is None
        else discount_prior(hyperparameters.elicited, *aggregate(hyperparameters, outcomes, successes).arm)
    )


def _combined(prior: Beta, cell: Array) -> Beta:
    size = prior.size + cell[0]
    return Beta((prior.size * prior.mean + cell[1]) / size, size)


def parent_counts(counts: PseudoCounts) -> Float[Array, "2 arm"]:
    """Of every arm and of its neighbours."""
    return counts.arm if counts.near is None else counts.arm + counts.near


def discount(counts: Float[Array, "2 ..."], kappa: Array) -> Float[Array, "2 ..."]:
    """What it tells about the level above or below: the variances 1 / n and 1 / kappa of the two add up."""
    return counts * (kappa / (counts[0] + kappa))

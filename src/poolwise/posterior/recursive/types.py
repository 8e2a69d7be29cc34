"""What the serving posterior is made of: a state that changes, constants that estimation sets, a structure that stays.

Shapes: P projects, C contexts, A arms, F families, K slots, with room for projects and contexts to come; q effects of
an arm (`gaussian.EffectLayout`). Everything is float64.
"""

from typing import NamedTuple

from poolwise.arrays import Array, Float
from poolwise.posterior.hyperparameters.gaussian import EffectLayout


class Structure(NamedTuple):
    """Known when a function is compiled; hashable."""

    projects: int
    contexts: int
    arms: int
    family: tuple[int, ...] | None
    """Index of every arm's family; None: every arm is its own, and there is no tier of families."""
    cells: bool
    """Whether effects of every (project, context) are coordinates (`gaussian.EffectLayout`)."""
    baseline: int | None
    """The arm whose utility is 0 by definition."""
    slots: int
    """K: projects whose exchangeability is asked at a time."""
    censored: bool = True
    """Whether outcomes may be cut off."""

    @property
    def layout(self) -> EffectLayout:
        return EffectLayout(self.contexts, self.projects, self.cells)

    @property
    def own_layout(self) -> EffectLayout:
        """Of a project by itself: its level and its contexts (`gaussian.of_one_project`)."""
        return EffectLayout(self.contexts, 0)


class Constants(NamedTuple):
    """What estimation sets: constant from one estimation of the hyperparameters to the next."""

    noise: Float[Array, "context arm"]
    """Standard deviation of one outcome."""
    success_prior: Float[Array, "2 arm"]
    """Pseudo-counts of the domain prior, and the successes in them."""
    numbers: Float[Array, "6"]
    """See `Numbers`."""
    weight: Float[Array, " project"]
    """How much a project's outcomes count in `State.effects`, above 0."""


class Numbers(NamedTuple):
    """Scalars, packed into `Constants.numbers`."""

    cell: float
    """Variance of a cell around its coordinates."""
    kappa_context: float
    kappa_cell: float
    kappa_near: float
    """Concentrations of the success hierarchy (`bernoulli`)."""
    limit: float
    """Standard deviations beyond which an outcome counts less (`robust_weights`); infinite: none does."""
    trust: float
    """Prior log odds that a project is exchangeable with the others."""


class State(NamedTuple):
    """Everything that outcomes change. JAX: donated to `update`, whose result takes its buffers."""

    effects: tuple[Array, ...]
    """Arms (A, q, q + 1), families (F, q, q + 1) if any, globe (1, q, q + 1): see `effects`."""
    cells: Float[Array, "project context 5 arm"]
    """Weighted count, mean and sum of squared deviations of successes; outcomes; successes."""
    contexts: Float[Array, "context 2 arm"]
    """Discounted pseudo-counts of success, number and successes."""
    arms: Float[Array, "9 arm"]
    """Moments of the arm's successes (5, `robust_weights.ArmMoments`), pseudo-counts of success (2), failures (2)."""
    baseline: Float[Array, "project context 6"]
    """Count, mean, sum of squared deviations of the baseline's successes, then of all its outcomes."""
    baseline_sums: Float[Array, "10"]
    """Sums over its cells (5, `baseline_utility.sums`), moments of its successes (5)."""
    own_effects: tuple[Array, ...]
    """As `effects`, of K projects by themselves one below the other: (K A, q', q' + 1), .."""
    log_odds: Float[Array, " project"]
    """Log p(outcomes of the project | others) - log p(outcomes), outcome by outcome."""


class Outcome(NamedTuple):
    """One outcome; numbers, or traced numbers."""

    project: Array
    context: Array
    arm: Array
    utility: Array
    kind: Array
    """0: there is none, 1: a success, 2: a failure, 3: a success that was cut off, so worth at most `utility`."""
    slot: Array
    """Of the project in `State.own_effects`; -1: its exchangeability is not asked."""


NONE, SUCCESS, FAILURE, CUT = range(4)


class Predictive(NamedTuple):
    """What is believed of every arm in one (project, context).

    The wider rows are what the rest of this project shares, what this context elsewhere shares, and what everything
    shares; the last is missing where it is not kept (`layouts`).
    """

    mean: Float[Array, " arm"]
    """Of the utility here."""
    scale: Float[Array, " arm"]
    """Its standard deviation."""
    noise: Float[Array, " arm"]
    """Standard deviation of one outcome."""
    count: Float[Array, " arm"]
    """Outcomes in this cell."""
    wider_mean: Float[Array, "wider arm"]
    wider_scale: Float[Array, "wider arm"]
    wider_share: Float[Array, "wider arm"] | None
    """By how much of a change of `mean` the wider rows change; None where it is not known."""

"""What the belief with slopes is made of: a state that changes, constants that estimation sets, a structure that stays.

Shapes: P projects, C contexts, A arms, F families; q effects and slopes of an arm (`slopes.SlopeLayout`), d of them
slopes; J recent jobs. Everything is float64, in NumPy or JAX.
"""

from typing import NamedTuple

from poolwise.arrays import Array, Float
from poolwise.posterior.features.slopes import SlopeLayout


class SlopeStructure(NamedTuple):
    """Known when a function is compiled; hashable."""

    layout: SlopeLayout
    family: tuple[int, ...] | None
    """Index of every arm's family; None: there is no tier of families."""
    arms: int

    @property
    def directions(self) -> int:
        return sum(self.layout.blocks)


class RecentJobs(NamedTuple):
    """J jobs that stand for those to come."""

    project: Float[Array, " job"]
    context: Float[Array, " job"]
    phi: Float[Array, "job direction"]
    variance: Float[Array, "job arm"]
    """Of theta there, when the state was set up; it may be smaller by now."""


class SlopeConstants(NamedTuple):
    """Constant from one estimation to the next."""

    noise: Float[Array, "context arm"]
    """Variance of one outcome."""
    cell: Float[Array, ""]
    """Variance of a cell around its coordinates."""
    heard: Float[Array, " project"]
    """What a project's outcomes count as for others, see `likelihoods.project_weights`; for itself they do in full."""
    recent: RecentJobs
    unknown: Float[Array, " arm"]
    """Variance of theta of a job from what is not known of its directions."""


class SlopeState(NamedTuple):
    """Everything that outcomes change: in NumPy in place, in JAX donated."""

    tiers: tuple[Array, ...]
    """As `recursive.effects` has them: (rows, q, q + 1)."""
    number: Float[Array, "project context arm"]
    """Weight of the outcomes, as others hear of them."""
    mean: Float[Array, "project context arm"]
    directions: Float[Array, "project context arm direction"]
    """Mean over the same."""

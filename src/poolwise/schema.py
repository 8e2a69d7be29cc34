"""The records that pass between engine, store and caller.

All are immutable. Times are seconds since the epoch (UTC). Utilities are `log(baseline_cost / cost)` for costs:
0 = as good as the baseline, log 0.95 = 5 % worse.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

Status = Literal["ok", "failed", "timeout"]
STATUSES: tuple[Status, ...] = ("ok", "failed", "timeout")
CHANCES = "p:"
"""In a table of decisions, column `p:ARM` is the probability with which the logging policy would choose that arm."""


class Decision(NamedTuple):
    """One choice, with the probability with which it was made."""

    id: int
    """Positive, unique in its store; the random number of the choice is derived from it."""
    project: str
    context: str
    family: str
    params: dict[str, Any]
    """Empty when read back from a store, which keeps the arm's id: `ArmSpace.arm(id).params` has them."""
    arm: str
    """Stable id of the arm, for instance `nlsat(factor=2,seed=1)`."""
    probability: float
    """Exact propensity of this arm at this decision, in (0, 1]."""
    reason: str
    """Which layer settled the choice, for instance `thompson`, `baseline only`, `pinned`."""
    time: float
    job: str | None = None
    view: int = 0
    """Key of the logged view (beliefs and allowed arms) that the probability was computed from."""
    features: tuple[float, ...] | None = None
    """What was known of the job: a number for every column of `Store.names("feature")`, NaN where it was not."""


class Outcome(NamedTuple):
    """What happened after one decision."""

    decision: int
    status: Status
    utility: float
    """What the belief learns from; derived from the costs where they are given."""
    cost: float | None
    baseline_cost: float | None
    time: float


class LoggedView(NamedTuple):
    """What a policy saw for one (project, context): enough to compute its decisions again, bit for bit."""

    id: int
    project: str
    context: str
    policy: int
    """Key of the policy's specification (`Store.policies`)."""
    snapshot: int
    outcomes: int
    """Number of outcomes that the belief rested on."""
    arms: tuple[str, ...]
    arrays: dict[str, np.ndarray]
    """The fields of `policy.View`, by name; `context` as one vector in the order of `policy.Context`."""


class Snapshot(NamedTuple):
    """A fitted posterior: what a refit proposes and the engine serves from."""

    id: int
    time: float
    parent: int | None
    method: str
    """`fast`, `nuts` or `svi`."""
    status: Literal["serving", "rejected", "superseded", "damaged"]
    reason: str
    outcomes: int
    """Number of outcomes, in the store's order, that it was fitted to."""
    hyper: dict[str, Any]
    """Hyperparameters by name: JSON numbers and lists."""
    diagnostics: dict[str, Any]

    def __repr__(self) -> str:
        return f"<Snapshot {self.id} ({self.method}) of {self.outcomes} outcomes, {self.status}: {self.reason}>"


def family_of(arm: str) -> str:
    """The family that an arm's id names.

    >>> family_of("nlsat(factor=2,seed=1)")
    'nlsat'
    """
    return arm.partition("(")[0]

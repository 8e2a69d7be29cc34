"""What a policy is: a pure function from what is believed to one probability per arm.

Policies and wrappers are written once against the array namespace of their input: NumPy arrays when serving (no
dispatch cost), JAX arrays when a simulator is traced and differentiated. They never branch on values.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from poolwise.arrays import Array, namespace

Params = dict[str, Any]
"""Explicit pytree of numbers, one entry per constant that may be learned."""


class Context(NamedTuple):
    """Scalars of one (project, context), known before the decision. All are floats."""

    decisions: Array = 0.0
    """Decisions made here so far."""
    outcomes: Array = 0.0
    """Outcomes seen here so far."""
    share: Array = 0.0
    """Share of the project's decisions that fall here, in [0, 1]."""
    importance: Array = 0.0
    """Share of the project's total cost (cost per job times frequency) that falls here, in [0, 1]."""
    staleness: Array = 0.0
    """Project's decisions since the last informative trial here."""
    remaining: Array = 0.0
    """Expected remaining uses of this context in this project."""
    remaining_project: Array = 0.0
    """Expected remaining decisions of this project, this context included."""
    remaining_all: Array = 0.0
    """Expected remaining decisions of all projects, this one included."""
    remaining_elsewhere: Array = 0.0
    """Expected remaining uses of this context in other projects."""
    project_decisions: Array = 0.0
    """Decisions made in this project so far."""
    afterwards: Array = 0.0
    """Uses of what is learned here after the last decision: 0 where every trial is a real job (`goal = "earn"`)."""


class View(NamedTuple):
    """What a policy sees for one decision. Arrays over arms unless said otherwise; utilities in log units.

    Policies work on the last axis: with leading axes (cells, arms) one call answers for many decisions; `wider_*` are
    then (rows, cells, arms), the scalars of `context` (cells, 1), `family` and `baseline` shared.
    """

    mean: Array
    """Posterior mean of the utility of every arm in this (project, context)."""
    scale: Array
    """Posterior standard deviation of the same; > 0."""
    noise: Array
    """Standard deviation of one outcome around its arm's utility."""
    allowed: Array
    """bool: available now and not banned, retired or quarantined. At least one is True."""
    count: Array
    """Outcomes of the arm in this (project, context)."""
    family: Array
    """(arms,) int: index of the arm's family; concrete NumPy even where the rest is traced, for it is structure."""
    baseline: int
    """Index of the baseline arm."""
    wider_mean: Array
    """(rows, arms): posterior mean of what the arm shares with the rest of this project (row 0), with this context in
    other projects (row 1), and, where there is a third row, with everything."""
    wider_scale: Array
    """(rows, arms): posterior standard deviation of the same."""
    context: Context = Context()
    wider_share: Array | None = None
    """(rows, arms): by how much of a change of the belief here what is shared changes: their covariance over the
    variance here. None: not known; see `gradient.bonus`."""
    contrast: Array | None = None
    """(arms,): by how much of a change of the belief in an arm its advantage over the best other one changes, in
    [0, 1]: little for one that is like the best. None: by all of it, since arms are taken as independent."""
    chance: Array | None = None
    """(arms,): chance of success, of configurations that tell it of each other; None: not asked, `mean` has it all."""


CUSTOM = "custom"
"""Spec of a policy that was not built from the rules and wrappers there are."""


class Policy(NamedTuple):
    """A policy as a value: `probabilities(params, view) -> (arms,)`, its constants, and how it is written down."""

    probabilities: Callable[[Params, View], Array]
    params: Params
    spec: str = CUSTOM
    """How it was composed, for instance `safe(thompson)`: enough to build it again (`policy.parse`)."""


def constant(values: np.ndarray, like: Array) -> Array:
    """`values` beside `like`: themselves for NumPy, a new array of the same precision for JAX.

    JAX keeps a NumPy constant with the precision in which it met it first, and would mix both in a later trace.
    """
    xp = namespace(like)
    return values if xp is np else xp.asarray(values.tolist(), like.dtype)

"""What the engine's owner may set; every value has a default that is meant to be right."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from poolwise.engine.safeguards.settings import Exploration, Safety, check_arms
from poolwise.errors import ConfigError, nearest
from poolwise.inputs import conforming
from poolwise.objective import Objective
from poolwise.posterior.hyperparameters.refit_schedule import EVERY
from poolwise.posterior.observation_model import ObservationModel
from poolwise.space import ArmSpace


class Settings(NamedTuple):
    """Utilities in log units (`log(baseline_cost / cost)`), times in seconds, counts in outcomes."""

    objective: Objective | None = None
    """What is optimised: `ratio`, the mean of log(baseline_cost / cost), or `total`, what all jobs cost together, where
    one that takes 16 times as long is dear however rare it is; None: that of the store, `ratio` for a new one."""
    failure_utility: float = math.log(0.5)
    """Utility of a failure; one whose measured cost is even worse gets what its cost says."""
    utility_limit: float = 5.0
    """The belief sees utilities clipped to +- this (e^5 = 148 times); the store keeps what was measured."""
    domain_priors: tuple[tuple[str, float, float], ...] = ()
    """(family, a, b): as if `a` successes and `b` failures of the family had been seen; others get `usual_success`."""
    utility_priors: tuple[tuple[str, float, float], ...] = ()
    """(family, mean, sd): what an expert expects of the family's utility in a context and project of which nothing else
    is known, given success (`transfer.elicited_prior`)."""
    usual_success: tuple[float, float] = (3.0, 0.6)
    """(a, b): as if so many successes and failures of every family without a domain prior had been seen."""
    outcome_timeout: float | None = None
    """A decision without an outcome after so many seconds counts as failed, from the next `refresh` until heard of."""
    timeout: float | None = None
    """Cost at which runs are stopped, in the unit of the costs: that of a time-out which is reported without one."""
    timeout_factor: float = 1.0
    """Where the total is optimised: how many times its cost a time-out counts (10: PAR10); 1: what was spent."""
    resolution: float | None = None
    """Smallest cost that the clock tells from nothing, which takes the place of a cost of 0; None: half the smallest
    cost above 0 that was seen before."""
    timeouts: Literal["censored", "failed"] = "censored"
    """What status `timeout` with both costs means. `censored`: the run was stopped at this cost, and would have cost
    more; where the total is optimised, what was spent is what counts. `failed`: that is all it cost, the baseline's run
    in its place included. Without costs, or a limit, it is a failure."""
    half_life: float | Literal["learned"] | None = None
    """Number of outcomes after which an outcome counts half, where the system drifts; `learned`: one of a few, chosen
    by how well they predict; None: what was true once stays true."""
    outliers: float | None = 4.0
    """Spreads from what was expected beyond which a utility counts less; None, and where the total is optimised: all
    count fully."""
    reestimate_every: tuple[tuple[int, int], ...] = EVERY
    """(up to this many outcomes, re-estimate the scales after so many new ones); later at every fifth more."""
    horizon: float | None = None
    """Expected number of decisions in all; None: how long projects go on is learned from the store's own."""
    goal: Literal["earn", "best"] = "earn"
    """What counts. `earn`: every decision is a real job, and all of their utility counts. `best`: decisions are trials
    of a tuning session, `horizon` of them, and what counts is the configuration that is best afterwards."""
    enough: float | None = None
    """Expected further gain, in log units, below which a tuning session has found enough: `poolwise run` ends there;
    None: it never ends early."""
    project_factors: int = 2
    """Largest number of factors by which projects that resemble each other inform each other; 0: none."""
    surface: Literal["auto", "always", "never"] = "auto"
    """Whether what is learned of an arm tells of arms with similar parameters; see `arm_features.MANY` for `auto`."""
    renew: Literal["auto", "always", "never"] = "auto"
    """Whether configurations that promise more take the places of those that promise little. `auto`: in families that
    allow more than their `limit`, numbers between the levels of a `Real` included; `always`: in all that have a surface
    and a `Real`, too; `never`: a family offers the same even selection for good."""
    project_trust: float = 0.95
    """Probability, before its outcomes, that a project is like the others; what it comes to is learned. 1: certain."""
    log_views: bool = True
    """Log what every decision rested on, which replay, explanations and off-policy evaluation need."""
    durability: Literal["process", "power"] = "process"
    """What every acknowledged event survives: the end of the `process`, however it ends, or the loss of `power` too."""
    lock_wait: float = 1.0
    """Seconds for which a call waits while another process writes to the store."""
    on_store_fault: Literal["decide", "baseline", "raise"] = "decide"
    """What a decision is while the store cannot be written: one from the last belief, or the baseline, neither of them
    logged, so that its outcome cannot be reported; or an error. Where a budget is in force, which counts what is
    logged, `decide` is as `baseline`."""
    estimate: Literal["beside", "inline"] = "beside"
    """Where the scales are estimated again: in a thread, while decisions go on, or within the call in which they are
    due, so that the same calls always give the same beliefs."""
    backend: Literal["auto", "numpy", "jax"] = "auto"
    """What computes beliefs and probabilities: `auto`, JAX once a process has learned some outcomes and the compiled
    call is there, NumPy until then; `jax`, from the first call, which waits for it; `numpy`, always."""
    safety: Safety | None = None
    """Layers that keep users from harm; None: the policy alone."""
    exploration: Exploration | None = None
    """Budgets, coverage, feedback and drift; None: the policy alone."""

    def checked(self) -> "Settings":
        """Itself, or a ConfigError that names what is wrong."""
        return conforming(self, ConfigError)._checked()

    def _checked(self) -> "Settings":
        if not 1 <= self.timeout_factor < math.inf:
            raise ConfigError(f"timeout_factor {self.timeout_factor} must be a number of at least 1, for instance 10")
        if self.total and self.safety is not None and self.safety.conservative is not None:
            raise ConfigError(
                "[safety.conservative] guarantees speed, job by job, and costs have no upper bound from which a total "
                "could be guaranteed: leave it out, or choose objective = 'ratio'"
            )
        if not (math.isfinite(self.failure_utility) and abs(self.failure_utility) <= self.utility_limit):
            raise ConfigError(f"failure_utility {self.failure_utility} must lie within +-{self.utility_limit}")
        if not 0 < self.utility_limit < math.inf:
            raise ConfigError(f"utility_limit {self.utility_limit} must be a positive number, for instance 5")
        if self.outcome_timeout is not None and not self.outcome_timeout > 0:
            raise ConfigError(f"outcome_timeout {self.outcome_timeout} must be positive, or left out for none")
        for name in ("timeout", "resolution"):
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} {value} must be a cost above 0, or left out")
        if self.horizon is not None and not self.horizon >= 1:
            raise ConfigError(f"horizon {self.horizon} must be at least 1 decision, or left out when unknown")
        if self.enough is not None and not 0 < self.enough < math.inf:
            raise ConfigError(f"enough {self.enough} must be a gain in log units above 0, for instance 0.01 for 1 %")
        if isinstance(self.project_factors, bool) or self.project_factors not in range(9):
            raise ConfigError(f"project_factors {self.project_factors} must be a whole number from 0 to 8")
        if not 0 < self.project_trust <= 1:
            raise ConfigError(f"project_trust {self.project_trust} must be a probability above 0, 1 for no doubt")
        self._check_options()
        pairs = [(a, b) for _, a, b in self.domain_priors] + [self.usual_success]
        if not all(0 < number < math.inf for pair in pairs for number in pair):
            raise ConfigError(f"domain priors {self.domain_priors} need pseudo-counts above 0, for instance (3, 1)")
        for family, mean, sd in self.utility_priors:
            if not (abs(mean) <= self.utility_limit and 0 < sd < math.inf):
                raise ConfigError(
                    f"utility prior {family} = ({mean}, {sd}) needs a mean within +-{self.utility_limit} "
                    "and a standard deviation above 0, for instance (0.2, 0.1)"
                )
        if any(limit <= 0 or every <= 0 for limit, every in self.reestimate_every):
            raise ConfigError(f"reestimate_every {self.reestimate_every} must hold pairs of positive counts")
        safety, exploration = self.safety, self.exploration
        return self._replace(safety=safety and safety.checked(), exploration=exploration and exploration.checked())

    def meant_for(self, space: ArmSpace) -> "Settings":
        """Itself, checked. Raises ConfigError for priors or rules of safety that name what the space does not have:
        they would be ignored."""
        found = self.checked()
        if found.safety is not None:
            check_arms(found.safety, space)
        known = [family.name for family in space.families]
        for table in ("domain_priors", "utility_priors"):
            for family, _, _ in getattr(found, table):
                if family not in known:
                    raise ConfigError(f"[engine.{table}] names an unknown family {family!r}{nearest(family, known)}")
        return found

    def _check_options(self) -> None:
        if self.enough is not None and self.goal != "best":
            raise ConfigError(
                "enough ends a tuning session, and under goal = 'earn' decisions are real jobs, which go on: set "
                "goal = 'best', or leave enough out"
            )
        if not (isinstance(self.lock_wait, int | float) and 0 <= self.lock_wait < math.inf):
            raise ConfigError(f"lock_wait {self.lock_wait!r} must be a number of seconds, 0 or more")
        number = self.half_life if self.half_life not in (None, "learned") else 1.0
        if not (isinstance(number, int | float) and 1 <= number < math.inf):
            raise ConfigError(
                f"half_life {self.half_life!r} must be a number of outcomes >= 1, or 'learned', or left out"
            )
        if self.outliers is not None and not self.outliers >= 2:
            raise ConfigError(
                f"outliers {self.outliers!r} must be 2 spreads or more, for instance 4, or outcomes are lost"
            )

    @property
    def options(self) -> ObservationModel:
        """What the belief is told."""
        return ObservationModel(None if self.total else self.outliers, self.half_life, self.project_trust)

    @property
    def total(self) -> bool:
        """Whether costs are optimised as they add up."""
        return self.objective == "total"

    @property
    def known_objective(self) -> Objective:
        """The default in place of None."""
        return self.objective or "ratio"

    @property
    def named(self) -> frozenset[str]:
        """Arms and families that rules of safety name."""
        safety = self.safety
        return frozenset() if safety is None else frozenset({*safety.ban, *safety.fallbacks, safety.pin or ""} - {""})

    @property
    def store_wait(self) -> float:
        """Seconds for which one call of the store waits: what is left of `lock_wait` is for deciding without it."""
        return 0.9 * self.lock_wait

    @property
    def budgeted(self) -> bool:
        """Whether a budget counts decisions: what is not logged would escape it."""
        conservative = self.safety is not None and self.safety.conservative is not None
        most = self.exploration
        explored = most is not None and not (most.context_budget is None and most.overall_budget is None)
        return conservative or explored

    def success_prior(self, families: Sequence[str]) -> np.ndarray:
        """(arms, 2) pseudo-counts of success and failure, for the family of every arm."""
        stated = {family: (a, b) for family, a, b in self.domain_priors}
        return np.array([stated.get(family, self.usual_success) for family in families], dtype=np.float64)


def chosen(settings: Settings, objective: Objective | None) -> Settings:
    """With what is said beside them; None: nothing."""
    return settings if objective is None else settings._replace(objective=objective)

"""The tables of a configuration file, one record each; what is left out keeps its default."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import parameter_from_dict


class Table(BaseModel):
    """Strict: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


class Run(Table):
    """What to run, how long, and where its events are kept."""

    workload: str | None = None
    """`command`, `z3`, `simulation`, or `package.module:Class`; none: decisions come from outside."""
    decisions: int = Field(default=1_000, ge=1)
    """How many `poolwise run` makes in all."""
    seed: int = Field(default=0, ge=0)
    """Of everything drawn: which jobs come, and what is chosen."""
    store: str = "sqlite:///poolwise.db"
    """Where events are kept: a file, `postgresql://host/database?workspace=name`; `memory://` forgets them."""
    arrivals: dict[str, int] = Field(default_factory=dict)
    """Decision at which each project takes part for the first time; empty: all from the start."""


class FamilyTable(Table):
    """One strategy family; see `space.Family`."""

    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """By name: `{ type = "choice", values = [..] }`, or `integer` and `real` with `low`, `high`, `log`, `levels`."""
    conditions: dict[str, dict[str, list[Any]]] = Field(default_factory=dict)
    """A parameter that applies only where others have one of these values."""
    forbidden: list[dict[str, Any]] = Field(default_factory=list)
    """Combinations of values that are no arms."""
    limit: int = Field(default=256, ge=1)
    """Most arms of the family; of more, an even selection."""


class Space(Table):
    """The arms, where a configuration names them itself."""

    baseline: str
    """The arm, by its id, that is used without Poolwise."""
    families: dict[str, FamilyTable] = Field(min_length=1)

    def build(self) -> ArmSpace:
        """Raises SpaceError where the tables contradict themselves."""
        return ArmSpace([_family(name, table) for name, table in self.families.items()], self.baseline)


class FeatureTable(Table):
    """Something that is known of a job before it is decided; see `space.features.Feature`."""

    type: Literal["real", "integer", "boolean", "choice"] = "real"
    """What it is."""
    log: bool = False
    """Ratios matter, not differences: of a number that is never negative."""
    missing: Literal["allowed", "refused"] = "allowed"
    """Whether a job may come without it."""
    values: list[Any] = Field(default_factory=list)
    """Of a choice."""
    cost: float = Field(default=0.0, ge=0)
    """What it costs to find it out for a job, in the unit of the costs; `status` and `trials` count it."""


class PolicyTable(Table):
    """A policy as it is written down, `farsighted(macro_micro(thompson))`, and its constants; None: the default."""

    spec: str | None = None
    """For instance `floored(safe(thompson))`; none: the default, a knowledge gradient."""
    params: dict[str, float] = Field(default_factory=dict)
    """Constants of its layers by name, for instance `minimum = 0.02`."""
    learned: str | list[str] = Field(default_factory=list)
    """Files of promoted cards that `poolwise learn` wrote, one or more, instead of the two: every project that is new
    gets the constants that they recommend for what it is like."""
    learn: Literal["never", "projects"] = "never"
    """`projects`: when a project is new, settings of the policy race over those that were there before it, and what
    would have gained for certain is what it explores with."""
    learn_seconds: float = Field(default=15.0, gt=0)
    """Longest that such a race may take."""


class EngineTable(Table):
    """The fields of `engine.Settings`; what is left out keeps its default."""

    objective: Literal["ratio", "total"] | None = None
    failure_utility: float | None = None
    utility_limit: float | None = None
    domain_priors: dict[str, list[float]] = Field(default_factory=dict)
    utility_priors: dict[str, list[float]] = Field(default_factory=dict)
    usual_success: list[float] | None = None
    outcome_timeout: float | None = None
    project_factors: int | None = None
    surface: Literal["auto", "always", "never"] | None = None
    renew: Literal["auto", "always", "never"] | None = None
    project_trust: float | None = None
    timeout: float | None = None
    timeout_factor: float | None = None
    resolution: float | None = None
    timeouts: Literal["censored", "failed"] | None = None
    half_life: float | Literal["learned"] | None = None
    outliers: float | None = None
    reestimate_every: list[list[int]] | None = None
    horizon: float | None = None
    goal: Literal["earn", "best"] | None = None
    enough: float | None = None
    log_views: bool | None = None
    durability: Literal["process", "power"] | None = None
    lock_wait: float | None = None
    on_store_fault: Literal["decide", "baseline", "raise"] | None = None
    backend: Literal["auto", "numpy", "jax"] | None = None
    estimate: Literal["beside", "inline"] | None = None

    def given(self) -> dict[str, Any]:
        """Keyword arguments of `engine.Settings`: what was set, lists as tuples."""
        body = self.model_dump(exclude_none=True, exclude={"domain_priors", "utility_priors"})
        for name in ("domain_priors", "utility_priors"):
            if priors := [[family, *pair] for family, pair in getattr(self, name).items()]:
                body[name] = priors
        return {name: _tuples(value) for name, value in body.items()}


class ModelTable(Table):
    """A NumPyro model of the user's own, for refits by `nuts` and `svi`; a path is relative to the configuration."""

    file: str | None = None
    """Python file that holds the model; it is executed."""
    function: str = "model"
    """The model's name in the file."""

    def given(self, folder: Path) -> dict[str, Any]:
        """Options of a refit."""
        return {} if self.file is None else {"model": str(folder / self.file), "function": self.function}


class ComputeTable(Table):
    """Where batch work runs: refits, replays, learning; `--executor` and `--workers` go before it."""

    executor: str = "local"
    """`local`: processes of this machine; `ray://local`: a Ray cluster of it, started and stopped by the command;
    `ray://HOST:PORT`: one that runs."""
    workers: int = Field(default=1, ge=1, le=4096)
    """Pieces of work at a time."""


class QuarantineTable(Table):
    """The fields of `policy.constraints.quarantine.Settings`; in all tables what is left out keeps its default."""

    margin: float | None = None
    slack: float | None = None
    limit: float | None = None
    threshold: float | None = None
    window: float | None = None
    growth: float | None = None
    longest: float | None = None
    probation: float | None = None
    dose: float | None = None
    places: float | None = None


class ConservativeTable(Table):
    """`policy.conservative.Settings`."""

    alpha: float | None = None
    delta: float | None = None
    worst: float | None = None
    cap: float | None = None
    measured: bool | None = None
    baseline: float | None = None
    estimated: bool = False
    """The baseline's performance is not known but estimated from its outcomes."""


class CoverageTable(Table):
    """`policy.constraints.coverage_guarantee.Guarantee`."""

    share: float | None = None
    trials: int | None = None
    window: int | None = None


class DriftTable(Table):
    """`policy.constraints.change_detection.Settings`."""

    threshold: float | None = None
    slack: float | None = None
    limit: float | None = None
    noise: float | None = None
    trust: float | None = None
    keep: float | None = None


class SafetyTable(Table):
    """`engine.Safety`; layers named in `off` do not act."""

    off: list[Literal["eligibility", "quarantine"]] = Field(default_factory=list)
    """Layers that do not act: `eligibility`, `quarantine`."""
    delta: float | None = None
    margin: float | None = None
    spend: float | None = None
    fallbacks: list[str] | None = None
    ban: list[str] | None = None
    pin: str | None = None
    freeze: bool | None = None
    stop: bool | None = None
    shadow: bool | None = None
    quarantine: QuarantineTable | None = None
    conservative: ConservativeTable | None = None


class ExplorationTable(Table):
    """`engine.Exploration`; layers named in `off` do not act."""

    off: list[Literal["drift", "feedback"]] = Field(default_factory=list)
    """Layers that do not act: `drift`, `feedback`."""
    context_budget: float | None = None
    overall_budget: float | None = None
    grant: float | None = None
    memory: float | None = None
    quiet: float | None = None
    coverage: CoverageTable | None = None
    drift: DriftTable | None = None


class Config(Table):
    """A whole configuration file."""

    run: Run = Run()
    workload: dict[str, Any] = Field(default_factory=dict)
    space: Space | None = None
    features: dict[str, FeatureTable] = Field(default_factory=dict)
    policy: PolicyTable = PolicyTable()
    engine: EngineTable = EngineTable()
    model: ModelTable = ModelTable()
    compute: ComputeTable = ComputeTable()
    safety: SafetyTable | None = None
    exploration: ExplorationTable | None = None


def _family(name: str, table: FamilyTable) -> Family:
    parameters = {key: parameter_from_dict(body) for key, body in table.parameters.items()}
    return Family(name, parameters, table.conditions, table.forbidden, table.limit)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value

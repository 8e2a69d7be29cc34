"""TOML -> checked settings. A wrong key or value is one line that says where it stands and what was probably meant.

[run]        workload, decisions, seed, store; [run.arrivals] project = first decision at which it takes part
[workload]   options of the workload, by name
[space]      baseline, and [space.families.NAME.parameters.NAME] with type = "choice" | "integer" | "real"
[policy]     spec, and [policy.params] with its constants
[engine]     what `engine.Settings` holds, and [engine.domain_priors] family = [successes, failures],
             [engine.utility_priors] family = [mean, standard deviation]
[model]      file, function: a NumPyro model of your own for `poolwise refit --method nuts`, see docs/models.md
[safety]     what `engine.Safety` holds; [safety.quarantine], [safety.conservative]; off = ["eligibility"] ..
[exploration] what `engine.Exploration` holds; [exploration.coverage], [exploration.drift]; off = ["drift"]
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from poolwise.errors import ConfigError, nearest
from poolwise.parameters import parameter_from_dict
from poolwise.space import ArmSpace, Family


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Run(_Table):
    """What to run, how long, and where its events are kept."""

    workload: str | None = None
    decisions: int = Field(default=1_000, ge=1)
    seed: int = Field(default=0, ge=0)
    store: str = "sqlite:///poolwise.db"
    arrivals: dict[str, int] = Field(default_factory=dict)
    """Decision at which each project takes part for the first time; empty: all from the start."""


class FamilyTable(_Table):
    """One strategy family; see `space.Family`."""

    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict)
    conditions: dict[str, dict[str, list[Any]]] = Field(default_factory=dict)
    forbidden: list[dict[str, Any]] = Field(default_factory=list)
    limit: int = Field(default=256, ge=1)


class Space(_Table):
    """The arms, where a configuration names them itself."""

    baseline: str
    families: dict[str, FamilyTable] = Field(min_length=1)

    def build(self) -> ArmSpace:
        """Raises SpaceError where the tables contradict themselves."""
        return ArmSpace([_family(name, table) for name, table in self.families.items()], self.baseline)


class PolicyTable(_Table):
    """A policy as it is written down, `farsighted(macro_micro(thompson))`, and its constants; None: the default."""

    spec: str | None = None
    params: dict[str, float] = Field(default_factory=dict)
    learned: str | None = None
    """File of a promoted card that `poolwise learn` wrote, instead of the two."""


class EngineTable(_Table):
    """The fields of `engine.Settings`; what is left out keeps its default."""

    failure_utility: float | None = None
    utility_limit: float | None = None
    domain_priors: dict[str, list[float]] = Field(default_factory=dict)
    utility_priors: dict[str, list[float]] = Field(default_factory=dict)
    usual_success: list[float] | None = None
    outcome_timeout: float | None = None
    project_factors: int | None = None
    surface: Literal["auto", "always", "never"] | None = None
    project_trust: float | None = None
    timeouts: Literal["censored", "failed"] | None = None
    half_life: float | Literal["learned"] | None = None
    outliers: float | None = None
    reestimate_every: list[list[int]] | None = None
    horizon: float | None = None
    log_views: bool | None = None

    def given(self) -> dict[str, Any]:
        """Keyword arguments of `engine.Settings`: what was set, lists as tuples."""
        body = self.model_dump(exclude_none=True, exclude={"domain_priors", "utility_priors"})
        for name in ("domain_priors", "utility_priors"):
            if priors := [[family, *pair] for family, pair in getattr(self, name).items()]:
                body[name] = priors
        return {name: _tuples(value) for name, value in body.items()}


class ModelTable(_Table):
    """A NumPyro model of the user's own, for refits by `nuts` and `svi`; a path is relative to the configuration."""

    file: str | None = None
    function: str = "model"

    def given(self, folder: Path) -> dict[str, Any]:
        """Options of a refit."""
        return {} if self.file is None else {"model": str(folder / self.file), "function": self.function}


class QuarantineTable(_Table):
    """The fields of `policy.guard.Settings`, as in all tables below: what is left out keeps its default."""

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


class ConservativeTable(_Table):
    """`policy.conservative.Settings`."""

    alpha: float | None = None
    delta: float | None = None
    worst: float | None = None
    cap: float | None = None
    measured: bool | None = None
    baseline: float | None = None
    estimated: bool = False
    """The baseline's performance is not known but estimated from its outcomes."""


class CoverageTable(_Table):
    """`policy.ledger.Guarantee`."""

    share: float | None = None
    trials: int | None = None
    window: int | None = None


class DriftTable(_Table):
    """`policy.watch.Settings`."""

    threshold: float | None = None
    slack: float | None = None
    limit: float | None = None
    noise: float | None = None
    trust: float | None = None
    keep: float | None = None


class SafetyTable(_Table):
    """`engine.Safety`; layers named in `off` do not act."""

    off: list[Literal["eligibility", "quarantine"]] = Field(default_factory=list)
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


class ExplorationTable(_Table):
    """`engine.Exploration`; layers named in `off` do not act."""

    off: list[Literal["drift", "feedback"]] = Field(default_factory=list)
    context_budget: float | None = None
    overall_budget: float | None = None
    grant: float | None = None
    memory: float | None = None
    quiet: float | None = None
    coverage: CoverageTable | None = None
    drift: DriftTable | None = None


class Config(_Table):
    """A whole configuration file."""

    run: Run = Run()
    workload: dict[str, Any] = Field(default_factory=dict)
    space: Space | None = None
    policy: PolicyTable = PolicyTable()
    engine: EngineTable = EngineTable()
    model: ModelTable = ModelTable()
    safety: SafetyTable | None = None
    exploration: ExplorationTable | None = None


def load(path: str | Path) -> Config:
    """Read and check a file. Raises ConfigError, in one line."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"no configuration file {path}: `poolwise init {path}` writes one to start from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a configuration: {error}") from error
    return parse(text, str(path))


def parse(text: str, source: str = "configuration") -> Config:
    """The checked configuration of a TOML text; `source` names it in messages. Raises ConfigError.

    >>> parse("[run]\\nseed = 7").run.seed
    7
    """
    try:
        config = Config.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not valid TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError(_explained(error.errors()[0], source)) from error
    _check_priors(config.engine, source)
    return config


def _check_priors(engine: EngineTable, source: str) -> None:
    """Raises ConfigError for a prior that is no pair, or has a number out of range."""
    rules = (
        ("domain_priors", (True, True), "two counts above 0, [successes, failures], for instance [3, 1]"),
        ("utility_priors", (False, True), "[mean, standard deviation], the second above 0, for instance [0.2, 0.1]"),
    )
    for table, positive, wanted in rules:
        for family, pair in getattr(engine, table).items():
            if len(pair) != 2 or any(above and not number > 0 for number, above in zip(pair, positive, strict=True)):
                raise ConfigError(f"{family} = {pair} in [engine.{table}] of {source}: give {wanted}")


def _explained(error: ErrorDetails, source: str) -> str:
    *tables, name = [str(part) for part in error["loc"]]
    place = f"in [{'.'.join(tables)}] of {source}" if tables else f"in {source}"
    if error["type"] == "extra_forbidden":
        return f"unknown key {name!r} {place}{_suggestion(tables, name)}"
    if error["type"] == "missing":
        return f"key {name!r} is missing {place}: add it"
    return f"{name} = {error['input']!r} {place} is wrong: {error['msg'].lower()}"


def _suggestion(tables: list[str], name: str) -> str:
    """What could have been meant: a key of the same table, or else the table that has such a key."""
    here, top = _fields(tables), _fields([])
    if difflib.get_close_matches(name, here, n=1):
        return nearest(name, here)
    homes = [table for table in top if name in _fields([table])]
    if homes:
        return f": it belongs into [{homes[0]}]"
    return nearest(name, top if difflib.get_close_matches(name, top, n=1) else here)


def _fields(tables: list[str]) -> list[str]:
    models: Mapping[str, type[_Table]] = {
        "run": Run,
        "space": Space,
        "policy": PolicyTable,
        "engine": EngineTable,
        "model": ModelTable,
        "safety": SafetyTable,
        "safety.quarantine": QuarantineTable,
        "safety.conservative": ConservativeTable,
        "exploration": ExplorationTable,
        "exploration.coverage": CoverageTable,
        "exploration.drift": DriftTable,
    }
    if not tables:
        return list(Config.model_fields)
    model = FamilyTable if tables[:2] == ["space", "families"] else models.get(".".join(tables), models.get(tables[0]))
    return list(model.model_fields) if model else []


def _family(name: str, table: FamilyTable) -> Family:
    parameters = {key: parameter_from_dict(body) for key, body in table.parameters.items()}
    return Family(name, parameters, table.conditions, table.forbidden, table.limit)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value

"""[engine], [safety] and [exploration] of a configuration as the settings of an engine, and its store."""

from typing import Any

from poolwise.config import Config, ConservativeTable
from poolwise.engine import Exploration, Safety, Settings
from poolwise.errors import ConfigError
from poolwise.policy.constraints.change_detection import Settings as Drift
from poolwise.policy.constraints.conservative import Settings as Conservative
from poolwise.policy.constraints.coverage_guarantee import Guarantee
from poolwise.policy.constraints.quarantine import Settings as Quarantine
from poolwise.space.features import Feature, declared
from poolwise.store import Store, open_store


def settings_of(config: Config) -> Settings:
    """The settings of a configuration. Raises ConfigError for values that cannot be meant."""
    given = {"estimate": "inline", **config.engine.given()}  # one command, one answer
    if config.run.workload is not None:
        # A run knows how long it lasts, and measures what followed a run that was stopped.
        given = {"horizon": float(config.run.decisions), "timeouts": "failed", **given}
    return Settings(**given, safety=safety_of(config), exploration=exploration_of(config)).checked()


def opened_store(config: Config, settings: Settings, *, create: bool, look: bool = False) -> Store:
    """The store of a configuration. look: to change nothing."""
    run = config.run
    wait, durability = settings.store_wait, settings.durability
    return open_store(run.store, seed=run.seed, create=create, look=look, lock_wait=wait, durability=durability)


def features_of(config: Config) -> dict[str, Feature] | None:
    """The features that a configuration declares; None where it has no [features]: those of the store. Raises
    SpaceError."""
    return declared({name: table.model_dump() for name, table in config.features.items()}) or None


def safety_of(config: Config) -> Safety | None:
    """None where the file has no [safety]. Raises ConfigError for a layer that is both set and off."""
    table = config.safety
    if table is None:
        return None
    _contradiction("safety", table.off, {"quarantine": table.quarantine, "eligibility": table.delta})
    body = _given(table, {"off", "quarantine", "conservative"})
    for name in ("fallbacks", "ban"):
        body[name] = tuple(body.get(name, ()))
    if "eligibility" in table.off:
        body["delta"] = None
    if table.quarantine is not None:
        body["quarantine"] = Quarantine(**_given(table.quarantine))
    elif "quarantine" in table.off:
        body["quarantine"] = None
    if table.conservative is not None:
        body["conservative"] = _conservative(table.conservative)
    return Safety(**body)


def exploration_of(config: Config) -> Exploration | None:
    """None where the file has no [exploration]. Raises ConfigError for a layer that is both set and off."""
    table = config.exploration
    if table is None:
        return None
    _contradiction("exploration", table.off, {"drift": table.drift, "feedback": table.memory})
    body = _given(table, {"off", "coverage", "drift"})
    if table.coverage is not None:
        body["coverage"] = Guarantee(**_given(table.coverage))
    if table.drift is not None:
        body["drift"] = Drift(**_given(table.drift))
    elif "drift" in table.off:
        body["drift"] = None
    if "feedback" in table.off:
        body["memory"] = None
    return Exploration(**body)


def _conservative(table: ConservativeTable) -> Conservative:
    body = _given(table, {"estimated"})
    if table.estimated and table.baseline is not None:
        raise ConfigError(
            f"[safety.conservative] has baseline = {table.baseline} and estimated = true: keep one of the two"
        )
    made = Conservative(**body)
    return made._replace(baseline=None) if table.estimated else made


def _contradiction(part: str, off: list[Any], layers: dict[str, Any]) -> None:
    for name, value in layers.items():
        if name in off and value is not None:
            raise ConfigError(f"[{part}] switches {name!r} off and sets it: keep one of the two")


def _given(table: Any, exclude: set[str] | None = None) -> dict[str, Any]:
    return table.model_dump(exclude_none=True, exclude=exclude or set())

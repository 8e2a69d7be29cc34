"""From a checked configuration to what a run needs; what only now can be found wrong is said before the first job."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from poolwise.config import Config
from poolwise.engine import Settings
from poolwise.engine.safeguards.settings import protected
from poolwise.errors import ConfigError, nearest
from poolwise.policy import Policy
from poolwise.run.opening import policy_of
from poolwise.run.settings import settings_of
from poolwise.store.addresses import beside
from poolwise.workloads import WORKLOADS, Workload, open_workload, workload_class


class Plan(NamedTuple):
    """Everything about a run but its events."""

    workload: Workload
    policy: Policy
    settings: Settings
    arrivals: Mapping[str, int]
    """Decision at which each project takes part for the first time."""
    decisions: int
    seed: int
    store: str
    identity: Mapping[str, Any]
    """What must stay the same for a store to be continued."""
    config: Config


def plan(config: Config) -> Plan:
    """Start the workload of a configuration and check the rest against it; close `plan.workload` when done.

    Raises ConfigError, SpaceError, and WorkloadError where the system cannot be started.
    """
    policy, settings = policy_of(config), settings_of(config)
    protected(policy, settings.safety)
    options = _options(config)
    workload = open_workload(config.run.workload or "", **options)
    try:
        settings.meant_for(workload.space)
        arrivals = _arrivals(config, workload)
    except ConfigError:
        workload.close()
        raise
    run = config.run
    identity = {"workload": run.workload, "options": config.workload, "seed": run.seed, "arrivals": dict(arrivals)}
    return Plan(workload, policy, settings, arrivals, run.decisions, run.seed, run.store, identity, config)


def _options(config: Config) -> dict[str, Any]:
    name = config.run.workload
    if name is None:
        raise ConfigError(f"no workload to run: set workload = ... in [run]{nearest('', WORKLOADS)}")
    known = inspect.signature(workload_class(name)).parameters
    for option in config.workload:
        if option not in known and not any(one.kind is one.VAR_KEYWORD for one in known.values()):
            raise ConfigError(f"unknown key {option!r} in [workload] for {name!r}{nearest(option, known)}")
    for feature in config.workload.get("features", ()) if name == "command" else ():
        if feature not in config.features:
            raise ConfigError(f"features in [workload] names {feature!r}, which no [features.{feature}] declares")
    return {**config.workload, **({"arms": config.space.build()} if config.space else {})}


def _arrivals(config: Config, workload: Workload) -> dict[str, int]:
    given = config.run.arrivals or dict.fromkeys(workload.projects, 0)
    for project, first in given.items():
        if project not in workload.projects:
            raise ConfigError(f"unknown project {project!r} in [run.arrivals]{nearest(project, workload.projects)}")
        if first < 0:
            raise ConfigError(f"{project} = {first} in [run.arrivals] must be the number of a decision, 0 or later")
    if min(given.values()) > 0:
        raise ConfigError("[run.arrivals] starts with no project: at least one must arrive at 0")
    return dict(given)


def own_store(url: str, projects: Iterable[str]) -> dict[str, str]:
    """A store of its own for every project, beside the one at `url`."""
    return {project: beside(url, project) for project in projects}

"""From a checked configuration to what a run needs; what only now can be found wrong is said before the first job."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from poolwise import policy as policies
from poolwise.config import Config
from poolwise.engine import Engine, Settings
from poolwise.engine.safeguards import damaged_records
from poolwise.engine.safeguards.settings import protected
from poolwise.errors import ConfigError, nearest
from poolwise.policy import Policy
from poolwise.run import policy_card
from poolwise.run.remembered import remember
from poolwise.run.safety import exploration_of, safety_of
from poolwise.space import ArmSpace
from poolwise.store import Store, open_store
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


def policy_of(config: Config) -> Policy:
    """The configured policy. Raises ConfigError for a spec or a constant that no layer knows, DataError for a card."""
    if config.policy.learned is not None:
        if config.policy.spec is not None or config.policy.params:
            raise ConfigError("[policy] names a learned card and a policy of its own: keep one of the two")
        return policy_card.named(config.policy.learned)
    if config.policy.spec is None:
        default = policies.default()
        return policies.parse(default.spec, {**default.params, **config.policy.params})
    return policies.parse(config.policy.spec, config.policy.params)


def settings_of(config: Config) -> Settings:
    """The settings of a configuration. Raises ConfigError for values that cannot be meant."""
    given = {"estimate": "inline", **config.engine.given()}  # one command, one answer
    if config.run.workload is not None:
        # A run knows how long it lasts, and measures what followed a run that was stopped.
        given = {"horizon": float(config.run.decisions), "timeouts": "failed", **given}
    return Settings(**given, safety=safety_of(config), exploration=exploration_of(config)).checked()


def open_engine(config: Config, *, create: bool = True, look: bool = False) -> Engine:
    """The engine of a configuration outside of a run: its arms are those of [space], or those that its store knows.

    look: to change nothing.
    """
    policy, settings = policy_of(config), settings_of(config)
    space = config.space.build() if config.space else None
    if space:
        settings.meant_for(space)
    store = open_store(
        config.run.store,
        seed=config.run.seed,
        create=create,
        look=look,
        lock_wait=settings.store_wait,
        durability=settings.durability,
    )
    try:
        space = space or known_space(store, config.run.store)
        learned = policy_card.policy_for(config.policy.learned, policy, store, space, settings)
        if not look:
            remember(store, config)
        return Engine(store, space, learned, settings)
    except Exception:
        store.close()
        raise


def known_space(store: Store, url: str) -> ArmSpace:
    """The arms that a store was last used with. Raises ConfigError where it never was."""
    spaces = damaged_records.usable(store, "space")
    if not spaces:
        raise ConfigError(
            f"the store {url} knows no arms yet: name them in [space], or `poolwise run` a workload first"
        )
    return ArmSpace.from_dict(spaces[-1])


def _options(config: Config) -> dict[str, Any]:
    name = config.run.workload
    if name is None:
        raise ConfigError(f"no workload to run: set workload = ... in [run]{nearest('', WORKLOADS)}")
    known = inspect.signature(workload_class(name)).parameters
    for option in config.workload:
        if option not in known and not any(one.kind is one.VAR_KEYWORD for one in known.values()):
            raise ConfigError(f"unknown key {option!r} in [workload] for {name!r}{nearest(option, known)}")
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
    """A store of its own for every project, beside the one at `url`.

    >>> own_store("sqlite:///z3.db", ["algebra"])
    {'algebra': 'sqlite:///z3-algebra.db'}
    """
    folder, slash, name = url.rpartition("/")
    if not name:
        return dict.fromkeys(projects, url)
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    return {project: f"{folder}{slash}{stem}-{project}{dot}{suffix}" for project in projects}

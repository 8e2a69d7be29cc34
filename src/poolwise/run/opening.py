"""From a checked configuration to an open engine or store, outside of a run."""

from importlib import import_module

from poolwise import policy as policies
from poolwise.config import Config
from poolwise.engine.engine import Engine
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import ConfigError
from poolwise.policy import Policy
from poolwise.run.remembered import remember
from poolwise.run.settings import features_of, opened_store, settings_of
from poolwise.space import ArmSpace
from poolwise.store import Store
from poolwise.store.addresses import without_password


def policy_of(config: Config) -> Policy:
    """The configured policy. Raises ConfigError for a spec or a constant that no layer knows, DataError for a card."""
    if config.policy.learned:
        if config.policy.spec is not None or config.policy.params:
            raise ConfigError("[policy] names a learned card and a policy of its own: keep one of the two")
        found: Policy = import_module("poolwise.run.policy_card").policy_of(config.policy)
        return found
    if config.policy.spec is None:
        default = policies.default()
        return policies.parse(default.spec, {**default.params, **config.policy.params})
    return policies.parse(config.policy.spec, config.policy.params)


def open_engine(config: Config, *, create: bool = True, look: bool = False) -> Engine:
    """The engine of a configuration outside of a run: its arms are those of [space], or those that its store knows.

    look: to change nothing.
    """
    policy, settings = policy_of(config), settings_of(config)
    space = config.space.build() if config.space else None
    if space:
        settings.meant_for(space)
    store = opened_store(config, settings, create=create, look=look)
    try:
        space = space or known_space(store, config.run.store)
        if look:
            return Engine(store, space, policy, settings, features_of(config))
        remember(store, config)
        return advised(Engine(store, space, policy, settings, features_of(config)), policy, config)
    except Exception:
        store.close()
        raise


def advised(engine: Engine, policy: Policy, config: Config) -> Engine:
    """The engine, which asks how to explore in new projects where the configuration says so. policy: the given one,
    without what safety puts around it."""
    if config.policy.learned or config.policy.learn == "projects":
        import_module("poolwise.run.recommending").attach(engine, policy, config)
    return engine


def known_space(store: Store, url: str) -> ArmSpace:
    """The arms that a store was last used with. Raises ConfigError where it never was."""
    spaces = damaged_records.usable(store, "space")
    if not spaces:
        name = without_password(url)
        raise ConfigError(
            f"the store {name} knows no arms yet: name them in [space], or `poolwise run` a workload first"
        )
    return ArmSpace.from_dict(spaces[-1])

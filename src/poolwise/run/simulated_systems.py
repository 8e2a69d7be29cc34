"""Simulated systems to learn to explore from, like what the refits of a store found."""

import jax
import numpy as np

from poolwise.config import Config
from poolwise.errors import ConfigError
from poolwise.meta import simulated
from poolwise.meta.histories import History
from poolwise.meta.systems import sample
from poolwise.run.opening import known_space
from poolwise.run.policy_card import serving
from poolwise.simulate.population import Shape
from poolwise.store import Store

ARMS, CONTEXTS, PROJECTS, DECISIONS = 12, 6, 4, 60
"""Largest simulated systems; what is larger is simulated as if it were so large."""


def use(device: str | None) -> None:
    """Let JAX compute there. Raises ConfigError where there is no such device."""
    if device is None:
        return
    try:
        jax.config.update("jax_default_device", jax.devices(device)[0])
    except RuntimeError as error:
        raise ConfigError(f"device {device!r} cannot be used here ({error}): leave it out, or name cpu") from error


def of_simulation(store: Store, url: str, config: Config, number: int, seed: int) -> list[History]:
    """So many simulated systems around what the store's refits found."""
    space = config.space.build() if config.space else known_space(store, url)
    families, arms = len(space.families), min(len(space.arms), ARMS)
    shape = Shape(
        projects=int(np.clip(len(store.names("project")), 2, PROJECTS)),
        decisions=DECISIONS,
        contexts=int(np.clip(len(store.names("context")), 1, CONTEXTS)),
        arms=arms,
        families=families if families < arms else 0,
    )
    systems = sample(np.random.default_rng((seed, 0)), number, serving(store), shape)
    return simulated.of_systems(systems, shape, horizon_known=config.engine.horizon is not None)

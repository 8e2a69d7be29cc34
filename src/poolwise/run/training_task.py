"""What to train a way of exploring on, for a configuration and its store."""

import jax
import numpy as np

from poolwise.config import load
from poolwise.errors import ConfigError
from poolwise.meta.losses import Task
from poolwise.run.opening import known_space, policy_of
from poolwise.run.policy_card import serving
from poolwise.simulate.population import Shape
from poolwise.store import open_store

ARMS, CONTEXTS, PROJECTS = 12, 6, 4
"""Largest simulated systems; what is larger is simulated as if it were so large."""


def use(device: str | None) -> None:
    """Let JAX compute there. Raises ConfigError where there is no such device."""
    if device is None:
        return
    try:
        jax.config.update("jax_default_device", jax.devices(device)[0])
    except RuntimeError as error:
        raise ConfigError(f"device {device!r} cannot be used here ({error}): leave it out, or name cpu") from error


def task(path: str, url: str | None, *, decisions: int, seed: int, batch: int) -> Task:
    """What to train for a configuration and its store, which must exist."""
    config = load(path)
    store = open_store(url or config.run.store, look=True)
    try:
        space = config.space.build() if config.space else known_space(store, url or config.run.store)
        families = len(space.families)
        arms = min(len(space.arms), ARMS)
        shape = Shape(
            projects=int(np.clip(len(store.names("project")), 2, PROJECTS)),
            decisions=decisions,
            contexts=int(np.clip(len(store.names("context")), 1, CONTEXTS)),
            arms=arms,
            families=families if families < arms else 0,
        )
        horizon_known = config.engine.horizon is not None
        return Task(policy_of(config), shape, serving(store), horizon_known, seed, batch)
    finally:
        store.close()

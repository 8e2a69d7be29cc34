"""What to learn to explore from, for a configuration and its store: its own projects, tables, simulated ones."""

from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

from poolwise.config import Config
from poolwise.engine.insight.trials import trials
from poolwise.engine.safeguards import damaged_records
from poolwise.errors import ConfigError, DataError
from poolwise.meta import augmentation, histories, simulated
from poolwise.meta.histories import AS_SERVED, History, Played
from poolwise.meta.systems import sample
from poolwise.replay.source import read
from poolwise.run.opening import known_space
from poolwise.run.policy_card import serving
from poolwise.simulate.population import Shape
from poolwise.store import Store

ARMS, CONTEXTS, PROJECTS, DECISIONS = 12, 6, 4, 60
"""Largest simulated systems; what is larger is simulated as if it were so large."""
ENDINGS = (".parquet", ".csv")

Told = Callable[[str], None]


def use(device: str | None) -> None:
    """Let JAX compute there. Raises ConfigError where there is no such device."""
    if device is None:
        return
    try:
        jax.config.update("jax_default_device", jax.devices(device)[0])
    except RuntimeError as error:
        raise ConfigError(f"device {device!r} cannot be used here ({error}): leave it out, or name cpu") from error


def of_store(
    store: Store, seed: int, told: Told = lambda text: None, most: int | None = None, how: Played = AS_SERVED
) -> list[History]:
    """Every project of the store with enough outcomes, completed by what is believed of all its arms at the end. told:
    of the projects that are left out, and why. most: decisions of each that are taken, its first ones."""
    frame, spaces = trials(store), damaged_records.usable(store, "space")
    if frame.empty or not spaces:
        return []
    fine = (frame["status"] == "ok") & frame["gain"].notna()
    frame = frame.assign(utility=frame["gain"].where(fine, frame["utility"]))
    frame = frame if most is None else frame[frame["turn"] < most]
    return histories.of_log(frame, spaces[-1]["baseline"], seed, told, how)


def of_tables(paths: Sequence[Path], seed: int) -> list[History]:
    """Every table of these files and folders as it is, and once with an ordinary baseline and other jobs, arms and
    contexts. Raises DataError for a folder without tables and for what is no table."""
    found = []
    for path in paths:
        files = sorted(one for one in path.iterdir() if one.suffix in ENDINGS) if path.is_dir() else [path]
        if not files:
            raise DataError(f"{path} holds no table: name a folder of {' or '.join(ENDINGS)} files, or a file")
        for table in map(read, files):
            varied = augmentation.varied(table, seed)
            found += [histories.of_table(table), histories.of_table(varied, group=table.name)]
    return found


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

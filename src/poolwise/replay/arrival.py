"""In which order the units of a table arrive."""

from collections.abc import Sequence

import numpy as np

from poolwise.errors import ConfigError
from poolwise.names import shown
from poolwise.replay.arguments import seeds_of, tabled
from poolwise.table import Table

ORDERS = ("shuffled", "time", "project")


def orders(table: Table, kind: str, seeds: Sequence[int]) -> np.ndarray:
    """(seeds, units) order of the units: `shuffled`, `time` (as in the source), or `project` after project.

    By project, both the projects and the units of each are shuffled. Raises ConfigError for another kind.
    """
    if not isinstance(kind, str) or kind not in ORDERS:
        raise ConfigError(f"order {shown(kind)} is unknown: use one of {', '.join(ORDERS)}")
    seeds, units = seeds_of(seeds), len(tabled(table).units)
    if kind == "time":
        return np.tile(np.arange(units), (len(seeds), 1))
    shuffles = np.stack([np.random.default_rng([seed, 17]).permutation(units) for seed in seeds])
    if kind == "shuffled":
        return shuffles
    ranks = np.stack([np.random.default_rng([seed, 23]).permutation(len(table.projects)) for seed in seeds])
    sorting = [np.argsort(rank[table.project[mix]], kind="stable") for rank, mix in zip(ranks, shuffles, strict=True)]
    return np.take_along_axis(shuffles, np.stack(sorting), axis=1)

"""The best choices in hindsight: what regret is measured against."""

import numpy as np

from poolwise.replay.arguments import tabled
from poolwise.table import Table, available, utility

SINGLE, PER_CONTEXT = "single best", "best per context"
PER_CELL, VIRTUAL = "best per project and context", "virtual best"


def references(table: Table) -> dict[str, np.ndarray]:
    """(units,) arm of every choice made in hindsight, by its name.

    The best arm of a group of units is the one with the highest mean utility among the arms all its units have.
    """
    gain, present = utility(tabled(table)), available(table)
    groups = {
        SINGLE: np.zeros(len(table.units), int),
        PER_CONTEXT: table.context,
        PER_CELL: cells(table),
        VIRTUAL: np.arange(len(table.units)),
    }
    return {name: best_of_groups(gain, present, group) for name, group in groups.items()}


def cells(table: Table) -> np.ndarray:
    """(units,) code of the (project, context)."""
    return np.unique(np.stack([table.project, table.context]), axis=1, return_inverse=True)[1].ravel()


def best_of_groups(gain: np.ndarray, present: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(units,) best arm in hindsight of the unit's group."""
    count = np.bincount(group)
    total = np.zeros((len(count), gain.shape[1]))
    held = np.zeros_like(total)
    np.add.at(total, group, np.where(present, gain, 0.0))
    np.add.at(held, group, present)
    return np.where(held == count[:, None], total, -np.inf).argmax(axis=1)[group]

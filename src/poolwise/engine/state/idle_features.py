"""Declared features that decide nothing, whatever is learned: said once by a process that opens such a store, and by
`status` and `explain`."""

import logging
from weakref import WeakSet

from poolwise.engine.indexing.name_index import NameIndex
from poolwise.posterior.features.estimation import why_not
from poolwise.posterior.hyperparameters.estimation import Hyperparameters
from poolwise.posterior.padding import padded_size
from poolwise.store.base import Store

LOG = logging.getLogger("poolwise")
_TOLD: WeakSet[Store] = WeakSet()


def idle(name_index: NameIndex, hyperparameters: Hyperparameters) -> str:
    """That features decide nothing in a system of this size and kind, and why; empty where they may, or where there are
    none."""
    if not name_index.features.columns:
        return ""
    rooms = (padded_size(max(name_index.size(kind), 1)) for kind in ("project", "context"))
    why = why_not(hyperparameters.gaussian, (*rooms, len(name_index.known)))
    return f"features of jobs are stored and shown, and decide nothing: {why}" if why else ""


def warn(store: Store, name_index: NameIndex, hyperparameters: Hyperparameters) -> None:
    """Say so in the log, once for a store that is open."""
    if store not in _TOLD and (why := idle(name_index, hyperparameters)):
        _TOLD.add(store)
        LOG.warning(why)

"""A policy driven over a table of real outcomes: regret is exact, since every arm of every unit was measured.

found = pw.replay("table.parquet", policy="floored(thompson)", seeds=10)    # also poolwise.replay.replay
found.log.to_parquet("log.parquet"); found.summary["closed gap"]
"""

import sys
from types import ModuleType
from typing import Any

from poolwise.replay.api import Replay, replay, run_poolwise, run_poolwise_many
from poolwise.replay.arrival import ORDERS, orders
from poolwise.replay.hindsight import references
from poolwise.replay.loop import Run, run, run_many
from poolwise.replay.metrics import Interval, summary
from poolwise.replay.search.configuration_search import run_space
from poolwise.replay.search.source_tasks import NOTHING, Observations
from poolwise.replay.settings import Settings
from poolwise.replay.source import read

__all__ = [
    "NOTHING",
    "ORDERS",
    "Interval",
    "Observations",
    "Replay",
    "Run",
    "Settings",
    "orders",
    "read",
    "references",
    "replay",
    "run",
    "run_many",
    "run_poolwise",
    "run_poolwise_many",
    "run_space",
    "summary",
]


class _Callable(ModuleType):
    """`pw.replay` is the function's public name and this room's as well: calling the room calls the function."""

    def __call__(self, *arguments: Any, **options: Any) -> Replay:
        return replay(*arguments, **options)


sys.modules[__name__].__class__ = _Callable

"""Runs: a workload and an engine, one job after another, to be continued where it stopped.

Names are loaded when they are first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from poolwise.run.ending import interruptible as interruptible
    from poolwise.run.loop import Engines as Engines
    from poolwise.run.loop import Progress as Progress
    from poolwise.run.loop import distinct as distinct
    from poolwise.run.loop import open_engines as open_engines
    from poolwise.run.loop import run as run
    from poolwise.run.setup import Plan as Plan
    from poolwise.run.setup import plan as plan
else:
    from poolwise.lazy import members

    __getattr__, __all__ = members(
        __name__,
        {
            "interruptible": "ending",
            **dict.fromkeys(("Engines", "Progress", "distinct", "open_engines", "run"), "loop"),
            **dict.fromkeys(("Plan", "plan"), "setup"),
        },
    )

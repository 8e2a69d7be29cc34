"""Runs: a workload and an engine, one job after another, to be continued where it stopped."""

from poolwise.run.ending import interruptible
from poolwise.run.loop import Engines, Progress, distinct, open_engines, run
from poolwise.run.setup import Plan, plan

__all__ = ["Engines", "Plan", "Progress", "distinct", "interruptible", "open_engines", "plan", "run"]

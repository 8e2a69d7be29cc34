"""Runs: a workload and an engine, one job after another, to be continued where it stopped."""

from poolwise.run.loop import Progress, run
from poolwise.run.setup import Plan, plan

__all__ = ["Plan", "Progress", "plan", "run"]

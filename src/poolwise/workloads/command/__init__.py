"""A command-line tool as a workload: a template for the command, a list of its inputs, and nothing in Python."""

from poolwise.workloads.command.workload import Command

__all__ = ["Command"]

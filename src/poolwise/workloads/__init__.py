"""Systems to tune, real and simulated: one by its name, a command-line tool by a template, or a class of your own."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from poolwise.errors import ConfigError, nearest
from poolwise.workloads.base import Job, Measurement, Workload
from poolwise.workloads.command import Command
from poolwise.workloads.simulation import Simulation
from poolwise.workloads.z3.workload import Z3Workload

__all__ = ["WORKLOADS", "Job", "Measurement", "Workload", "open_workload", "workload_class"]

WORKLOADS: dict[str, Callable[..., Workload]] = {"z3": Z3Workload, "simulation": Simulation, "command": Command}
PARTS = ("space", "projects", "contexts", "jobs", "prepare", "measure", "close")
"""What `base.Workload` asks for."""


def open_workload(name: str, **options: Any) -> Workload:
    """Start a workload. Raises ConfigError for an unknown name, WorkloadError where its system cannot be started."""
    try:
        made = workload_class(name)(**options)
    except TypeError as error:
        raise ConfigError(f"the workload {name!r} cannot be made of [workload]: {error}") from error
    if lacks := [part for part in PARTS if not hasattr(made, part)]:
        raise ConfigError(f"the workload {name!r} has no {lacks[0]}: see poolwise.workloads.base.Workload")
    return made


def workload_class(name: str) -> Callable[..., Workload]:
    """What makes the workload of this name; `package.module:Class` is imported, from the present folder too.

    Raises ConfigError where there is none.
    """
    if name in WORKLOADS:
        return WORKLOADS[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigError(
            f"unknown workload {name!r} in [run]{nearest(name, WORKLOADS)}; your own is named package.module:Class"
        )
    found = getattr(_imported(module, name), attribute, None)
    if not callable(found):
        raise ConfigError(f"the workload {name!r} cannot be made: {module} has no class {attribute!r}")
    return found


def _imported(module: str, name: str) -> Any:
    """Imported as `python -m` would. Raises ConfigError for whatever is raised meanwhile."""
    try:
        if "" not in sys.path:
            sys.path.insert(0, "")
        return importlib.import_module(module)
    except Exception as error:
        raise ConfigError(f"the workload {name!r} cannot be imported: {type(error).__name__}: {error}") from error

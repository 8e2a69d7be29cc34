"""Systems to tune, real and simulated. `open_workload("z3")` starts one by its name."""

from typing import Any

from poolwise.errors import ConfigError
from poolwise.workloads.base import Job, Measurement, Workload
from poolwise.workloads.simulation import Simulation
from poolwise.workloads.z3.workload import Z3Workload

__all__ = ["WORKLOADS", "Job", "Measurement", "Workload", "open_workload"]

WORKLOADS = {"z3": Z3Workload, "simulation": Simulation}


def open_workload(name: str, **options: Any) -> Workload:
    """Start a workload. Raises ConfigError for an unknown name, WorkloadError where its system cannot be started."""
    if name not in WORKLOADS:
        raise ConfigError(f"unknown workload {name!r}: choose one of {sorted(WORKLOADS)}")
    return WORKLOADS[name](**options)

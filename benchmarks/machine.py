"""What a figure was measured on, on which core, and how it is printed beside its target."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from runner import versions


class Figure(NamedTuple):
    """One measured number; `target` is None where none was set."""

    what: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False
    """The target is a lower bound; otherwise an upper one."""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return bool(self.value >= self.target if self.at_least else self.value <= self.target)


def stay_on_one_core() -> None:
    """Start this script again on one core, unless it has but one: libraries count cores when they are loaded."""
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, {min(cores)})
        os.execv(sys.executable, [sys.executable, *sys.argv])


def described(packages: tuple[str, ...]) -> dict[str, object]:
    """Processor, number of cores allowed, versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {"cpu": names[0] if names else "unknown", "cores": len(os.sched_getaffinity(0)), **versions(packages)}


def percentiles(times: list[float] | np.ndarray) -> dict[str, float]:
    """Minimum, median, 90th and 99th percentile, and how many there were."""
    low, middle, high, extreme = np.percentile(times, [0, 50, 90, 99]).tolist()
    return {"minimum": low, "p50": middle, "p90": high, "p99": extreme, "n": len(times)}


def table(figures: list[Figure]) -> str:
    """One line per figure: measured, target, whether it is met."""
    lines = []
    for one in figures:
        sign = ">=" if one.at_least else "<="
        target = "" if one.target is None else f"{sign} {one.target:<9,.6g} {'met' if one.met else 'MISSED'}"
        lines.append(f"{one.what:<72} {one.value:>11,.4g} {one.unit:<8} {target}".rstrip())
    return "\n".join(lines)


def rows(figures: list[Figure]) -> list[dict[str, object]]:
    """The same for JSON."""
    return [{**one._asdict(), "met": one.met} for one in figures]

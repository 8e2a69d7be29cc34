"""What a figure was measured on: processor, cores, versions, commit, command."""

import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "poolwise", "numpy", "scipy", "pandas", "pyarrow", "sqlalchemy", "jax", "numpyro", "blackjax", "nutpie", "duckdb",
    "z3-solver", "optuna", "mabwiser", "vowpalwabbit", "scikit-learn", "statsmodels",
)  # fmt: skip


def about() -> dict[str, object]:
    """The head of every result."""
    return {"command": command(), "commit": commit(), "machine": machine(), "versions": versions()}


def command() -> str:
    """How to run it again; what lies in the repository is named from its root."""
    if (spec := getattr(sys.modules["__main__"], "__spec__", None)) is None:
        return shlex.join(["python", *sys.argv]).replace(f"{ROOT}/", "")
    return shlex.join(["python", "-m", spec.name, *sys.argv[1:]]).replace(f"{ROOT}/", "")


def commit() -> str:
    """The commit that was measured, `+` where files differ from it; empty without git."""
    run = ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    return subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def machine() -> dict[str, object]:
    """Processor and number of cores allowed."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return {"cpu": names[0] if names else "unknown", "cores": len(os.sched_getaffinity(0))}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that are there."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def stay_on_one_core() -> None:
    """Start this module again on one core, unless it has but one: libraries count cores when they are loaded."""
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, {min(cores)})
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])

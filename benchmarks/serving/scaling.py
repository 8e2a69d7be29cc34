"""Fit and all beliefs of large systems: time, peak memory, and how both grow with cells, contexts, projects and events.

    python -m benchmarks.serving.scaling --json benchmarks/results/scaling.json --plot benchmarks/results/scaling.png
    python -m benchmarks.serving.scaling --json benchmarks/results/scaling.json --device cpu

Outcomes are drawn from the model, cells at random. Every size has a process of its own, whose peak memory is that of
drawing, fitting and believing together; times are the better of two in it, so nothing is counted but the work. Growth
is the slope of log processor time, which others on the machine disturb less, against log size, to be compared with the
formula O(projects contexts^2 arms), in which events do not occur. With `--device` three sizes, with a GPU four, are
fitted by JAX in float64 there and by NumPy, compilation apart.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import SufficientStatistics

SEED = 7
LARGE, HUGE = (1_000, 100, 8, 1_000_000), (10_000, 100, 8, 10_000_000)
BASE = (400, 50, 8, 200_000)
"""Projects, contexts, arms, events."""
GROWTH = {
    "projects": (0, (200, 400, 800, 1_600, 3_200), 1.1),
    "contexts": (1, (25, 50, 100, 200, 400), 2.1),
    "arms": (2, (4, 8, 16, 32), 1.1),
    "events": (3, (20_000, 200_000, 2_000_000, 20_000_000), 0.2),
}
"""Which size varies, its values, and the largest exponent that the formula allows, with a little for noise."""
SMALL, GIANT = (100, 20, 8, 100_000), (1_000, 1_000, 64, 80_000_000)
WITHIN = {16_000: (0.045, 1_400), 800_000: (0.6, 1_400), 8_000_000: (6.0, 1_400), 64_000_000: (2.0, 64_000)}
"""Seconds and megabytes on a device, by cells."""
_DRAWN = 1_000_000
"""Outcomes drawn at a time."""


def drawn(shape: tuple[int, int, int], outcomes: int) -> SufficientStatistics:
    """Level, context, project and cell effects of the arm, noise 0.25."""
    random = np.random.default_rng(SEED)
    projects, contexts, arms = shape
    sizes = {0.3: (1, 1, arms), 0.35: (1, contexts, arms), 0.15: (projects, 1, arms), 0.1: shape}
    theta = sum(scale * random.standard_normal(size) for scale, size in sizes.items())
    total = SufficientStatistics(*(np.zeros(shape) for _ in range(3)))
    for first in range(0, outcomes, _DRAWN):
        n = min(_DRAWN, outcomes - first)
        at = tuple(random.integers(0, size, n, dtype=np.int32) for size in shape)
        y = theta[at] + 0.25 * random.standard_normal(n)
        for part, more in zip(total, SufficientStatistics.of(*at, y, shape=shape), strict=True):
            part += more
    return total


def one(sizes: tuple[int, int, int, int], device: str | None = None) -> dict[str, Any]:
    """Seconds and megabytes of one system, and where its fit ended."""
    stats, times = drawn(sizes[:3], sizes[3]), []
    for _ in range(2 if device is None else 3):
        began, cpu = time.perf_counter(), time.process_time()
        fit = batch.fit(stats, device=device)
        middle = time.perf_counter()
        batch.marginals(fit, stats, device)
        times.append((time.perf_counter() - began, middle - began, time.process_time() - cpu))
    whole, search, cpu = min(times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    names = dict(zip(("projects", "contexts", "arms", "events"), sizes, strict=True))
    ended = {"iterations": fit.iterations, "converged": fit.converged}
    return {**names, "seconds": whole, "fit": search, "beliefs": whole - search, "cpu": cpu, "peak_mb": peak, **ended}


def apart(sizes: tuple[int, ...], device: str | None = None) -> dict[str, Any]:
    """`one` in a new process."""
    command = [sys.executable, "-m", "benchmarks.serving.scaling", "--one", *map(str, sizes)]
    command += ["--device", device] if device else []
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def grown(scale: float) -> dict[str, list[dict[str, Any]]]:
    """Along every axis from the base, all else equal; `scale` < 1 leaves the largest sizes out."""
    found = {}
    for name, (axis, values, _) in GROWTH.items():
        values = values[: max(2, int(len(values) * scale))]
        found[name] = [apart((*BASE[:axis], value, *BASE[axis + 1 :])) for value in values]
    return found


def exponent(name: str, runs: list[dict[str, Any]]) -> float:
    """Slope of log processor time against log size over the larger half, where fixed costs are behind."""
    late = runs[len(runs) // 2 - 1 :]
    return float(np.polyfit(np.log([run[name] for run in late]), np.log([run["cpu"] for run in late]), 1)[0])


def figures(large: list[dict[str, Any]], growth: dict[str, list[dict[str, Any]]]) -> list[Figure]:
    found = []
    for run, (seconds, memory) in zip(large, ((1.0, 1_000), (10.0, 6_000)), strict=False):
        cells = run["projects"] * run["contexts"] * run["arms"]
        what = f"{cells:,} cells, {run['events']:,} events"
        found.append(Figure(f"{what}: fit and all beliefs, warm", run["seconds"], "s", seconds))
        found.append(Figure("same, processor time of all threads", run["cpu"], "s"))
        found.append(Figure(f"{what}: peak memory of the process", run["peak_mb"], "MB", memory))
    for name, runs in growth.items():
        found.append(Figure(f"growth of time with {name}, exponent", exponent(name, runs), "", GROWTH[name][2]))
    return found


def on_device(device: str) -> tuple[list[Figure], dict[str, Any]]:
    """Fits of growing size there and by NumPy."""
    shown: list[Figure] = []
    runs: dict[str, Any] = {"numpy": [], device: []}
    for sizes in (SMALL, LARGE, HUGE, *([GIANT] if device == "gpu" else [])):
        cells = sizes[0] * sizes[1] * sizes[2]
        for name, found in runs.items():
            found.append(run := apart(sizes, None if name == "numpy" else name))
            (seconds, memory), what = WITHIN[cells], f"{cells:,} cells, {name}"
            goal = seconds if name == device else None
            shown.append(Figure(f"{what}: fit and all beliefs, warm", run["seconds"], "s", goal))
            shown.append(Figure(f"{what}: peak memory", run["peak_mb"], "MB", memory if name == device else None))
    return shown, runs


def plot(path: Path, growth: dict[str, list[dict[str, Any]]]) -> None:
    """Time against every size, the formula beside it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 4, figsize=(14, 3.8), sharey=True, layout="constrained")
    powers = {"projects": 1, "contexts": 2, "arms": 1, "events": 0}
    for panel, (name, runs) in zip(panels, growth.items(), strict=True):
        size, seconds = (np.array([run[key] for run in runs]) for key in (name, "cpu"))
        panel.loglog(size, seconds, "o-", color="#1f5fa8", label="measured")
        formula = seconds[-1] * (size / size[-1]) ** powers[name]
        panel.loglog(size, formula, "--", color="#888888", label=f"formula: {name}^{powers[name]}")
        panel.set(xlabel=name, title=f"exponent {exponent(name, runs):.2f}")
        panel.set_xticks(size, [f"{one:,}" if one < 1e4 else f"{one:.0e}" for one in size])
        panel.minorticks_off()
        panel.legend(frameon=False)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("processor seconds, fit and all beliefs")
    base = dict(zip(("projects", "contexts", "arms", "events"), (f"{size:,}" for size in BASE), strict=True))
    figure.suptitle("Where it does not vary: " + ", ".join(f"{name} {size}" for name, size in base.items()))
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--one", type=int, nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--device", choices=("cpu", "gpu"))
    parser.add_argument("--scale", type=float, default=1.0, help="below 1: without the largest sizes")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(tuple(options.one), options.device)))
        return
    body: dict[str, Any] = {"seed": SEED, "base": BASE}
    kept = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    if options.device:
        shown, runs = on_device(options.device)
        print(table(shown))
        body = {**kept, options.device: {"figures": rows(shown), "runs": runs}}
    else:
        large = [apart(sizes) for sizes in ((LARGE, HUGE) if options.scale == 1 else (LARGE,))]
        growth = grown(options.scale)
        shown = figures(large, growth)
        body |= {"figures": rows(shown), "large": large, "growth": growth} | {
            k: kept[k] for k in kept if k in ("cpu", "gpu")
        }
        print(table(shown))
        if options.plot:
            plot(options.plot, growth)
    save(options.json, body)


if __name__ == "__main__":
    main()

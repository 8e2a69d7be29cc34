"""Fit and all beliefs of large systems: time, peak memory, and how both grow with cells, contexts, projects and events.

    python -m benchmarks.serving.scaling --json benchmarks/results/scaling.json --plot benchmarks/results/scaling.png
    python -m benchmarks.serving.scaling --backend jax --cells 64000000

Outcomes are drawn from the model, cells at random. Every size has a process of its own, whose peak memory is that of
drawing, fitting and believing together; times are the better of two in it, so nothing is counted but the work. Growth
is the slope of log processor time, which others on the machine disturb less, against log size, to be compared with the
formula O(projects contexts^2 arms), in which events do not occur. With `--backend jax` the evidence, its gradient and
all beliefs of one system are compiled in float64 for whatever JAX finds, and compared with NumPy's: without a GPU, at a
size that fits the machine.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Statistics
from poolwise.posterior.hyperparameters.hyper import Hyper, Tier

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
SHAPES = {16_000: (100, 20, 8), 800_000: (1_000, 100, 8), 8_000_000: (10_000, 100, 8), 64_000_000: (1_000, 1_000, 64)}
_DRAWN = 1_000_000
"""Outcomes drawn at a time."""


def drawn(shape: tuple[int, int, int], outcomes: int) -> Statistics:
    """Level, context, project and cell effects of the arm, noise 0.25."""
    random = np.random.default_rng(SEED)
    projects, contexts, arms = shape
    sizes = {0.3: (1, 1, arms), 0.35: (1, contexts, arms), 0.15: (projects, 1, arms), 0.1: shape}
    theta = sum(scale * random.standard_normal(size) for scale, size in sizes.items())
    total = Statistics(*(np.zeros(shape) for _ in range(3)))
    for first in range(0, outcomes, _DRAWN):
        n = min(_DRAWN, outcomes - first)
        at = tuple(random.integers(0, size, n, dtype=np.int32) for size in shape)
        y = theta[at] + 0.25 * random.standard_normal(n)
        for part, more in zip(total, Statistics.of(*at, y, shape=shape), strict=True):
            part += more
    return total


def one(sizes: tuple[int, int, int, int]) -> dict[str, Any]:
    """Seconds and megabytes of one system, and where its fit ended."""
    stats, times = drawn(sizes[:3], sizes[3]), []
    for _ in range(2):
        began, cpu = time.perf_counter(), time.process_time()
        fit = batch.fit(stats)
        middle = time.perf_counter()
        batch.beliefs(fit, stats)
        times.append((time.perf_counter() - began, middle - began, time.process_time() - cpu))
    whole, search, cpu = min(times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    names = dict(zip(("projects", "contexts", "arms", "events"), sizes, strict=True))
    ended = {"iterations": fit.iterations, "converged": fit.converged}
    return {**names, "seconds": whole, "fit": search, "beliefs": whole - search, "cpu": cpu, "peak_mb": peak, **ended}


def apart(sizes: tuple[int, ...]) -> dict[str, Any]:
    """`one` in a new process."""
    command = [sys.executable, "-m", "benchmarks.serving.scaling", "--one", *map(str, sizes)]
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


def compiled(cells: int) -> dict[str, Any]:
    """Evidence, gradient and beliefs compiled by JAX in float64, against NumPy's on the same statistics."""
    import jax
    import jax.numpy as jnp

    from poolwise.posterior.crossed.solve import Cells, solve_reduced

    devices = [device.device_kind for device in jax.devices()]
    shape, gpu = SHAPES[cells], jax.default_backend() != "cpu"
    note = "on the GPU" if gpu else "no GPU at hand: compiled for the CPU"
    if not gpu and cells > 800_000:
        shape, note = SHAPES[800_000], f"{note}; {cells:,} cells belong on a GPU, checked at the size that fits here"
    stats = batch.cells(drawn(shape, int(1.25 * np.prod(shape))))
    arms = Tier(np.full((), 0.3), np.full((), 0.35), np.full((), 0.15), np.full((), 0.1))
    none = Tier(*(np.zeros(()) for _ in range(4)))
    truth = Hyper(arms, none, Tier(0.5, 0.05, 0.0, 0.0), np.full(shape[2], 0.25))
    with jax.enable_x64(True):
        data, scales = Cells(*map(jnp.asarray, stats)), jax.tree.map(jnp.asarray, arms)
        density = lambda tier, cells: solve_reduced(cells, truth._replace(arm=tier))[0].evidence
        gradient, believed = (
            jax.jit(jax.value_and_grad(density)),
            jax.jit(lambda cells: batch.beliefs_reduced(cells, truth)[0]),
        )
        slope, sure = (
            timed(lambda: jax.block_until_ready(gradient(scales, data))),
            timed(lambda: jax.block_until_ready(believed(data))),
        )
        found = believed(data)
    plain, seconds = timed(lambda: batch.beliefs_reduced(stats, truth)[0])
    expected = batch.beliefs_reduced(stats, truth)[0]
    off = max(float(np.abs(np.asarray(a) - b).max()) for a, b in zip(found, expected, strict=True))
    return {
        "devices": devices,
        "note": note,
        "shape": shape,
        "dtype": str(found.mean.dtype),
        "largest difference from NumPy": off,
        "seconds": {
            "evidence and gradient": {"first": slope[0], "then": slope[1]},
            "beliefs": {"first": sure[0], "then": sure[1]},
            "beliefs in NumPy": {"first": plain, "then": seconds},
        },
    }


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the first call, compilation included, and the better of the next three."""
    times = []
    for _ in range(4):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return times[0], min(times[1:])


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--one", type=int, nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--backend", choices=("numpy", "jax"), default="numpy")
    parser.add_argument("--cells", type=int, choices=sorted(SHAPES), default=800_000, help="for --backend jax")
    parser.add_argument("--scale", type=float, default=1.0, help="below 1: without the largest sizes")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(tuple(options.one))))
        return
    body: dict[str, Any] = {"seed": SEED, "base": BASE}
    kept = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    if options.backend == "jax":
        body = {**kept, "jax": compiled(options.cells)}
        print(json.dumps(body["jax"], indent=1))
    else:
        large = [apart(sizes) for sizes in ((LARGE, HUGE) if options.scale == 1 else (LARGE,))]
        growth = grown(options.scale)
        shown = figures(large, growth)
        body |= {"figures": rows(shown), "large": large, "growth": growth} | {k: kept[k] for k in kept if k == "jax"}
        print(table(shown))
        if options.plot:
            plot(options.plot, growth)
    save(options.json, body)


if __name__ == "__main__":
    main()

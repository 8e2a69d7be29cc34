"""Fit and beliefs of a large system on one device and on two, arms spread over them: time, memory, and whether equal.

    python -m benchmarks.scale.mesh --json benchmarks/results/scale_mesh.json
    python -m benchmarks.scale.mesh --quick
    python -m benchmarks.scale.mesh --device gpu --shape 1000 1000 64

On CPUs every number of devices has a process of its own, `--xla_force_host_platform_device_count` in its environment,
and one core for each device; on GPUs the one there is. Times are the better of two, compilation apart.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.harness.shown import say, shown
from benchmarks.serving.scaling import drawn
from poolwise.posterior.crossed import batch

FLAG = "--xla_force_host_platform_device_count"
DEVICES = (1, 2)


def child(device: str, shape: tuple[int, ...], events: int, path: Path) -> dict[str, Any]:
    """In a process of its own: time, bytes by device; what was found goes to a file."""
    from poolwise.posterior.crossed.compiled_reduction import DeviceReduction

    stats = drawn((shape[0], shape[1], shape[2]), events)
    times = []
    for _ in range(3):
        began = time.perf_counter()
        found = batch.fit(stats, device=device)
        belief = batch.marginals(found, stats, device)
        times.append(time.perf_counter() - began)
    taken = DeviceReduction(batch.cells(stats), device).bytes_by_device
    np.savez(path, coordinates=found.coordinates, mean=belief.mean, scale=belief.scale)
    return {"seconds": min(times[1:]), "bytes": max(taken.values()), "devices": len(taken)}


def run(devices: int, options: Any, path: Path) -> dict[str, Any]:
    flags = {"XLA_FLAGS": f"{FLAG}={devices}", "NPROC": str(4 * devices)} if options.device == "cpu" else {}
    command = [sys.executable, "-m", "benchmarks.scale.mesh", "--child", str(path), "--device", options.device,
               "--events", str(options.events), "--shape", *map(str, options.shape)]  # fmt: skip
    pinned = ["taskset", "--cpu-list", ",".join(map(str, sorted(os.sched_getaffinity(0))[:devices]))]
    line = [*(pinned if options.device == "cpu" else []), *command]
    done = subprocess.run(line, env={**os.environ, **flags}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measured(options: Any) -> list[Figure]:
    counts = DEVICES if options.device == "cpu" else (1,)
    with tempfile.TemporaryDirectory() as place:
        paths = [Path(place) / f"{count}.npz" for count in counts]
        told = []
        for count, path in zip(counts, paths, strict=True):
            say(f"{count} device(s)")
            told.append(run(count, options, path))
        files = [np.load(path) for path in paths]
        off = max(float(np.abs(files[0][name] - files[-1][name]).max()) for name in ("coordinates", "mean", "scale"))
    cells = int(np.prod(options.shape))
    made = [Figure(f"{cells:,} cells on {one['devices']} device(s)", one["seconds"], "s") for one in told]
    made += [Figure(f"statistics on each of {one['devices']}", one["bytes"] / 1e6, "MB") for one in told]
    if options.device != "cpu":
        return [made[0]._replace(target=2.0), *made[1:]]
    speed = told[0]["seconds"] / told[1]["seconds"]
    return [
        Figure("one device over two", speed, "times", 1.5, at_least=True),
        Figure("largest difference of scales and beliefs", off, "", 1e-9),
        *made,
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    sizes = ("PROJECTS", "CONTEXTS", "ARMS")
    parser.add_argument("--shape", type=int, nargs=3, default=(10_000, 100, 8), metavar=sizes)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--quick", action="store_true", help="80,000 cells")
    parser.add_argument("--child", type=Path)
    options = parser.parse_args()
    if options.quick:
        options.shape, options.events = (1_000, 10, 8), 100_000
    if options.child:
        print(json.dumps(child(options.device, tuple(options.shape), options.events, options.child)))
        return
    shown()
    found = measured(options)
    print(table(found))
    save(options.json, {"case": {"shape": options.shape, "events": options.events}, "figures": rows(found)})


if __name__ == "__main__":
    main()

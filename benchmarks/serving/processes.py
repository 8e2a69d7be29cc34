"""What many processes on one file do in all, how fairly, and what file, memory and calls look like meanwhile.

    python -m benchmarks.serving.processes --json benchmarks/results/processes.json

Together: engines that come up on a file that does not exist, default settings, 8 arms and 50 contexts of one project;
pairs are counted from when the last one is open. Meanwhile the parent looks at the size of the write-ahead log and asks
`poolwise status`, in a process of its own. Memory is that of the process which grows most, from a quarter of the time
on. Shared: one process decides and observes as fast as it can while another does; every call timed by the clock and by
the processor, whose time holds no waiting for the lock or for the other process.
"""

import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise import ArmSpace, Engine, Family
from poolwise.store import open_store

SEED, ARMS, CONTEXTS = 11, 8, 50
SPACE = ArmSpace([Family(f"arm-{i}") for i in range(ARMS)], "arm-0")


def pair(engine: Engine, random: np.random.Generator) -> np.ndarray:
    """Decide and observe: (2, 2) milliseconds of each, by the clock and by the processor."""
    context = int(random.integers(CONTEXTS))
    stamps = [stamp()]
    made = engine.decide("project", f"context-{context}")
    stamps.append(stamp())
    utility = float(np.sin(1.0 + int(made.arm[-1]) * (1.0 + context)) * 0.3 + 0.25 * random.normal())
    reported = stamp()
    engine.observe(made.id, utility=utility)
    return 1e3 * np.array([np.subtract(stamps[1], stamps[0]), np.subtract(stamp(), reported)])


def stamp() -> tuple[float, float]:
    return time.perf_counter(), time.thread_time()


def resident() -> float:
    """MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def worker(url: str, number: int, seconds: float, gate: Any, found: Any) -> None:
    gate.wait()
    random, times, memory = np.random.default_rng(number), [], 0.0
    with closing(Engine.open(url, SPACE)) as engine:
        gate.wait()
        began = time.monotonic()
        while (spent := time.monotonic() - began) < seconds:
            times.append(pair(engine, random))
            memory = memory or (resident() if spent > seconds / 4 else 0.0)
        found.put((number, np.array(times), resident() / memory))


def run(folder: Path, count: int, seconds: float, watch: bool) -> tuple[list[np.ndarray], dict[str, float]]:
    """Times of every process, and what was seen meanwhile."""
    context = multiprocessing.get_context("spawn")
    gate, found, url = context.Barrier(count + 1), context.Queue(), f"sqlite:///{folder / f'{count}.db'}"
    workers = [context.Process(target=worker, args=(url, k, seconds, gate, found)) for k in range(count)]
    for one in workers:
        one.start()
    gate.wait()
    gate.wait()
    seen = watched(folder / f"{count}.db", seconds) if watch else {}
    done = sorted((found.get(timeout=seconds + 120) for _ in workers), key=lambda one: one[0])
    for one in workers:
        one.join()
    times = [times for _, times, _ in done]
    with closing(open_store(url)) as store:
        seen["lost"] = sum(map(len, times)) - store.answered()
        seen["estimations"] = len(store.snapshots())
    seen["drafts"] = len(list(folder.glob("*.new")))
    seen["memory"] = max(growth for *_, growth in done)
    return times, seen


def watched(path: Path, seconds: float) -> dict[str, float]:
    """Largest write-ahead log, MiB, and seconds of `poolwise status`, while others write."""
    end, largest, began = time.monotonic() + seconds, 0, time.monotonic()
    command = [str(Path(sys.executable).with_name("poolwise")), "status", "--store", f"sqlite:///{path}", "--json"]
    asked = subprocess.Popen(command, cwd=path.parent, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    status = None
    while time.monotonic() < end or status is None:
        with suppress(FileNotFoundError):  # the last one that closes removes it
            largest = max(largest, Path(f"{path}-wal").stat().st_size)
        if status is None and asked.poll() is not None:
            status = time.monotonic() - began
        time.sleep(0.05)
    said = json.loads(asked.communicate()[0])
    return {"log": largest / 2**20, "status": status, "status decisions": said["decisions"]}


def together(folder: Path, count: int, seconds: float) -> tuple[list[Figure], dict]:
    times, seen = run(folder, count, seconds, watch=True)
    pairs = [len(one) for one in times]
    seen["rate"], seen["fair"] = sum(pairs) / seconds, max(pairs) / max(min(pairs), 1)
    name = f"{count} processes on a fresh file"
    return [
        Figure(f"{name}, pairs in all", seen["rate"], "pairs/s", 175, True),
        Figure("the same, most over fewest pairs of a process", seen["fair"], "times", 1.5),
        Figure("the same, acknowledged and lost", seen["lost"], "pairs", 0),
        Figure("the same, drafts left beside the file", seen["drafts"], "files", 0),
        Figure("the same, largest write-ahead log", seen["log"], "MiB", 64),
        Figure("the same, memory at the end over that at a quarter", seen["memory"], "times"),
        Figure("the same, `poolwise status` meanwhile", seen["status"], "s"),
    ], {**seen, "pairs": pairs}


def shared(folder: Path, seconds: float) -> tuple[list[Figure], dict]:
    (times, _), seen = run(folder, 2, seconds, watch=False)
    found = {
        f"{call}, {clock}": percentiles(times[:, k, j]) | {"longest": float(times[:, k, j].max())}
        for k, call in enumerate(("decide", "observe"))
        for j, clock in enumerate(("clock", "processor"))
    }
    return [
        *(Figure(f"with one other process, {what}, p99", one["p99"], "ms") for what, one in found.items()),
        *(Figure(f"the same, {what}, longest", one["longest"], "ms", 20.0) for what, one in found.items()),
    ], {**seen, **found, "pairs": len(times)}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        many, told = together(Path(name), options.processes, options.seconds)
        two, also = shared(Path(name), options.seconds)
    figures = [*many, *two]
    print(table(figures))
    case = {"arms": ARMS, "contexts": CONTEXTS, "seconds": options.seconds, "processes": options.processes}
    save(options.json, {"case": case, "figures": rows(figures), "together": told, "shared": also})


if __name__ == "__main__":
    main()

"""What an engine costs while it lives: latency beside re-estimation, memory over 300,000 pairs, opening, interrupts.

    python -m benchmarks.serving.load latency growth opening interrupts faults --json benchmarks/results/serving.json

latency: 20 projects x 50 contexts x 8 arms on a file, 20,000 pairs one by one with all re-estimations of the schedule;
every call timed. growth: 300,000 pairs in one process, resident memory and time per pair in tenths. opening: seconds of
`Engine.open` in a new process, imports apart, of stores with 10^4 and 10^6 outcomes. interrupts: 50 processes, in each
of which a timer raises an exception at 60 random moments. faults: a lock held by another process, a full disk (a
limit on the size of files), a file removed, a file and a mount that become read-only (these need root): how long
decisions take, and what is lost.
"""

import contextlib
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness.result import Figure, arguments, percentiles, rows, save, table
from poolwise import ArmSpace, Engine, Family
from poolwise.engine import Settings
from poolwise.errors import PoolwiseError, StoreError

SEED = 29
PROJECTS, CONTEXTS, ARMS = 20, 50, 8
SPACE = ArmSpace([Family(f"arm-{k}") for k in range(ARMS)], "arm-0")
PAUSE = 0.02
"""Seconds that no call should take longer than."""


def opened(url: str, settings: Settings | None = None) -> Engine:
    return Engine.open(url, SPACE, seed=SEED, settings=settings)


def pair(engine: Engine, random: np.random.Generator) -> tuple[float, float]:
    """Decide and observe; milliseconds of each."""
    places = f"project {random.integers(PROJECTS)}", f"context {random.integers(CONTEXTS)}"
    began = time.perf_counter()
    made = engine.decide(*places)
    between = time.perf_counter()
    utility = 0.1 * (int(made.arm[4:]) % 3) + float(random.normal(0, 0.25))
    reported = time.perf_counter()
    engine.observe(made.id, utility=utility)
    return 1e3 * (between - began), 1e3 * (time.perf_counter() - reported)


def latency(folder: Path, count: int) -> tuple[list[Figure], dict]:
    random = np.random.default_rng(SEED)
    with opened(f"sqlite:///{folder / 'latency.db'}") as engine:
        times = np.array([pair(engine, random) for _ in range(count)])
        snapshots = len(engine.store.snapshots())
    found = {name: percentiles(column) for name, column in zip(("decide", "observe"), times.T, strict=True)}
    size = f"{PROJECTS} x {CONTEXTS} x {ARMS}, {count:,} pairs, {snapshots} re-estimations"
    return [
        Figure(f"observe, {size}, p99", found["observe"]["p99"], "ms", 2),
        Figure(f"decide, {size}, p99", found["decide"]["p99"], "ms"),
        Figure("longest observe", float(times[:, 1].max()), "ms", 1e3 * PAUSE),
        Figure("longest decide", float(times[:, 0].max()), "ms", 1e3 * PAUSE),
        Figure("calls longer than 20 ms", float((times > 1e3 * PAUSE).sum()), ""),
    ], found


def growth(folder: Path, count: int) -> tuple[list[Figure], dict]:
    """In tenths: mean time per pair, resident memory at the end. A tenth of the decisions is never answered, and every
    decision names a job of its own."""
    random, tenths = np.random.default_rng(SEED), []
    with opened(f"sqlite:///{folder / 'growth.db'}") as engine:
        for tenth in range(10):
            began = time.perf_counter()
            for number in range(count // 10):
                place = f"project {random.integers(PROJECTS)}", f"context {random.integers(CONTEXTS)}"
                made = engine.decide(*place, job=f"{tenth}/{number % 1000}")
                if number % 10:
                    engine.observe(made.id, utility=float(random.normal(0, 0.25)))
            tenths.append((1e3 * (time.perf_counter() - began) / (count // 10), resident()))
            print("growth", *tenths[-1], flush=True)
    (_, before), (last, after) = tenths[0], tenths[-1]
    return [
        Figure(f"resident memory, {count:,} pairs against the first tenth", after / before, "", 1.05),
        Figure("time per pair, last tenth against second", last / tenths[1][0], "", 1.1),
        Figure("time per pair, last tenth", last, "ms"),
    ], {"ms per pair, MiB": tenths}


def resident() -> float:
    """MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def opening(folder: Path, counts: tuple[int, ...]) -> tuple[list[Figure], dict]:
    found = {}
    for count in counts:
        url = f"sqlite:///{folder / f'opening-{count}.db'}"
        random = np.random.default_rng(SEED)
        with opened(url) as engine:
            for start in range(0, count, 10_000):
                number = min(10_000, count - start)
                names = [[f"{kind} {k}" for k in random.integers(0, most, number)] for kind, most in KINDS]
                made = engine.decide_many(*names)
                engine.observe_many(made.id, utility=random.normal(0, 0.25, number))
                engine.status()
        found[count] = sorted(float(run(OPENING, url)) for _ in range(5))
    small, large = (found[count][2] for count in counts)
    return [
        Figure(f"opening {counts[0]:,} outcomes", small, "s"),
        Figure(f"opening {counts[1]:,} outcomes", large, "s", 1),
        Figure("the one against the other", large / small, "", 1.5),
    ], {str(count): times for count, times in found.items()}


KINDS = (("project", PROJECTS), ("context", CONTEXTS))
OPENING = """
import sys, time
from benchmarks.serving.load import opened
import scipy.linalg, scipy.special, sqlite3, sqlalchemy, alembic.command
opened("memory://").beliefs()
began = time.perf_counter()
engine = opened(sys.argv[1])
print(time.perf_counter() - began)
engine.close()
"""


def run(code: str, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True).stdout


class Raised(BaseException):
    """By a signal's handler."""


def interrupts(folder: Path, processes: int, each: int) -> tuple[list[Figure], dict]:
    outcomes = [json.loads(run(INTERRUPTED, str(folder / f"{k}.db"), str(k), str(each))) for k in range(processes)]
    total = {name: sum(one[name] for one in outcomes) for name in outcomes[0]}
    return [
        Figure(f"{processes} processes wedged by {each} exceptions each", total["wedged"], "", 0),
        Figure("acknowledged events lost", total["lost"], "", 0),
        Figure("outcomes stored and not learned, or twice", total["unlearned"], "", 0),
        Figure("exceptions raised", total["raised"], ""),
        Figure("acknowledged outcomes", total["acknowledged"], ""),
    ], total


INTERRUPTED = """
import json, sys
from benchmarks.serving.load import interrupted
print(json.dumps(interrupted(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
"""


def interrupted(path: str, seed: int, each: int) -> dict[str, int]:
    """Decide, observe and refit while a timer raises."""
    random, kept, raised = np.random.default_rng(seed), {}, 0
    engine = opened(f"sqlite:///{path}", Settings(estimate="inline" if seed % 2 else "beside"))

    def handler(*_: object) -> None:
        raise Raised

    signal.signal(signal.SIGALRM, handler)
    while raised < each:
        try:
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-4, 0.02))
            for _ in range(200):  # Python swallows what is raised in some callbacks of its own: then another one is due
                work(engine, random, kept)
        except Raised:
            raised += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    wedged = 0
    try:
        made = engine.decide("project 0", "context 0")
        wedged += not engine.observe(made.id, utility=0.1)
    except PoolwiseError:
        wedged = 1
    stored = engine.store.outcomes()
    there = dict(zip(stored.decision.tolist(), stored.utility.tolist(), strict=True))
    learned = engine.status()["learned"]
    engine.close()
    again = opened(f"sqlite:///{path}").status()["learned"]
    lost = sum(there.get(id) != utility for id, utility in kept.items())
    return {
        "raised": raised,
        "acknowledged": len(kept),
        "wedged": int(wedged),
        "lost": lost,
        "unlearned": abs(learned - len(there)) + abs(again - len(there)),
    }


def work(engine: Engine, random: np.random.Generator, kept: dict[int, float]) -> None:
    if random.random() < 0.01:
        engine.refit()
    made = engine.decide(f"project {random.integers(3)}", f"context {random.integers(3)}")
    utility = float(random.normal())
    if engine.observe(made.id, utility=utility):
        kept[made.id] = utility


def faults(folder: Path, wait: float) -> tuple[list[Figure], dict]:
    found = {name: faulty(folder / f"{name}.db", fault, wait) for name, fault in FAULTS.items()}
    body = {name: {"longest s": max(times), "unlogged": unlogged} for name, (times, unlogged, _) in found.items()}
    late = sum(time > wait + 0.01 for times, *_ in found.values() for time in times)
    return [
        Figure(f"decisions not answered within lock_wait + 10 ms, {len(found)} faults", late, "", 0),
        Figure("acknowledged and lost", sum(lost for *_, lost in found.values()), "", 0),
        *(Figure(f"longest decision, {name}", max(times), "s", wait + 0.01) for name, (times, *_) in found.items()),
    ], body


def faulty(path: Path, fault, wait: float) -> tuple[list[float], int, int]:
    """Seconds of twenty decisions under a fault, how many were not logged, and outcomes lost."""
    engine = opened(f"sqlite:///{path}", Settings(lock_wait=wait))
    kept, open_ones = {}, []
    for number in range(60):
        made = engine.decide("project 0", f"context {number % 4}")
        if number < 50:
            engine.observe(made.id, utility=0.1)
            kept[made.id] = 0.1
        else:
            open_ones.append(made.id)
    times = []
    with fault(path):
        for number in range(20):
            began = time.perf_counter()
            engine.decide("project 0", f"context {number % 6}")
            times.append(time.perf_counter() - began)
            time.sleep(wait / 8)
        for id in open_ones:
            with contextlib.suppress(StoreError):
                engine.observe(id, utility=0.2)
                kept[id] = 0.2
    unlogged = engine.status()["unlogged"]
    if path.exists():
        engine.close()
        stored = opened(f"sqlite:///{path}").store.outcomes()
        there = dict(zip(stored.decision.tolist(), stored.utility.tolist(), strict=True))
        return times, unlogged, sum(there.get(id) != utility for id, utility in kept.items())
    return times, unlogged, len([id for id in kept if id in open_ones])


@contextlib.contextmanager
def locked(path: Path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@contextlib.contextmanager
def full(path: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = Path(f"{path}-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size if log.exists() else path.stat().st_size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def removed(path: Path):
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    yield


@contextlib.contextmanager
def unchangeable(path: Path):
    """File and log refuse to be written, also by those who have them open."""
    files = [path, Path(f"{path}-wal")]
    subprocess.run(["chattr", "+i", *files], check=True)
    yield
    subprocess.run(["chattr", "-i", *files], check=True)


@contextlib.contextmanager
def mounted(path: Path):
    """Nothing new can be opened to be written in the folder."""
    subprocess.run(["mount", "--bind", path.parent, path.parent], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", path.parent], check=True)
    yield
    subprocess.run(["umount", path.parent], check=True)


FAULTS = {"lock held": locked, "disk full": full, "file removed": removed}
if os.geteuid() == 0:
    FAULTS |= {"file read-only": unchangeable, "mount read-only": mounted}
PARTS = {
    "latency": lambda folder, small: latency(folder, 4_000 if small else 20_000),
    "growth": lambda folder, small: growth(folder, 20_000 if small else 300_000),
    "opening": lambda folder, small: opening(folder, (1_000, 20_000) if small else (10_000, 1_000_000)),
    "interrupts": lambda folder, small: interrupts(folder, 4 if small else 50, 20 if small else 60),
    "faults": lambda folder, small: faults(folder, 0.2 if small else 1.0),
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--small", action="store_true", help="a tenth of the work, to see that it runs")
    options = parser.parse_args()
    figures, details = [], {}
    for part in options.parts:
        with tempfile.TemporaryDirectory(prefix="serving-") as folder:
            found, details[part] = PARTS[part](Path(folder), options.small)
        figures += found
        print(table(found), flush=True)
    body = {"seed": SEED, "figures": rows(figures), **details}
    save(options.json, body)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()

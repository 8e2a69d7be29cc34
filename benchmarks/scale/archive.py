"""Aggregation of a partitioned log: one process, two workers, the night after, and workers that are killed.

    python -m benchmarks.scale.archive --rows 100000000 --json benchmarks/results/scale_archive.json
    python -m benchmarks.scale.archive --quick

`--partitions` days of events of 1,000 projects, 20 contexts and 8 arms, one in twenty failed, are written in a
temporary folder, in the format and with the manifest of `poolwise archive`. What is timed is
`refit.archive.reading.read`: checks of every row and checksum, statistics kept, sums, arrays. A partition is folded by
one thread, so one process has one; DuckDB alone, one query over all files on all cores, is told beside it. Workers are
started, and have imported what they need, before the clock, and what Ray's start takes is told apart. The night after
has one more day. A worker is killed every `--kill` seconds in a run of its own. Every answer of `read` is compared, bit
by bit, with the first one.
"""

import multiprocessing
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.harness.shown import say, shown
from poolwise import ArmSpace, Engine, Family, compute
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.progress import Progress, silent
from poolwise.refit import aggregate
from poolwise.refit.archive import reading
from poolwise.store import manifest
from poolwise.store.partitions import SCHEMA

SEED = 3
PROJECTS, CONTEXTS, ARMS = 1_000, 20, 8
WORKERS = 2


def day_of(each: int) -> dict[str, Any]:
    """Columns of one day."""
    random = np.random.default_rng(SEED)
    decided = np.sort(random.uniform(0, 86_400, each))
    named = {
        kind: pa.DictionaryArray.from_arrays(
            pa.array(random.integers(size, size=each, dtype=np.int32)), [f"{kind[0]}{k}" for k in range(size)]
        )
        for kind, size in (("project", PROJECTS), ("context", CONTEXTS), ("arm", ARMS))
    }
    status = pa.DictionaryArray.from_arrays(pa.array((random.random(each) < 0.05).astype(np.int32)), ["ok", "failed"])
    times = {"decided": decided, "reported": decided + random.exponential(60, each)}
    return {"decision": np.arange(each), **named, "status": status, "utility": random.uniform(-0.5, 0.5, each), **times}


def written(folder: Path, days: range, each: int) -> None:
    """Partitions of these days, whose utilities differ by a little, and the manifest with them."""
    place, columns = folder / "workspace=jobs", day_of(each)
    known = dict(manifest.read(place).partitions)
    nothing = {name: pa.nulls(each, SCHEMA.field(name).type) for name in SCHEMA.names if name not in columns}
    for day in days:
        name = f"2026-{day // 28 + 1:02}-{day % 28 + 1:02}"
        path = manifest.events_of(place, name)
        path.parent.mkdir(parents=True)
        moved = {"decision": each, "decided": 86_400.0, "reported": 86_400.0, "utility": 1e-3}
        own = {**columns, **nothing, **{column: columns[column] + day * step for column, step in moved.items()}}
        pq.write_table(pa.table({column: own[column] for column in SCHEMA.names}), path, compression="zstd")
        known[name] = manifest.described(path, each)
    manifest.write(place, manifest.Manifest(known))


def problem() -> RefitData:
    space = ArmSpace([Family(f"a{number}") for number in range(ARMS)], "a0")
    return Engine.open("memory://", space).problem()


def forget(folder: Path) -> None:
    """What was folded."""
    place = folder / "workspace=jobs"
    shutil.rmtree(place / "folded", ignore_errors=True)
    (place / "folded.json").unlink(missing_ok=True)


def timed(
    folder: Path, asked: RefitData, executor: compute.Executor, progress: Progress = silent
) -> tuple[RefitData, float]:
    """Fold all that is not folded."""
    began = time.perf_counter()
    found = reading.read(f"{folder}/**", asked, executor, progress)
    return found, time.perf_counter() - began


def anew(what: str, folder: Path, asked: RefitData, executor: compute.Executor) -> tuple[RefitData, float]:
    """Fold all, from nothing."""
    say(what)
    forget(folder)
    return timed(folder, asked, executor, shown())


@contextmanager
def killing(seconds: float) -> Iterator[list[int]]:
    """A worker is killed every so many seconds."""
    over, killed, luck = threading.Event(), list[int](), random.Random(1)

    def kill() -> None:
        while not over.wait(seconds):
            if alive := multiprocessing.active_children():
                victim = luck.choice(alive)
                killed.append(victim.pid or 0)
                victim.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def same(found: RefitData, first: RefitData) -> bool:
    return all((a == b).all() for a, b in zip((*found.stats, found.tried), (*first.stats, first.tried), strict=True))


def measured(folder: Path, options: Any) -> list[Figure]:
    each, asked, small = options.rows // options.partitions, problem(), folder / "small"
    processes, cluster = compute.Executor("local", WORKERS), compute.Executor("ray://local", WORKERS)
    say(f"{options.partitions} partitions of {each:,} rows are written")
    written(folder / "log", range(options.partitions), each)
    written(small, range(4), 1_000)
    timed(small, asked, compute.LOCAL)
    first, alone = anew("one process", folder / "log", asked, compute.LOCAL)
    say("DuckDB alone")
    began = time.perf_counter()
    aggregate.read(f"{folder}/log/**/*.parquet", asked)
    whole = time.perf_counter() - began
    local, beside = anew("two processes", folder / "log", asked, processes)
    began = time.perf_counter()
    with compute.opened(cluster) as pool:
        start = time.perf_counter() - began
        compute.mapped(pool, imported, range(4 * WORKERS))
        ray, over = anew("two Ray workers", folder / "log", asked, cluster)
    with killing(options.kill) as killed:
        survived, slow = anew("two processes that are killed", folder / "log", asked, processes)
    written(folder / "log", range(options.partitions, options.partitions + 1), each)
    say("the night after")
    _, night = timed(folder / "log", asked, compute.LOCAL)
    equal = float(all(same(one, first) for one in (local, ray, survived)))
    size = sum(path.stat().st_size for path in (folder / "log").rglob("events.parquet"))
    return [
        Figure("one process over two Ray workers", alone / over, "times", 1.7, at_least=True),
        Figure("one process over two processes, which it starts", alone / beside, "times"),
        Figure("one process over DuckDB alone, one query on two cores", alone / whole, "times"),
        Figure("second night, one new partition, of the first", night / alone, "", 0.03),
        Figure("answers that are the same, bit by bit", equal, "", 1.0, at_least=True),
        Figure("workers killed meanwhile", float(len(killed)), "", 1.0, at_least=True),
        Figure("time with workers killed", slow, "s"),
        Figure("time of one process", alone, "s"),
        Figure("start of Ray", start, "s"),
        Figure("processor seconds per million events, one process", alone / (each * options.partitions) * 1e6, "s"),
        Figure("bytes per event, Parquet", size / (each * (options.partitions + 1)), "B"),
        Figure("outcomes read", float(np.sum(first.tried)), ""),
    ]


def imported(_: int) -> str:
    """A task that takes so long that every worker has one, and imports what folding needs."""
    time.sleep(0.5)
    return reading.__name__


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--partitions", type=int, default=100)
    parser.add_argument("--kill", type=float, default=3.0, help="seconds between two kills")
    parser.add_argument("--quick", action="store_true", help="two million rows, a kill every five seconds")
    options = parser.parse_args()
    if options.quick:
        options.rows, options.kill = 2_000_000, 5.0
    shown()
    with tempfile.TemporaryDirectory() as place:
        found = measured(Path(place), options)
    print(table(found))
    case = {"rows": options.rows, "partitions": options.partitions, "projects": PROJECTS, "contexts": CONTEXTS}
    save(options.json, {"case": {**case, "arms": ARMS, "kill": options.kill, "seed": SEED}, "figures": rows(found)})


if __name__ == "__main__":
    main()

"""Aggregation of a partitioned log: one process, two workers, the night after, and workers that are killed.

    python -m benchmarks.scale.archive --rows 100000000 --json benchmarks/results/scale_archive.json

`--partitions` days of events of 1,000 projects, 20 contexts and 8 arms, one in twenty failed, are written by DuckDB in
a temporary folder, with the manifest that `poolwise archive` writes. What is timed is `refit.archive.reading.read`:
checks of every row and checksum, statistics kept, sums, arrays. Ray is started before the clock, and what that takes is
told apart. The night after has one more day. Every answer is compared, bit by bit, with the first one.
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

import duckdb
import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from poolwise import ArmSpace, Engine, Family, compute
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.refit.archive import reading
from poolwise.store import manifest

SEED = 0.3
PROJECTS, CONTEXTS, ARMS = 1_000, 20, 8
WORKERS = 2


def written(folder: Path, days: range, each: int) -> None:
    """Partitions of these days, and the manifest with them."""
    place = folder / "workspace=jobs"
    known = dict(manifest.read(place).partitions)
    with duckdb.connect() as base:
        base.execute("SET enable_progress_bar = false")
        for day in days:
            name = f"2026-{day // 28 + 1:02}-{day % 28 + 1:02}"
            path = manifest.events_of(place, name)
            path.parent.mkdir(parents=True)
            base.execute(
                f"""COPY (SELECT i AS decision, 'p' || floor(random() * {PROJECTS})::INT AS project,
                    'c' || floor(random() * {CONTEXTS})::INT AS context, 'a' || floor(random() * {ARMS})::INT AS arm,
                    NULL::VARCHAR AS job, if(random() < 0.05, 'failed', 'ok') AS status, random() - 0.5 AS utility
                    FROM (SELECT i, setseed({SEED}) FROM range(1) s(j), range({each}) t(i)))
                    TO '{path}' (FORMAT parquet)"""
                if not day
                else f"""COPY (SELECT decision, project, context, arm, job, status,
                    utility + {day * 1e-3} AS utility FROM '{manifest.events_of(place, "2026-01-01")}')
                    TO '{path}' (FORMAT parquet)"""
            )
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


def timed(folder: Path, asked: RefitData, executor: compute.Executor) -> tuple[RefitData, float]:
    began = time.perf_counter()
    found = reading.read(f"{folder}/**", asked, executor)
    return found, time.perf_counter() - began


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
    each, asked = options.rows // options.partitions, problem()
    written(folder, range(options.partitions), each)
    first, alone = timed(folder, asked, compute.LOCAL)
    forget(folder)
    local, beside = timed(folder, asked, compute.Executor("local", WORKERS))
    forget(folder)
    began = time.perf_counter()
    with compute.opened("ray://local", WORKERS):
        start = time.perf_counter() - began
        ray, over = timed(folder, asked, compute.Executor("ray://local", WORKERS))
    forget(folder)
    with killing(options.kill) as killed:
        survived, slow = timed(folder, asked, compute.Executor("local", WORKERS))
    written(folder, range(options.partitions, options.partitions + 1), each)
    _, night = timed(folder, asked, compute.LOCAL)
    equal = float(all(same(one, first) for one in (local, ray, survived)))
    size = sum(path.stat().st_size for path in folder.rglob("events.parquet"))
    return [
        Figure("one process over two Ray workers", alone / over, "times", 1.7, at_least=True),
        Figure("one process over two processes", alone / beside, "times", 1.7, at_least=True),
        Figure("second night, one new partition, of the first", night / alone, "", 0.03),
        Figure("answers that are the same, bit by bit", equal, "", 1.0, at_least=True),
        Figure("workers killed meanwhile", float(len(killed)), ""),
        Figure("time with workers killed", slow, "s"),
        Figure("time of one process", alone, "s"),
        Figure("start of Ray", start, "s"),
        Figure("processor seconds per million events, one process", alone / (each * options.partitions) * 1e6, "s"),
        Figure("bytes per event, Parquet", size / (each * (options.partitions + 1)), "B"),
        Figure("outcomes read", float(np.sum(first.tried)), ""),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--partitions", type=int, default=100)
    parser.add_argument("--kill", type=float, default=10.0, help="seconds between two kills")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = measured(Path(place), options)
    print(table(found))
    case = {"rows": options.rows, "partitions": options.partitions, "projects": PROJECTS, "contexts": CONTEXTS}
    save(options.json, {"case": {**case, "arms": ARMS, "seed": SEED}, "figures": rows(found)})


if __name__ == "__main__":
    main()

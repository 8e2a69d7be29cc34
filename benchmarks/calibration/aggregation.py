"""Statistics of every cell from events in Parquet: time and peak memory of a process that does nothing else.

    python -m benchmarks.calibration.aggregation --rows 100000000 --json benchmarks/results/aggregation.json

Events of 1,000 projects, 100 contexts and 8 arms, with a status and a utility, are written to eight files in a
temporary folder first (by DuckDB; a row in twenty failed). What is timed is `poolwise.refit.aggregate.read` in a new
process, imports included: columns, checks of every row, groups, arrays. Its answer is compared with sums that DuckDB
makes of the same files without any of that. The same with malformed rows, which must be found and placed.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.harness.result import Figure, arguments, rows, save, table

SEED = 0.3
PROJECTS, CONTEXTS, ARMS, FILES = 1_000, 100, 8, 8
READ = """
import resource, sys, time
began = time.perf_counter()
import numpy as np
from poolwise.engine.estimation.refit_request import RefitData
from poolwise.posterior.hyperparameters import gaussian
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.refit import aggregate
arms = tuple(f"arm{i}" for i in range(int(sys.argv[2])))
empty = np.zeros((1, 1, len(arms)))
scales = init_hyperparameters(np.arange(len(arms)), np.ones((len(arms), 2)))
nothing = SufficientStatistics(empty, empty, empty)
problem = RefitData(("(none)",), ("(none)",), arms, arms, nothing, empty, empty, scales,
                  gaussian.HYPERPRIOR, (4, 4), 0, arms[0], 5.0)
try:
    found = aggregate.read(sys.argv[1], problem)
    print("|".join(map(str, [found.outcomes, *(part.sum() for part in found.stats)])))
except Exception as error:
    print(f"{type(error).__name__}|{error}")
print(time.perf_counter() - began)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def write(folder: Path, count: int) -> None:
    """The events, in equal parts."""
    each = -(-count // FILES)
    with duckdb.connect() as base:
        base.execute(f"SET threads = 2; SET memory_limit = '2GB'; SELECT setseed({SEED})")
        for part in range(FILES):
            number = min(each, count - part * each)
            base.execute(
                f"""COPY (SELECT 'project' || (random() * {PROJECTS})::INT % {PROJECTS} AS project,
                       'context' || (random() * {CONTEXTS})::INT % {CONTEXTS} AS context,
                       'arm' || (random() * {ARMS})::INT % {ARMS} AS arm,
                       CASE WHEN random() < 0.05 THEN 'failed' ELSE 'ok' END AS status,
                       2 * random() - 1 AS utility FROM range({number}))
                   TO '{folder}/{part}.parquet' (FORMAT parquet)"""
            )


def run(folder: Path) -> tuple[list[str], float, float]:
    """What the reading process says, its seconds and its peak memory in bytes."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(folder), str(ARMS)], capture_output=True, text=True, check=True
    )
    answer, seconds, memory = done.stdout.strip().splitlines()
    return answer.split("|"), float(seconds), float(memory)


def plain_sums(folder: Path) -> tuple[float, ...]:
    """Rows, successes, sum and sum of squares of their utilities."""
    with duckdb.connect() as base:
        query = (
            "SELECT count(*), count(*) FILTER (status = 'ok'), sum(utility) FILTER (status = 'ok'),"
            f" sum(utility * utility) FILTER (status = 'ok') FROM '{folder}/*.parquet'"
        )
        return tuple(map(float, base.execute(query).fetchone() or ()))


def figures(count: int) -> list[Figure]:
    """Time, memory, exactness; then the same with a malformed row."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        write(folder, count)
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{count:,} rows written in {time.perf_counter() - began:.0f} s, {size / 1e9:.2f} GB", flush=True)
        answer, seconds, memory = run(folder)
        off = max(abs(float(a) / b - 1) for a, b in zip(answer, plain_sums(folder), strict=True))
        with duckdb.connect() as base:
            bad = "SELECT * REPLACE (CASE WHEN project = 'project7' THEN 'nan'::DOUBLE ELSE utility END AS utility)"
            base.execute(
                f"COPY ({bad} FROM '{folder}/0.parquet' LIMIT 200000) TO '{folder}/bad.parquet' (FORMAT parquet)"
            )
        refused, slower, _ = run(folder)
    said = refused[0] == "DataError" and "bad.parquet" in refused[1] and "utility" in refused[1]
    print(f"refused: {refused[-1]}")
    return [
        Figure(f"statistics of {count:,} events, new process", seconds, "s", 60.0),
        Figure("peak memory of that process", memory / 1e9, "GB", 4.0),
        Figure("largest relative difference from plain sums", off, "", 1e-9),
        Figure("malformed rows refused with file, row and column", float(said), "", 1.0, at_least=True),
        Figure("time until they were", slower, "s"),
        Figure("size of the files", size / 1e9, "GB"),
    ]


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    options = parser.parse_args()
    found = figures(options.rows)
    print(table(found))
    case = {"rows": options.rows, "projects": PROJECTS, "contexts": CONTEXTS, "arms": ARMS, "seed": SEED}
    result = {"case": case, "figures": rows(found)}
    save(options.json, result)


if __name__ == "__main__":
    main()

"""How many pairs of decide and observe an engine makes in a second, from its first call on, re-estimation included.

    python -m benchmarks.serving.pairs --json benchmarks/results/pairs.json

20 projects x 50 contexts x 8 arms, 20,000 pairs one by one, as opened by default; every run in a new process, whose
imports count before the clock starts, in memory and on a file of SQLite by turns. The compiled call of the posterior
is on the user's disk from the first run on, as it is from a user's second day on; the first run stands by itself.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness.machine import ROOT
from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.serving.load import SEED, opened, pair

ONE = "import sys; from benchmarks.serving.pairs import timed; print(timed(sys.argv[1], int(sys.argv[2])))"


def timed(url: str, count: int) -> str:
    """JSON: pairs a second over all, and over the second half."""
    random, began, between = np.random.default_rng(SEED), time.perf_counter(), 0.0
    with opened(url) as engine:
        for number in range(count):
            if number == count // 2:
                between = time.perf_counter()
            pair(engine, random)
        done = time.perf_counter()
    return json.dumps({"all": count / (done - began), "second half": (count - count // 2) / (done - between)})


def in_new_process(url: str, count: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", ONE, url, str(count)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=3, help="new processes of each store")
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {"memory": [], "sqlite": []}
    first = in_new_process("memory://", options.pairs)
    with tempfile.TemporaryDirectory(prefix="pairs-") as folder:
        for number in range(options.times):
            found["memory"].append(in_new_process("memory://", options.pairs))
            found["sqlite"].append(in_new_process(f"sqlite:///{Path(folder) / str(number)}.db", options.pairs))
    median = lambda store, part: statistics.median(run[part] for run in found[store])
    figures = [
        Figure("pairs in memory, mean over all", median("memory", "all"), "/s", 4_500, at_least=True),
        Figure("pairs on SQLite, mean over all", median("sqlite", "all"), "/s", 2_800, at_least=True),
        Figure("pairs in memory, second half", median("memory", "second half"), "/s"),
        Figure("pairs on SQLite, second half", median("sqlite", "second half"), "/s"),
        Figure("pairs in memory, the first process", first["all"], "/s"),
    ]
    print(table(figures))
    save(options.json, {"seed": SEED, "figures": rows(figures), "first": first, "runs": found})


if __name__ == "__main__":
    main()

"""The service under load: decide and observe over HTTP, as a client sees it; the server is a process of its own.

    python -m benchmarks.service.load --json benchmarks/results/service.json

8 projects, 20 contexts, 6 arms; each connection decides, reports what came of it, and decides again. The load generator
runs beside on the other core. Figures are taken once scales are estimated now and then only; that is inside them.
PostgreSQL with fsync where `--postgresql URL` names a database.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.service.client import Answered, Request, load

WARM, SECONDS, PORT = 20.0, 15.0, 8_127
CONFIG = """
[run]
store = "{store}"
[space]
baseline = "default"
[space.families.default]
[space.families.fast]
parameters.level = {{ type = "choice", values = [1, 2, 3] }}
[space.families.odd]
[space.families.even]
"""
COMMAND = [sys.executable, "-c", "from poolwise.cli import main; main()", "serve", "-c", "prover.toml", "--json"]
AT = "/v1/workspaces/prover"


@contextmanager
def served(store: str) -> Iterator[tuple[str, int]]:
    """Key and process of a server that is ready."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "prover.toml").write_text(CONFIG.format(store=store.format(folder=folder)))
        command = [*COMMAND, "--port", str(PORT)]
        if ready():
            raise SystemExit(f"port {PORT} is taken: another benchmark of the service is running")
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            key = json.loads(process.stdout.readline())["key"]
            while not ready():
                time.sleep(0.1)
            try:
                yield key, process.pid
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)


def ready() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def script(number: int) -> Any:
    """One connection: decide, report, decide .."""
    luck = random.Random(number)
    job = lambda: {"project": f"p{number % 8}", "context": f"c{luck.randrange(20)}"}
    answer = yield Request(f"{AT}/decide", job())
    while True:
        worth = 0.1 * (answer["family"] == "fast") + luck.gauss(0, 0.2)
        yield Request(f"{AT}/observe", {"id": answer["id"], "utility": worth})
        answer = yield Request(f"{AT}/decide", job())


def measured(store: str) -> dict[str, dict[str, float]]:
    """By number of connections, and what the server holds in memory meanwhile."""
    with served(store) as (key, process):
        load("127.0.0.1", PORT, key, script, 64, WARM)
        return {
            str(number): summed(load("127.0.0.1", PORT, key, script, number, SECONDS)) | {"MB": resident(process)}
            for number in (64, 1)
        }


def lasting(parts: int, seconds: float) -> dict[str, list[float]]:
    """Requests so far and resident memory in MB, after each part of a long run."""
    found: dict[str, list[float]] = {"requests": [], "MB": []}
    with served("sqlite:///{folder}/prover.db") as (key, process):
        for _ in range(parts):
            made = len(load("127.0.0.1", PORT, key, script, 64, seconds / parts))
            found["requests"].append(made + (found["requests"] or [0])[-1])
            found["MB"].append(resident(process))
    return found


def resident(process: int) -> float:
    """MB in memory."""
    kilobytes = next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if "VmRSS" in line)
    return round(int(kilobytes.split()[1]) / 1024, 1)


def summed(answers: list[Answered]) -> dict[str, float]:
    milliseconds = np.array([one.seconds for one in answers]) * 1e3
    p50, p99 = np.percentile(milliseconds, [50, 99]).round(2).tolist()
    bad = sum(one.status != 200 for one in answers)
    return {"requests a second": round(len(answers) / SECONDS, 1), "p50 ms": p50, "p99 ms": p99, "not 200": bad}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--postgresql", metavar="URL", help="an empty database; fsync on")
    parser.add_argument("--lasting", type=float, metavar="SECONDS", help="then load for so long, and watch memory")
    options: argparse.Namespace = parser.parse_args()
    found = {"SQLite": measured("sqlite:///{folder}/prover.db")}
    if options.postgresql:
        found["PostgreSQL"] = measured(options.postgresql)
    figures = []
    for name, least in (("SQLite", 1_500.0), ("PostgreSQL", 1_000.0)):
        if name in found:
            many, one = found[name]["64"], found[name]["1"]
            figures += [
                Figure(f"{name}, 64 connections", many["requests a second"], "requests/s", least, True),
                Figure(f"{name}, 64 connections, p99", many["p99 ms"], "ms", 60.0),
                Figure(f"{name}, one connection, p50", one["p50 ms"], "ms", 2.0),
                Figure(f"{name}, one connection, p99", one["p99 ms"], "ms", 10.0),
            ]
    long = lasting(8, options.lasting) if options.lasting else None
    if long:
        growth = long["MB"][-1] / long["MB"][len(long["MB"]) // 2 - 1] - 1
        figures.append(Figure("memory, growth over the second half of a long load", growth, "", 0.05))
    print(table(figures))
    save(
        options.json,
        {
            "case": {"seconds": SECONDS, "cores": os.cpu_count()},
            "runs": found,
            "lasting": long,
            "figures": rows(figures),
        },
    )


if __name__ == "__main__":
    main()

"""The service through an outage: its database stopped in the middle, its process killed twice, clients that go on.

    python -m benchmarks.service.outage --seconds 600 --stopped 60 --json benchmarks/results/outage.json

Clients (`poolwise.Client`, a spool file each) decide and report as fast as they are answered. PostgreSQL, with fsync,
is stopped at once for a while; before and after it the server is killed with SIGKILL and started again, as systemd
would. At the end spools are sent, and the store is read: every decision that a client was given an id for, and every
outcome that `observe` returned for, is there exactly once. Answered: `decide` returned an arm, logged or not.
"""

import argparse
import json
import multiprocessing
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.harness.result import Figure, arguments, rows, save, table
from benchmarks.service.load import COMMAND, CONFIG, PORT, ready
from poolwise import Client
from poolwise.client.connection import Patience
from poolwise.errors import PoolwiseError
from poolwise.store import open_store
from tests.postgres import server

URL = f"http://127.0.0.1:{PORT}"
CLIENTS = 6


class Supervised:
    """The server, started again whenever it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._ending, self.started = folder, threading.Event(), 0
        self.process, self.key = self._start()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _start(self) -> tuple[Any, str | None]:
        self.started += 1
        command = [*COMMAND, "--port", str(PORT), "--keys", f"sqlite:///{self._folder / 'service.db'}"]
        process = subprocess.Popen(
            command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        return process, json.loads(line)["key"] if line else None

    def _watch(self) -> None:
        while not self._ending.is_set():
            if self.process.poll() is not None and not self._ending.is_set():
                time.sleep(0.5)
                self.process, _ = self._start()
            time.sleep(0.1)

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def client(number: int, key: str, folder: str, until: float, told: Any) -> None:
    """Decides and reports; tells how many decisions were answered and asked for, and what was acknowledged."""
    answered, asked, made, reported = 0, 0, [], []
    spool = f"{folder}/{number}.jsonl"
    with Client(URL, key, workspace="prover", spool=spool, patience=Patience(2.0, 3)) as own:
        while time.time() < until:
            asked += 1
            try:
                decision = own.decide(f"p{number % 3}", f"c{asked % 10}")
                answered += 1
                if decision.id > 0:
                    made.append(decision.id)
                    own.observe(decision.id, utility=0.1)
                    reported.append(decision.id)
                else:
                    time.sleep(0.01)
            except PoolwiseError as error:
                told.put(("error", number, str(error)[:200]))
                time.sleep(0.1)
        for _ in range(120):
            try:
                own.flush()
                break
            except PoolwiseError:
                time.sleep(0.5)
        told.put(("done", number, {"answered": answered, "asked": asked, "made": made, "reported": reported,
                                   "waiting": own.waiting}))  # fmt: skip


def suffered(options: argparse.Namespace, database: Any, folder: Path) -> dict[str, Any]:
    """The run itself."""
    if ready():
        raise SystemExit(f"port {PORT} is taken: another benchmark of the service is running")
    url = database.url("outage")
    (folder / "prover.toml").write_text(CONFIG.format(store=url))
    supervised = Supervised(folder)
    while not ready():
        time.sleep(0.1)
    context, began = multiprocessing.get_context("spawn"), time.time()
    told, until = context.Queue(), began + options.seconds
    clients = [
        context.Process(target=client, args=(number, supervised.key, str(folder), until, told))
        for number in range(CLIENTS)
    ]
    for one in clients:
        one.start()
    at = lambda share: time.sleep(max(0.0, began + share * options.seconds - time.time()))
    at(0.25)
    supervised.process.kill()
    at(0.45)
    database.stop("immediate")
    time.sleep(options.stopped)
    database.start()
    at(0.75)
    supervised.process.kill()
    reports = []
    while len(reports) < CLIENTS:
        kind, number, body = told.get(timeout=options.seconds + 300)
        if kind == "done":
            reports.append(body)
        else:
            print(f"client {number}: {body}", flush=True)
    for one in clients:
        one.join()
    supervised.close()
    return {**judged(url, reports), "starts of the server": supervised.started}


def judged(url: str, reports: list[dict[str, Any]]) -> dict[str, Any]:
    """What is in the store against what was acknowledged."""
    with closing(open_store(url, create=False, look=True)) as store:
        made, known = Counter(store.decisions().id.tolist()), Counter(store.outcomes().decision.tolist())
    acknowledged = [id for one in reports for id in one["made"]]
    reported = [id for one in reports for id in one["reported"]]
    return {
        "asked": sum(one["asked"] for one in reports),
        "answered": sum(one["answered"] for one in reports),
        "logged": len(acknowledged),
        "decisions lost or doubled": sum(made[id] != 1 for id in acknowledged)
        + len(acknowledged)
        - len({*acknowledged}),
        "outcomes acknowledged": len(reported),
        "outcomes lost or doubled": sum(known[id] != 1 for id in reported),
        "left in spools": sum(one["waiting"] for one in reports),
    }


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--stopped", type=float, default=60.0, help="seconds without the database")
    options = parser.parse_args()
    with server() as database, tempfile.TemporaryDirectory() as folder:
        found = suffered(options, database, Path(folder))
    figures = [
        Figure("decisions answered", found["answered"] / found["asked"], "", 0.999, True),
        Figure("acknowledged decisions lost or doubled", found["decisions lost or doubled"], "", 0.0),
        Figure("acknowledged outcomes lost or doubled", found["outcomes lost or doubled"], "", 0.0),
    ]
    print(json.dumps(found))
    print(table(figures))
    case = {"seconds": options.seconds, "stopped": options.stopped, "clients": CLIENTS}
    save(options.json, {"case": case, "run": found, "figures": rows(figures)})


if __name__ == "__main__":
    main()

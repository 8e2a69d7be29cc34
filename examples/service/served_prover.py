"""The live prover as a client of the service: two workers that decide, prove and report over HTTP.

    python examples/service/served_prover.py                    until Ctrl-C (`make serve-demo`)
    python examples/service/served_prover.py --decisions 100    so many, then it ends

One process serves; it prints one address, and the key with which to sign in. Both workers learn from both.
"""

import argparse
import itertools
import json
import multiprocessing
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import poolwise as pw
from poolwise.workloads.z3.workload import Z3Workload

WORKSPACE = "prover"
SERVE = [sys.executable, "-c", "import sys; from poolwise.cli import main; sys.exit(main())", "serve", "--json"]


def prepared(folder: Path) -> Path:
    """The workspace's configuration; its store knows the arms."""
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{(folder / 'prover.db').resolve()}"
    (folder / f"{WORKSPACE}.toml").write_text(f'[run]\nstore = "{url}"\n')
    with closing(Z3Workload()) as workload, pw.Engine.open(url, workload.space, seed=1):
        return folder / f"{WORKSPACE}.toml"


def work(url: str, key: str, seed: int, decisions: int | None) -> None:
    """One worker: the jobs of its seed, one after another."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with closing(Z3Workload()) as workload, pw.Client(url, key, workspace=WORKSPACE) as client:
        for job in itertools.islice(workload.jobs(seed), decisions):
            made = client.decide(job.project, job.context)
            found = workload.measure(job, made.family, made.params)
            if made.id > 0:
                client.observe(made.id, cost=found.cost, baseline_cost=found.baseline_cost, status=found.status)


def together(url: str, key: str, decisions: int | None) -> None:
    """Two workers, until they are done or Ctrl-C."""
    each = None if decisions is None else decisions // 2
    start = multiprocessing.get_context("spawn").Process
    workers = [start(target=work, args=(url, key, seed, each)) for seed in (1, 2)]
    for one in workers:
        one.start()
    try:
        for one in workers:
            one.join()
    except KeyboardInterrupt:
        for one in workers:
            one.terminate()
            one.join()


@contextmanager
def served(folder: Path, port: int) -> Iterator[tuple[str, str]]:
    """Address and key of a server that is ready; in a session of its own, so that Ctrl-C ends the workers first."""
    command = [*SERVE, "--config", str(prepared(folder)), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as server:
        try:
            said, kept = json.loads(server.stdout.readline()), folder / "key"
            if said["key"]:
                kept.touch(mode=0o600)
                kept.write_text(said["key"])
            with pw.Client(said["url"], kept.read_text(), workspace=WORKSPACE) as client:
                while server.poll() is None and not ready(client):
                    time.sleep(0.2)
            yield said["url"], kept.read_text()
        finally:
            server.send_signal(signal.SIGTERM)


def ready(client: pw.Client) -> bool:
    try:
        client.status()
    except pw.errors.StoreError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--decisions", type=int, help="of both workers together; left out: until Ctrl-C")
    parser.add_argument("--folder", type=Path, default=Path("runs/served"))
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    with served(options.folder, options.port) as (url, key):
        print(f"{url}/console  sign in with the key {key}", flush=True)
        together(url, key, options.decisions)
        with pw.Client(url, key, workspace=WORKSPACE) as client:
            status = client.status()
    print(f"{status['decisions']} decisions, {status['outcomes']} outcomes learned, {status['open']} open")
    return int(status["outcomes"] == 0)


if __name__ == "__main__":
    sys.exit(main())

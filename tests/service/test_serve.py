"""The server as a process: it answers over a socket, keeps what it acknowledged, and stops when it is asked to."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from poolwise.client.client import Client
from tests.service.conftest import httpx

CONFIG = """
[run]
store = "sqlite:///prover.db"
[space]
baseline = "default"
[space.families.default]
[space.families.fast]
"""
JOB = {"project": "p", "context": "c"}


@contextmanager
def running(folder, end):
    """(what it said, a client) while it runs; then it is sent a signal, and awaited."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from poolwise.cli import main; main()", "serve", "-c", "prover.toml", "--json"]
    with subprocess.Popen([*command, "--port", str(port)], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = json.loads(process.stdout.readline())
            until_ready(said["url"])
            yield said
        finally:
            process.send_signal(end)
            assert process.wait(60) in (0, -end)


def until_ready(url):
    for _ in range(300):
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server was not ready within 30 s")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_is_there_after_any_end(tmp_path, end):
    (tmp_path / "prover.toml").write_text(CONFIG)
    with running(tmp_path, end) as said:
        at, key = f"{said['url']}/v1/workspaces/prover", {"Authorization": f"Bearer {said['key']}"}
        with httpx.Client(headers=key) as client:
            made = [client.post(f"{at}/decide", json=JOB).json()["id"] for _ in range(20)]
            for id in made[:15]:
                assert client.post(f"{at}/observe", json={"id": id, "utility": 0.1}).json() == {"id": id, "new": True}
    with running(tmp_path, signal.SIGTERM) as later:
        assert later["key"] is None
        status = httpx.get(f"{later['url']}/v1/workspaces/prover/overview", headers=key).json()
    assert (status["decisions"], status["outcomes"], status["learned"]) == (20, 15, 15)


def test_client_and_command_line_speak_to_it(tmp_path):
    (tmp_path / "prover.toml").write_text(CONFIG)
    with running(tmp_path, signal.SIGTERM) as said:
        with Client(said["url"], said["key"], workspace="prover") as client:
            made = client.decide("p", "c")
            assert client.observe(made.id, cost=0.8, baseline_cost=1.2)
            many = client.decide_many("p", ["c", "d", "c"])
            assert client.observe_many([{"id": one.id, "utility": 0.1} for one in many]) == ["new"] * 3
            assert client.beliefs("p", "c")["n"].sum() == 3
            assert client.explain(made.id)["decision"]["arm"] == made.arm
            assert client.control("stop")["order"] == "stop"
            assert client.decide("p", "c").arm == client.decide("p", "d").arm == "default"
            assert client.refit()["status"] == "serving"
            assert client.forget("p")["decisions"] == 6
        command = [sys.executable, "-c", "import sys; from poolwise.cli import main; sys.exit(main())"]
        called = lambda *words: subprocess.run(
            [*command, *words, "--store", f"{said['url']}/prover"],
            env={**os.environ, "POOLWISE_KEY": said["key"]}, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        decided = json.loads(called("decide", "--project", "q", "--context", "c", "--json").stdout)
        assert "learned" in called("observe", str(decided["id"]), "--utility", "0.1").stdout
        assert json.loads(called("status", "--json").stdout)["outcomes"] == 1
        wrong = called("observe", "99", "--utility", "0.1")
        assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


def test_a_server_holds_as_many_connections_as_it_may():
    code = (
        "import resource; kind = resource.RLIMIT_NOFILE; hard = resource.getrlimit(kind)[1];"
        "resource.setrlimit(kind, (256, hard)); from poolwise.service.serve import MOST_FILES, many_connections;"
        "many_connections(); print(resource.getrlimit(kind)[0] == (MOST_FILES if hard < 0 else min(hard, MOST_FILES)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"

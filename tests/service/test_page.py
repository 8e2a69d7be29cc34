"""What docs/service.md and deploy/ say works: configuration, curl, Python, and the metrics that are named."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from poolwise.service.bodies import Report
from poolwise.service.metrics import Metrics
from poolwise.service.writer import Group
from tests.service.test_serve import running

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text()
BLOCKS = [textwrap.dedent(one) for one in re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.M)]


def block(start):
    return next(one.strip() + "\n" for one in BLOCKS if one.strip().startswith(start))


def test_the_page_works(tmp_path):
    (tmp_path / "prover.toml").write_text(block("[run]"))
    with running(tmp_path, signal.SIGTERM) as said:
        called = lambda *command, **more: subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "POOLWISE_KEY": said["key"], **more}, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        if sys.platform != "win32" and Path("/usr/bin/curl").exists():
            answers = called("sh", "-ec", block("curl").replace("http://127.0.0.1:8000", said["url"])).stdout
            decided, learned = (json.loads(one) for one in answers.replace("}{", "}\n{").splitlines())
            assert (decided["project"], learned) == ("mathlib", {"id": 1, "new": True})
        code = block("import poolwise").replace("https://tuning.example", said["url"]).replace("pw_..", said["key"])
        called(sys.executable, "-c", code)
        keys = block("poolwise keys").splitlines()
        command = "import sys; from poolwise.cli import main; sys.exit(main())"
        for line in keys:
            words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)][1:]
            out = called(sys.executable, "-c", command, *words).stdout
        assert "build farm" in out


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_metrics_that_are_named_are_there(file):
    text = (ROOT / "deploy" / file).read_text()
    metrics = Metrics()
    metrics.group("w", Group([], [Report(id=1, cost=2.0, baseline_cost=1.0)], 0.1, 0.1))
    metrics.answered("r", 200, 0.1)
    known = metrics.text().decode()
    named = {re.sub("_(bucket|count|sum)$", "", one) for one in re.findall(r"poolwise_[a-z_]+", text)}
    assert named
    assert all(re.search(rf"^# TYPE {name} ", known, re.M) for name in named)
    if file.endswith(".json"):
        json.loads(text)
    else:
        yaml = pytest.importorskip("yaml")
        rules = yaml.safe_load(text)["groups"][0]["rules"]
        assert len(rules) == 5
        assert all({"alert", "expr", "annotations"} <= set(rule) for rule in rules)


@pytest.mark.slow
def test_the_live_prover_learns_through_the_service(tmp_path):
    pytest.importorskip("z3")
    command = [
        sys.executable,
        ROOT / "examples" / "service" / "served_prover.py",
        "--decisions",
        "60",
        "--port",
        "8163",
    ]
    done = subprocess.run([*command, "--folder", tmp_path], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "60 decisions, 60 outcomes learned, 0 open" in done.stdout
    again = subprocess.run([*command, "--folder", tmp_path], capture_output=True, text=True, check=False, timeout=300)
    assert "120 decisions, 120 outcomes learned" in again.stdout

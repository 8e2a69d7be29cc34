"""Whatever the description allows is answered as it says: no server error, no undocumented answer."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.test_serve import CONFIG, running

FUZZER = Path(sys.executable).with_name("schemathesis")


@pytest.mark.slow
def test_whatever_is_described_is_answered_as_described(tmp_path):
    """All checks but one: what is well formed may name what is not there."""
    if not FUZZER.exists():
        pytest.skip("schemathesis is not installed: pip install '.[fuzz]'")
    (tmp_path / "prover.toml").write_text(CONFIG)
    (tmp_path / "schemathesis.toml").write_text('[parameters]\nworkspace = "prover"\n')
    with running(tmp_path, signal.SIGTERM) as said:
        done = subprocess.run(
            [FUZZER, "run", f"{said['url']}/openapi.json", "--header", f"Authorization: Bearer {said['key']}",
             "--exclude-checks", "positive_data_acceptance", "--max-examples", "50", "--seed", "1",
             "--generation-database", "none"],
            cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4_000:]

"""A writer that is killed at random moments loses nothing it acknowledged, and leaves nothing half done."""

import json
import subprocess
import sys

import pytest

from benchmarks.robustness.killed_writers import wrong
from poolwise.store import open_store
from tests.stores import URLS

KILLS = 25
PARENT = """
import json, sys
from benchmarks.robustness.killed_writers import killed
print(json.dumps(list(killed(sys.argv[1], int(sys.argv[2]), 7))))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_writer_loses_nothing_it_acknowledged(kind, request):
    url = URLS[kind](request)
    open_store(url, seed=1).close()
    command = [sys.executable, "-c", PARENT, url, str(KILLS)]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    assert wrong(url, told) == []
    assert sum(len(ids) for kind, ids in told if kind == "o") > 5 * KILLS

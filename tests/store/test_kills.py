"""A writer that is killed at random moments loses nothing it acknowledged, and leaves nothing half done."""

import json
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from poolwise.store import open_store
from tests.store.test_stores import URLS

KILLS = 25
PARENT = """
import json, os, random, signal, sys, time
import numpy as np
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import open_store
from poolwise.store.base import OutcomeColumns

if sys.argv[1].startswith("postgresql"):
    import poolwise.store.postgresql.database  # Once, and not in every process that is killed.

def write(url, sink):
    store = open_store(url, lock_wait=20)
    policy = store.add_policy("thompson", {})
    say = lambda kind, ids: os.write(sink, (json.dumps([kind, ids]) + chr(10)).encode())
    while True:
        ids = [store.reserve(1) for _ in range(random.choice([1, 1, 64]))]
        for id in ids:
            view = store.append_view(LoggedView(0, "p", "c", policy, 0, id, ("f",), {"mean": np.full(8, id / 7)}))
            one = Decision(id, "p", "c", "f", {}, "f", 0.5, "explored", 1.0, None, view)
            store.append_decision(one)
        say("d", ids)
        n, none = len(ids), np.full(len(ids), -1)
        nan, ones = np.full(n, np.nan), np.ones(n)
        store.append_outcomes(OutcomeColumns(np.array(ids), none, none, none, none, none + 1, ones, nan, nan, ones))
        say("o", ids)

random.seed(7)
for kill in range(int(sys.argv[2])):
    source, sink = os.pipe()
    if not (child := os.fork()):
        os.close(source)
        random.seed(kill)
        write(sys.argv[1], sink)
    os.close(sink)
    told = [os.read(source, 1 << 16)] if kill % 5 else []
    time.sleep(random.uniform(0, 0.08))
    os.kill(child, signal.SIGKILL)
    while part := os.read(source, 1 << 16):
        told.append(part)
    os.waitpid(child, 0)
    os.close(source)
    for line in b"".join(told).split(b"\\n")[:-1]:
        print(line.decode())
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_writer_loses_nothing_it_acknowledged(kind, request):
    url = URLS[kind](request)
    open_store(url, seed=1).close()
    command = [sys.executable, "-c", PARENT, url, str(KILLS)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    acknowledged = {"d": [], "o": []}
    for kind, ids in map(json.loads, told):
        acknowledged[kind] += ids
    with closing(open_store(url, lock_wait=20)) as store:
        decisions, outcomes = store.decisions(), store.outcomes()
        assert len(acknowledged["o"]) > 5 * KILLS
        assert set(acknowledged["d"]) <= set(decisions.id.tolist())
        assert set(acknowledged["o"]) <= set(outcomes.decision.tolist())
        for ids in (decisions.id, outcomes.decision):
            assert len(np.unique(ids)) == len(ids)
        assert store.made() == len(decisions.id)
        assert store.answered() == len(outcomes.decision)
        for id in decisions.id[-100:].tolist():
            view = store.view(store.decision(id).view)
            assert (view.outcomes, view.arrays["mean"][0]) == (id, id / 7)

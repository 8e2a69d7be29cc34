"""Several processes on one file: one searches for scales, the others adopt them; what a decision leaves is small."""

import sqlite3
import time
from contextlib import closing

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.engine.state.serving_posterior import PATIENCE
from poolwise.posterior.posterior import WARM
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family(f"arm-{k}") for k in range(8)], "arm-0")
SOON = Settings(reestimate_every=((10**9, 20),))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.db"


def opened(path, settings=SOON):
    return Engine.open(f"sqlite:///{path}", SPACE, seed=1, settings=settings)


def live(engine, pairs):
    random = np.random.default_rng(pairs)
    for _ in range(pairs):
        made = engine.decide(f"p{random.integers(3)}", f"c{random.integers(4)}")
        engine.observe(made.id, utility=float(random.normal(0.1, 0.3)))


def until(asked, seconds=20.0):
    end = time.monotonic() + seconds
    while not asked() and time.monotonic() < end:
        time.sleep(0.02)
    return asked()


def test_what_one_process_has_estimated_serves_the_others_without_a_search_of_their_own(path):
    with opened(path) as first, opened(path) as second:
        live(first, 20)
        assert until(lambda: first.status()["snapshot"])
        live(second, 2)
        assert until(lambda: second.status()["snapshot"] == 1)
        assert len(first.store.snapshots()) == 1
        ids = second.store.decisions().id.tolist()
        assert all(second.explain(id, replay=True)["replay"]["same"] for id in ids)


def test_while_one_process_searches_no_other_does(path):
    with opened(path) as first, opened(path) as second:
        assert first.store.lease("estimate", 30)
        live(second, 25)
        assert not second.status()["snapshot"]
        first.store.release("estimate")
        live(second, 2)
        assert until(lambda: second.status()["snapshot"] == 1)


def test_processes_that_share_a_file_compile_late(path):
    with opened(path) as first, opened(path) as second:
        live(first, 5)
        live(second, 5)
        live(first, 2)
        assert [engine.serving.belief.posterior.warm >= PATIENCE for engine in (first, second)] == [True, True]
    with opened(path) as alone:
        live(alone, 5)
        assert alone.serving.belief.posterior.warm == WARM


def test_the_numbers_of_a_view_take_few_bytes(path):
    with opened(path) as engine:
        live(engine, 30)
    with closing(sqlite3.connect(path)) as db:
        sizes = [size for (size,) in db.execute("SELECT length(arrays) FROM view")]
    assert len(sizes) == 30
    assert max(sizes) <= 430

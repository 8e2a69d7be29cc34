"""Decisions go on when the store does not."""

import contextlib
import sqlite3
import time

import pytest

from poolwise import errors
from poolwise.engine import Engine, Exploration, Settings
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family("default"), Family("fast")], "default")
WAIT = 0.2


@contextlib.contextmanager
def locked(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


def lived(url, **settings):
    """An engine that knows `fast` is better, and a decision that waits for its outcome."""
    engine = Engine.open(url, SPACE, seed=1, settings=Settings(lock_wait=WAIT, **settings))
    for _ in range(30):
        made = engine.decide("p", "c")
        engine.observe(made.id, utility=0.5 if made.arm == "fast" else 0.0)
    return engine, engine.decide("p", "c")


@pytest.mark.parametrize("place", [("p", "c"), ("new", "c"), ("p", "new")])
def test_a_decision_is_made_without_the_store_and_says_so(tmp_path, place):
    engine, waiting = lived(f"sqlite:///{tmp_path / 'events.db'}")
    with locked(tmp_path / "events.db"):
        began = time.monotonic()
        made = engine.decide(*place)
        assert time.monotonic() - began < WAIT + 0.1
        assert made.id < 0
        assert made.reason.endswith("unlogged")
        assert 0 < made.probability <= 1
        assert engine.decide(*place).id != made.id
        with pytest.raises(errors.StoreLocked):
            engine.observe(waiting.id, utility=0.5)
    with pytest.raises(errors.UnknownDecision, match="without the store"):
        engine.observe(made.id, utility=0.5)
    assert engine.observe(waiting.id, utility=0.5)
    time.sleep(WAIT)
    assert engine.decide(*place).id > 0
    status = engine.status()
    assert (status["unlogged"], status["learned"], status["outcomes"]) == (2, 31, 31)
    assert "locked" in status["last_fault"]


@pytest.mark.parametrize(
    "settings",
    [{"on_store_fault": "baseline"}, {"exploration": Exploration(overall_budget=0.9)}],
    ids=["said", "budget"],
)
def test_the_baseline_is_answered_where_that_is_wanted_or_a_budget_would_be_escaped(tmp_path, settings):
    engine, _ = lived(f"sqlite:///{tmp_path / 'events.db'}", **settings)
    with locked(tmp_path / "events.db"):
        assert {engine.decide("p", "c").arm for _ in range(5)} == {"default"}


def test_an_error_is_raised_where_that_is_wanted(tmp_path):
    engine, _ = lived(f"sqlite:///{tmp_path / 'events.db'}", on_store_fault="raise")
    with locked(tmp_path / "events.db"):
        for _ in range(2):
            with pytest.raises(errors.StoreLocked):
                engine.decide("p", "c")
    assert engine.decide("p", "c").id > 0


def test_a_file_that_is_gone_stops_no_decision(tmp_path):
    engine, _ = lived(f"sqlite:///{tmp_path / 'events.db'}")
    for end in ("", "-wal", "-shm"):
        (tmp_path / f"events.db{end}").unlink()
    assert engine.decide("p", "c").id < 0
    assert "store_fault" in engine.status() or engine.status()["store_faults"]

"""Whatever happens to the store, a call is done or raises StoreError in time, and the next one works."""

import gc
import os
import pickle
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress

import numpy as np
import pytest

from poolwise import errors
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import Checkpoint, open_store
from poolwise.store.sqlite.store import sqlite_store

WAIT = 0.1


def decide(store, view=0):
    made = Decision(store.reserve(1), "p", "c", "f", {}, "f", 0.5, "explored", 1.0, None, view)
    store.append_decision(made)
    return made.id


def view(store, size=8):
    arrays = {"mean": np.random.default_rng(0).normal(size=size)}
    return store.append_view(LoggedView(0, "p", "c", store.add_policy("thompson", {}), 0, 0, ("f",), arrays))


def fill(store, kept):
    """Decide for ever."""
    while True:
        kept.append(decide(store, view(store, 500)))


WRITES = {
    "reserve": lambda store: store.reserve(10_000),
    "intern": lambda store: store.intern("job", [os.urandom(4).hex()]),
    "decide": lambda store: decide(store, view(store)),
    "observe": lambda store: store.append_outcome(Outcome(decide(store), "ok", 0.1, None, None, 2.0)),
    "record": lambda store: store.append_record("control", {"stop": True}),
    "checkpoint": lambda store: store.save_checkpoint("statistics", Checkpoint(1, 1, b"x" * 9000)),
}


@pytest.fixture
def store(tmp_path):
    opened = sqlite_store(tmp_path / "a.db", seed=1, wait=WAIT)
    for write in WRITES.values():
        write(opened)
    yield opened
    opened.close()


@contextmanager
def locked(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_lock_that_is_held_is_waited_for_and_no_longer(store, tmp_path, write):
    with locked(tmp_path / "a.db"):
        began = time.monotonic()
        with pytest.raises(errors.StoreLocked, match="locked by another process"):
            write(store)
        assert WAIT <= time.monotonic() - began < WAIT + 0.4
        assert store.made() == 2
    write(store)


def test_a_store_can_be_opened_and_read_while_another_process_writes(store, tmp_path):
    with locked(tmp_path / "a.db"):
        other = sqlite_store(tmp_path / "a.db", wait=WAIT)
        assert other.made() == store.made() == 2
        other.close()


def removed(folder):
    (folder / "a.db").unlink()


def exchanged(folder):
    shutil.copy(folder / "a.db", folder / "b.db")
    os.replace(folder / "b.db", folder / "a.db")


def without_log(folder):
    (folder / "a.db-wal").unlink()


def folder_moved(folder):
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("lose", [removed, exchanged, without_log, folder_moved])
def test_nothing_is_acknowledged_once_the_file_is_gone(tmp_path, lose, write):
    folder = tmp_path / "in"
    folder.mkdir()
    store = sqlite_store(folder / "a.db", seed=1, wait=WAIT)
    decide(store)
    lose(folder)
    for _ in range(2):
        with pytest.raises(errors.StoreGone, match="removed or exchanged"):
            write(store)
    store.close()


def test_a_folder_that_comes_back_is_used_again(tmp_path):
    (tmp_path / "in").mkdir()
    store = sqlite_store(tmp_path / "in" / "a.db", seed=1)
    (tmp_path / "in").rename(tmp_path / "away")
    with pytest.raises(errors.StoreGone):
        decide(store)
    (tmp_path / "away").rename(tmp_path / "in")
    decide(store)
    assert store.made() == 1
    store.close()


@pytest.fixture
def small(tmp_path):
    """A disk of 1 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_loses_nothing_that_was_acknowledged_and_passes(small):
    store, kept = sqlite_store(small / "a.db", seed=1, wait=WAIT), []
    for _ in range(2):
        with pytest.raises(errors.StoreFull, match="free some space"):
            fill(store, kept)
    assert store.decisions().id.tolist() == kept
    store.close()
    subprocess.run(["mount", "-o", "remount,size=4m", small], check=True)
    with closing(open_store(f"sqlite:///{small / 'a.db'}")) as again:
        assert again.decisions().id.tolist() == kept
        decide(again, view(again, 500))


def test_a_file_that_becomes_read_only_is_said_to_be_and_may_be_written_again(tmp_path):
    store = sqlite_store(path := tmp_path / "a.db", seed=1, wait=WAIT)
    kept = [decide(store)]
    if subprocess.run(["chattr", "+i", path, f"{path}-wal"], capture_output=True).returncode:
        pytest.skip("needs root, and a file system that knows files nobody may change")
    with pytest.raises(errors.StoreReadOnly, match="may not be written"):
        decide(store)
    subprocess.run(["chattr", "-i", path, f"{path}-wal"], check=True)
    assert store.decisions().id.tolist() == kept
    decide(store)
    store.close()


def test_a_full_disk_that_is_freed_is_written_again(small):
    (small / "ballast").write_bytes(bytes(600_000))
    store = sqlite_store(small / "a.db", seed=1, wait=WAIT)
    with pytest.raises(errors.StoreFull):
        fill(store, [])
    (small / "ballast").unlink()
    decide(store, view(store, 500))
    store.close()


def test_a_store_cannot_be_made_on_a_full_disk(small):
    with suppress(OSError):
        (small / "ballast").write_bytes(bytes(2 << 20))
    with pytest.raises(errors.StoreFull):
        open_store(f"sqlite:///{small / 'a.db'}")
    assert [path.name for path in small.iterdir()] == ["ballast"]


class Interrupt(BaseException):
    """What a signal handler raises, as KeyboardInterrupt is."""


def raising(*_):
    raise Interrupt


# Raised in a destructor it is reported, and stops nothing.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_of_a_signal_handler_anywhere_neither_wedges_nor_loses(store):
    """A timer fires at random moments of 4,000 calls."""
    before = signal.signal(signal.SIGALRM, raising)
    acknowledged, answered, interrupts, chance = [], [], 0, random.Random(3)
    try:
        for number in range(2000):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 4e-4))
                id = decide(store, view(store) if number % 3 else 0)
                acknowledged.append(id)
                store.append_outcome(Outcome(id, "ok", 0.1, None, None, 2.0))
                answered.append(id)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                interrupts += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupts > 200
    ids, outcomes = store.decisions().id.tolist(), store.outcomes().decision.tolist()
    assert set(acknowledged) <= set(ids)
    assert set(answered) <= set(outcomes)
    assert len(set(ids)) == len(ids)
    assert len(set(outcomes)) == len(outcomes)
    assert decide(store) not in ids


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # by a JAX that an earlier test has imported
def test_a_child_of_a_fork_is_told_to_open_its_own(store):
    first = decide(store)
    if not (child := os.fork()):
        told = 0
        for call in (*WRITES.values(), lambda store: store.decision(first), lambda store: store.close()):
            try:
                call(store)
            except errors.StoreForked as error:
                told += "fork" in str(error)
        os._exit(told)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == len(WRITES) + 1
    assert decide(store) == first + 1


def test_a_child_that_ends_in_the_middle_of_a_transaction_leaves_the_parents_alone(tmp_path):
    code = f"""
import os, sys
from poolwise.store.sqlite.store import sqlite_store
store = sqlite_store({str(tmp_path / "a.db")!r}, seed=1)
def work(db):
    db.execute("INSERT INTO record (kind, body) VALUES ('x', '{{}}')")
    if not (child := os.fork()):
        sys.exit(0)  # Everything that Python closes at exit is closed.
    os.waitpid(child, 0)
store._file.whole(work)
assert store.append_record("x", {{}}) == 2
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with closing(open_store(f"sqlite:///{tmp_path / 'a.db'}")) as store:
        assert len(store.records("x")) == 2


def test_a_closed_store_says_so(store):
    store.close()
    for call in (*WRITES.values(), lambda store: store.decision(1)):
        with pytest.raises(errors.StoreClosed, match="open it again"):
            call(store)
    store.close()


def test_a_store_that_nobody_holds_is_closed():
    store = sqlite_store(None)
    db = store._file._db
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")


def test_an_open_store_is_not_sent_to_another_process(store):
    with pytest.raises(errors.StoreError, match="URL"):
        pickle.dumps(store)


@pytest.mark.parametrize(("durability", "synchronous"), [("process", 1), ("power", 2)])
def test_durability_is_chosen(tmp_path, durability, synchronous):
    store = open_store(f"sqlite:///{tmp_path / 'a.db'}", durability=durability)
    assert store._file.one("PRAGMA synchronous") == (synchronous,)
    store.close()

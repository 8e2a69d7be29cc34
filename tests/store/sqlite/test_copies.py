"""A copy is whole, whatever is written meanwhile, and nothing is there otherwise."""

import os
import shutil
import sqlite3
import threading
from contextlib import closing

import pytest

from poolwise import errors
from poolwise.schema import Decision, Outcome
from poolwise.store import open_store
from poolwise.store.sqlite.copies import copy


def pair(store):
    id = store.reserve(1)
    store.append_decision(Decision(id, "p", "c", "f", {}, "f", 0.5, "explored", 1.0))
    store.append_outcome(Outcome(id, "ok", 0.1, None, None, 2.0))


@pytest.fixture
def store(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path / 'a.db'}", seed=1)
    for _ in range(200):
        pair(opened)
    yield opened
    opened.close()


def test_a_copy_of_a_store_in_use_holds_what_was_acknowledged_before_it(store, tmp_path):
    stop = threading.Event()

    def write():
        while not stop.is_set():
            pair(store)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            acknowledged = store.answered()
            copy(tmp_path / "a.db", tmp_path / f"{number}.db")
            with closing(open_store(f"sqlite:///{tmp_path / f'{number}.db'}")) as found:
                assert found.answered() >= acknowledged >= 200
                assert found.seed == 1
                assert set(found.outcomes().decision) <= set(found.decisions().id)
    finally:
        stop.set()
        writer.join()
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".copy"]


def test_what_only_the_log_of_a_killed_process_holds_is_copied(store, tmp_path):
    (tmp_path / "left").mkdir()
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"a.db{end}", tmp_path / "left" / f"a.db{end}")
    copy(tmp_path / "left" / "a.db", tmp_path / "b.db")
    with closing(open_store(f"sqlite:///{tmp_path / 'b.db'}")) as found:
        assert found.answered() == 200


def test_nothing_is_copied_over_what_exists_or_beside_what_is_left(store, tmp_path):
    (tmp_path / "b.db").write_bytes(b"mine")
    (tmp_path / "c.db-wal").write_bytes(b"left")
    for name in ("b.db", "c.db", "no/d.db", "a.db"):
        with pytest.raises(errors.StoreError):
            copy(tmp_path / "a.db", tmp_path / name)
    assert (tmp_path / "b.db").read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {"a.db", "a.db-wal", "a.db-shm", "b.db", "c.db-wal"}


def test_a_damaged_store_is_not_copied(store, tmp_path):
    store.close()
    with (tmp_path / "a.db").open("r+b") as file:
        file.seek(4096 * 9)
        file.write(os.urandom(4096 * 3))
    with pytest.raises(errors.StoreDamaged):
        copy(tmp_path / "a.db", tmp_path / "b.db")
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_a_foreign_database_is_not_copied(tmp_path):
    with closing(sqlite3.connect(tmp_path / "x.db")) as db:
        db.execute("CREATE TABLE mine (x)")
    with pytest.raises(errors.StoreForeign):
        copy(tmp_path / "x.db", tmp_path / "b.db")
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


def test_a_plain_copy_of_a_store_in_use_is_completed_from_the_original(store, tmp_path):
    shutil.copy(tmp_path / "a.db", tmp_path / "plain.db")
    with closing(open_store(f"sqlite:///{tmp_path / 'plain.db'}")) as found:
        assert found.answered() == 200
        pair(found)
    pair(store)
    for name in ("a", "plain"):
        with closing(open_store(f"sqlite:///{tmp_path / name}.db")) as found:
            assert found.answered() == 201


def test_a_copy_that_was_whole_when_it_was_made_stays_what_it_was(store, tmp_path):
    store.close()
    shutil.copy(tmp_path / "a.db", tmp_path / "plain.db")
    copy(tmp_path / "a.db", tmp_path / "backup.db")
    with closing(open_store(f"sqlite:///{tmp_path / 'a.db'}")) as again:
        pair(again)
        for name in ("plain", "backup"):
            with closing(open_store(f"sqlite:///{tmp_path / name}.db")) as found:
                assert found.answered() == 200


def test_a_store_that_was_moved_goes_on(store, tmp_path):
    store.close()
    (tmp_path / "a.db").rename(tmp_path / "b.db")
    with closing(open_store(f"sqlite:///{tmp_path / 'b.db'}")) as found:
        pair(found)
        assert found.answered() == 201

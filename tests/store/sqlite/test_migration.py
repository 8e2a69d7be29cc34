"""A store of the first version is read by this one: its events, their order, and its views bit for bit."""

import sqlite3

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import StaticPool

from poolwise.store import open_store
from poolwise.store.sql import tables
from poolwise.store.sqlite import image
from poolwise.store.sqlite.place import APPLICATION
from poolwise.store.sqlite.store import sqlite_store

MEAN = np.array([0.1, 1 / 3])


@pytest.fixture
def old(tmp_path):
    """A file as the first version left it."""
    path = tmp_path / "old.db"
    with sqlite3.connect(path, isolation_level=None) as db:
        image.upgrade(db, "0001")
        db.execute("""INSERT INTO record (kind, body) VALUES ('store', '{"seed": 7}')""")
        for kind, name in (("project", "p"), ("context", "c"), ("arm", "f"), ("reason", "explored")):
            db.execute("INSERT INTO name VALUES (?, 0, ?)", (kind, name))
        db.execute("INSERT INTO policy VALUES (1, 'thompson', '{}')")
        db.execute("""INSERT INTO arm_list VALUES (1, '["f", "g"]')""")
        db.execute("INSERT INTO view VALUES (1, 0, 0, 1, 0, 0, 1, ?)", (b"mean:<f8:2\n" + MEAN.tobytes(),))
        db.executemany(
            "INSERT INTO decision VALUES (?, 0, 0, 0, 0.5, ?, ?, 0, -1)", [(1, 1, 3.0), (2, 1, 4.0), (4097, 0, 3.5)]
        )
        db.execute("INSERT INTO outcome (decision, status, utility, time) VALUES (4097, 0, 0.25, 5.0)")
        db.execute("INSERT INTO counter VALUES ('decision', 8192)")
    db.close()
    return path


def test_events_and_views_are_kept(old):
    store = open_store(f"sqlite:///{old}")
    assert store.seed == 7
    assert store.decisions().id.tolist() == [1, 4097, 2]
    assert store.outcomes().decision.tolist() == [4097]
    assert store.view(store.decision(2).view).arrays["mean"].tobytes() == MEAN.tobytes()
    assert store.reserve(1) == 8193
    store.close()


def test_it_is_marked_as_ours_and_can_only_grow(old):
    open_store(f"sqlite:///{old}").close()
    db = sqlite3.connect(old)
    assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
    found = db.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    kept = {(table, f"{table}_no_{verb}") for table in tables.APPEND_ONLY for verb in ("update", "delete")}
    assert set(found) == kept
    db.close()


def test_migrations_come_to_the_schema_that_is_stated():
    db = sqlite3.connect(":memory:", isolation_level=None)
    image.build(db, 1)
    found = inspect(create_engine("sqlite://", creator=lambda: db, poolclass=StaticPool))
    for table in tables.metadata.sorted_tables:
        assert {column["name"] for column in found.get_columns(table.name)} == set(table.columns.keys())
    assert set(found.get_table_names()) == {*tables.metadata.tables, "alembic_version"}
    db.close()


def test_a_store_in_memory_is_whole():
    store = sqlite_store(None, seed=3)
    assert (store.seed, store.made(), store.answered()) == (3, 0, 0)
    store.close()

"""A file that cannot be used is refused and left as it was; a killed writer loses nothing it acknowledged."""

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import numpy as np
import pytest

from poolwise import errors
from poolwise.schema import Decision
from poolwise.store import open_store
from poolwise.store.sqlite import create
from poolwise.store.sqlite.store import sqlite_store


def made(store):
    return Decision(store.reserve(1), "p", "c", "f", {}, "f", 0.5, "explored", 1.0)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.db"
    store = open_store(f"sqlite:///{path}")
    for _ in range(300):
        store.append_decision(made(store))
    store.close()
    return path


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda path: path.write_bytes(b""), errors.StoreDamaged),
        (lambda path: path.write_bytes(b"not a database at all" * 10), errors.StoreDamaged),
        (lambda path: os.truncate(path, path.stat().st_size // 2), errors.StoreDamaged),
        (lambda path: os.truncate(path, 50), errors.StoreDamaged),
    ],
    ids=["empty", "text", "half", "fifty bytes"],
)
def test_damaged_files(path, damage, error):
    damage(path)
    before = path.read_bytes()
    with pytest.raises(error, match="restore it from a backup"):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_newer_and_foreign_files(path, tmp_path):
    with sqlite3.connect(path) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.close()
    with pytest.raises(errors.StoreNewer, match="upgrade Poolwise"):
        open_store(f"sqlite:///{path}")
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(errors.StoreForeign, match="no Poolwise store"):
        open_store(f"sqlite:///{tmp_path / 'other.db'}")


def test_a_store_that_was_not_finished_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(create.image, "image", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        open_store(f"sqlite:///{tmp_path / 'a.db'}")
    assert list(tmp_path.iterdir()) == []


def test_whoever_creates_a_store_first_creates_it_for_all(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(open_store, [f"sqlite:///{tmp_path / 'a.db'}"] * 4))
    assert len({store.seed for store in stores}) == 1
    for store in stores:
        store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_a_lock_held_too_long(path):
    store = sqlite_store(str(path), wait=0.05)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(errors.StoreLocked, match="locked by another process"):
            store.append_decision(made(store))
        other.execute("ROLLBACK")
    other.close()
    store.append_decision(made(store))
    assert store.counts()["decisions"] == 301
    store.close()


def test_events_cannot_be_changed(path):
    with sqlite3.connect(path) as db:
        for statement in ("UPDATE decision SET probability = 1", "DELETE FROM decision"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("sqlite:////nowhere/at/all/a.db", errors.StoreError, "does not exist"),
        ("sqlite:////tmp", errors.StoreError, "is a folder"),
        ("redis://x", errors.InputError, "no known kind"),
        ("a.db", errors.InputError, "no known kind"),
    ],
)
def test_places_that_cannot_hold_a_store(url, error, message):
    with pytest.raises(error, match=message):
        open_store(url)


READS = [
    lambda store: store.decisions(),
    lambda store: store.outcomes(),
    lambda store: store.snapshots(),
    lambda store: store.counts(),
    lambda store: [store.decision(id) for id in range(1, 300, 7)],
    lambda store: store.open_decisions(9.0),
    lambda store: store.append_decision(made(store)),
]


def test_damage_anywhere_is_an_error_of_ours(path):
    """Bytes overwritten at random places of 60 copies."""
    random, whole = np.random.default_rng(4), path.read_bytes()
    for number in range(60):
        damaged, place = bytearray(whole), path.with_name(f"{number}.db")
        for at in random.integers(100, len(whole) - 40, random.choice([1, 5, 40])):
            damaged[at : at + 20] = random.bytes(20)
        place.write_bytes(damaged)
        try:
            store = open_store(f"sqlite:///{place}")
        except errors.StoreError:
            continue
        for read in READS:
            with suppress(errors.PoolwiseError):
                read(store)
        store.close()


@pytest.mark.parametrize(
    "options", [{"lock_wait": "x"}, {"durability": 1}, {"seed": "x"}, {"seed": -1}, {"look": 3}, {"create": None}]
)
@pytest.mark.parametrize("url", ["memory://", "sqlite://"])
def test_options_of_a_store_are_checked(url, options):
    with pytest.raises(errors.InputError):
        open_store(url, **options)


@pytest.mark.parametrize("url", [None, 3, ["memory://"]])
def test_the_address_of_a_store_is_text(url):
    with pytest.raises(errors.InputError):
        open_store(url)


@pytest.mark.parametrize("body", ['{"path": "a\nb"}', "[]", '{"path": 3}', "{}", b"\xff"])
def test_a_store_opens_whatever_its_record_of_its_home_says(path, body):
    sqlite_store(path).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("INSERT INTO record (kind, body) VALUES ('home', ?)", (body,))
    sqlite_store(path).close()
    store = sqlite_store(path)
    assert store.records("home")[-1] == {"path": str(path)}
    store.close()

"""What lies at a path is judged before anything is written: right, or refused and left byte for byte as it was."""

import os
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from poolwise import errors
from poolwise.schema import Decision
from poolwise.store import open_store

NAMES = ["what?.db", "100%.db", "a b.db", "x#1.db", "%41.db", "file:x.db", "ä'\";.db", "no_ending", "a?mode=memory.db"]


def filled(path, count=3):
    store = open_store(f"sqlite:///{path}", seed=5)
    for _ in range(count):
        store.append_decision(Decision(store.reserve(1), "p", "c", "f", {}, "f", 0.5, "explored", 1.0))
    return store


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_name(tmp_path, name):
    filled(tmp_path / name).close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    store = open_store(f"sqlite:///{tmp_path / name}", create=False)
    assert store.made() == 3
    store.close()


def test_symbolic_links_are_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "a.db")
    filled(tmp_path / "link.db").close()
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["a.db"]
    (tmp_path / "loop.db").symlink_to(tmp_path / "loop.db")
    with pytest.raises(errors.StoreError):
        open_store(f"sqlite:///{tmp_path / 'loop.db'}")


def test_a_file_of_two_names_is_refused_and_a_draft_that_is_left_is_none(tmp_path):
    filled(path := tmp_path / "a.db").close()
    os.link(path, tmp_path / "a.db.0123456789abcdef.new")
    open_store(f"sqlite:///{path}").close()
    os.link(path, tmp_path / "b.db")
    before = bytes_of(tmp_path)
    for name in ("a.db", "b.db"):
        with pytest.raises(errors.StoreError, match="another name"):
            open_store(f"sqlite:///{tmp_path / name}")
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "memory://"])
def test_stores_in_memory(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_store(url).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["sqlite:///", "sqlite:a.db", "sqlite://a.db", "", "sqlite:///a\x00b", "SQLITE:///a.db"]
)
def test_urls_that_mean_no_file(url):
    with pytest.raises(errors.InputError):
        open_store(url)


def other(version):
    def make(path):
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE studies (id INTEGER)")
            if version:
                db.execute("CREATE TABLE alembic_version (version_num TEXT)")
                db.execute("INSERT INTO alembic_version VALUES (?)", (version,))
        db.close()

    return make


def marked(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA application_id = 77")
        db.execute("CREATE TABLE name (x)")
    db.close()


def logged(path):
    """As another program's killed process leaves it: a log that is not yet in the file."""
    code = f"""import os, sqlite3
db = sqlite3.connect({str(path)!r}); db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE x (y)"); db.commit(); os.kill(os.getpid(), 9)"""
    subprocess.run(["python3", "-c", code], check=False)
    path.with_name(path.name + "-shm").unlink()


def half(path):
    filled(path, 300).close()
    os.truncate(path, path.stat().st_size // 2)


FOREIGN = {
    "none": (other(None), errors.StoreForeign),
    "same version": (other("0001"), errors.StoreForeign),
    "higher version": (other("9999"), errors.StoreForeign),
    "hash": (other("0000abc12345"), errors.StoreForeign),
    "application": (marked, errors.StoreForeign),
    "log": (logged, errors.StoreForeign),
    "empty": (lambda path: path.write_bytes(b""), errors.StoreDamaged),
    "text": (lambda path: path.write_bytes(b"no database" * 30), errors.StoreDamaged),
    "magic alone": (lambda path: path.write_bytes(b"SQLite format 3\x00" * 90), errors.StoreForeign),
    "half": (half, errors.StoreDamaged),
    "folder": (lambda path: path.mkdir(), errors.StoreError),
    "pipe": (os.mkfifo, errors.StoreError),
}


@pytest.mark.parametrize(("make", "error"), FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_ours_is_left_as_it_was(tmp_path, make, error):
    make(tmp_path / "x.db")
    before = bytes_of(tmp_path)
    with pytest.raises(error):
        open_store(f"sqlite:///{tmp_path / 'x.db'}")
    assert bytes_of(tmp_path) == before


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_a_new_store_inherits_nothing(tmp_path, end):
    (tmp_path / f"x.db{end}").write_bytes(b"what is left")
    with pytest.raises(errors.StoreError, match="was removed"):
        open_store(f"sqlite:///{tmp_path / 'x.db'}")
    assert [path.name for path in tmp_path.iterdir()] == [f"x.db{end}"]


def test_an_index_alone_is_nothing_to_inherit(tmp_path):
    (tmp_path / "x.db-shm").write_bytes(b"x" * 32768)
    store = filled(tmp_path / "x.db")
    assert store.made() == 3
    store.close()


def test_a_journal_of_another_database_is_not_played_into_a_store(tmp_path):
    filled(tmp_path / "x.db").close()
    (tmp_path / "x.db-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(2000))
    before = bytes_of(tmp_path)
    with pytest.raises(errors.StoreDamaged, match="journal"):
        open_store(f"sqlite:///{tmp_path / 'x.db'}")
    assert bytes_of(tmp_path) == before


def test_drafts_of_killed_creators_are_swept_and_nothing_else(tmp_path):
    for name in ("x.db.0123abcd.new", "x.db.mine.new", "y.db.0123abcd.new"):
        (tmp_path / name).write_bytes(b"draft")
    filled(tmp_path / "x.db").close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.db", "x.db.mine.new", "y.db.0123abcd.new"]


def test_many_creators_at_once_make_one_store(tmp_path):
    gate, count = threading.Barrier(8), 8

    def create(seed):
        gate.wait()
        return open_store(f"sqlite:///{tmp_path / 'x.db'}", seed=seed)

    with ThreadPoolExecutor(count) as pool:
        stores = list(pool.map(create, range(count)))
    assert len({store.seed for store in stores}) == 1
    for store in stores:
        store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]

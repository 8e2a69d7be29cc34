"""Looking changes nothing, and works where nothing may be written."""

import shutil
import subprocess
from contextlib import closing

import pytest

from poolwise import ArmSpace, Engine, Family, errors
from poolwise.schema import Decision, LoggedView, Outcome, Snapshot
from poolwise.store import Checkpoint, MemoryStore, open_store
from poolwise.store.read_only import looking

SPACE = ArmSpace([Family("default"), Family("fast"), Family("slow")], "default")
EVENTS = {
    "reserve": lambda store: store.reserve(1),
    "view": lambda store: store.append_view(LoggedView(0, "p", "c", 1, 0, 0, ("f",), {})),
    "decide": lambda store: store.append_decision(Decision(1, "p", "c", "f", {}, "f", 0.5, "explored", 1.0)),
    "observe": lambda store: store.append_outcome(Outcome(1, "ok", 0.1, None, None, 2.0)),
}


@pytest.fixture
def folder(tmp_path):
    """A store with 40 pairs on a disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a disk needs root")
    with closing(Engine.open(f"sqlite:///{place / 'a.db'}", SPACE, seed=1)) as engine:
        for _ in range(40):
            engine.observe(engine.decide("p", "c").id, utility=0.1)
        shutil.copytree(place, tmp_path / "copy")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def freeze(folder):
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)


def test_on_a_disk_that_may_not_be_written(folder):
    freeze(folder)
    url = f"sqlite:///{folder / 'a.db'}"
    with closing(open_store(url, look=True)) as store:
        assert (store.answered(), store.made(), store.read_only) == (40, 40, True)
    with pytest.raises(errors.StoreReadOnly):
        open_store(url)
    with pytest.raises(errors.StoreReadOnly):
        open_store(f"sqlite:///{folder / 'new.db'}")


def test_what_lies_in_a_log_that_cannot_be_read_is_not_left_out_in_silence(folder, tmp_path):
    (folder / "a.db").unlink()
    for end in ("", "-wal"):
        shutil.copy(tmp_path / "copy" / f"a.db{end}", folder / f"a.db{end}")
    freeze(folder)
    with pytest.raises(errors.StoreReadOnly, match="copy both"):
        open_store(f"sqlite:///{folder / 'a.db'}", look=True)


def test_looking_changes_no_byte_while_the_engine_notes_what_it_likes(tmp_path):
    Engine.open(f"sqlite:///{tmp_path / 'a.db'}", SPACE, seed=1).close()
    before = (tmp_path / "a.db").read_bytes()
    with closing(open_store(f"sqlite:///{tmp_path / 'a.db'}", look=True)) as store:
        assert store.intern("arm", ["default", "new"]).tolist() == [0, 3]
        assert store.names("arm")[3] == "new"
        assert store.policy(store.add_policy("ucb", {"c": 1.0})) == ("ucb", {"c": 1.0})
        snapshot = Snapshot(0, 1.0, None, "fast", "serving", "asked", 0, {}, {})
        number = store.append_snapshot(snapshot)
        assert store.snapshots()[-1] == snapshot._replace(id=number)
        store.save_checkpoint("x", Checkpoint(0, 0, b""))
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]
    assert (tmp_path / "a.db").read_bytes() == before


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_events_are_refused(event):
    with pytest.raises(errors.StoreReadOnly, match="look=True"):
        event(looking(MemoryStore(1)))

"""A partitioned log: the same statistics as its store, a partition folded once, late outcomes reopen theirs alone."""

import json
import os
import shutil
import signal
from contextlib import closing
from functools import partial

import numpy as np
import pyarrow.parquet as pq
import pytest

from poolwise import compute, errors
from poolwise.engine import Engine, Settings
from poolwise.refit import aggregate
from poolwise.refit.archive import partitions, reading
from poolwise.schema import Decision, Outcome
from poolwise.store import open_store
from poolwise.store.base import Removal
from poolwise.store.partitions import archive
from tests.refit.problems import SPACE, engine

ARMS = [arm.id for arm in SPACE.arms]
DAY = 86_400.0
COUNT = 60


@pytest.fixture
def place(tmp_path):
    """A store with four days of decisions, all answered but one in ten, and an archive of it."""
    url = f"sqlite:///{tmp_path}/jobs.db"
    random = np.random.default_rng(5)
    with closing(open_store(url, seed=1)) as store:
        for number in range(COUNT):
            decide(store, random, DAY * (number * 4 // COUNT), answered=number % 10 > 0)
    archive(url, tmp_path / "archive")
    return url, tmp_path / "archive"


def decide(store, random, time, *, answered=True):
    id = store.reserve(1)
    arm = str(random.choice(ARMS))
    names = (f"project-{random.integers(3)}", f"context-{random.integers(2)}")
    store.append_decision(Decision(id, *names, arm, {}, arm, 0.5, "explored", time, None, 0))
    if answered:
        answer(store, id, float(random.normal()), time + 1)
    return id


def answer(store, id, utility, time):
    store.append_outcome(Outcome(id, "ok" if utility > -1 else "failed", utility, None, None, time))


def read(folder, executor=compute.LOCAL, problem=None):
    return reading.read(f"{folder}/**", problem or engine(0).problem(), executor)


def folds(monkeypatch):
    """The days that are folded from now on."""
    seen, real = [], partitions.folded

    def recorded(asked, resolution, place):
        seen.append(place.day)
        return real(asked, resolution, place)

    monkeypatch.setattr(partitions, "folded", recorded)
    return seen


def same(found, expected, exact=False):
    order = [found.projects.index(name) for name in expected.projects]
    cells = np.ix_(order, [found.contexts.index(name) for name in expected.contexts], range(len(ARMS)))
    for a, b in zip((*found.stats, found.tried, found.succeeded),
                    (*expected.stats, expected.tried, expected.succeeded), strict=True):  # fmt: skip
        np.testing.assert_allclose(a[cells], b, rtol=0 if exact else 1e-12, atol=0 if exact else 1e-12)
    assert found.outcomes == expected.outcomes


def test_it_says_what_the_store_says(place):
    url, folder = place
    same(read(folder), aggregate.read(url, engine(0).problem()))
    assert sorted(path.name for path in (folder / "workspace=jobs").glob("day=*")) == [
        f"day=1970-01-0{day}" for day in (1, 2, 3, 4)
    ]


def test_each_partition_is_folded_once_and_a_new_day_alone(place, monkeypatch):
    url, folder = place
    seen = folds(monkeypatch)
    first = read(folder)
    assert len(seen) == 4
    same(read(folder), first, exact=True)
    assert len(seen) == 4
    with closing(open_store(url)) as store:
        decide(store, np.random.default_rng(0), 4 * DAY)
    assert archive(url, folder).days == ("1970-01-05",)
    same(read(folder), aggregate.read(url, engine(0).problem()))
    assert seen[4:] == ["1970-01-05"]


def test_a_late_outcome_reopens_its_day_only(place, monkeypatch):
    url, folder = place
    read(folder)
    seen = folds(monkeypatch)
    with closing(open_store(url)) as store:
        answer(store, int(store.open_decisions(np.inf)[2]), 0.5, 30 * DAY)
    done = archive(url, folder)
    assert (done.rows, done.days, done.reopened) == (1, ("1970-01-02",), ("1970-01-02",))
    same(read(folder), aggregate.read(url, engine(0).problem()))
    assert seen == ["1970-01-02"]
    assert archive(url, folder).days == ()


def test_what_was_kept_gives_the_numbers_of_a_first_time(place, tmp_path):
    _, folder = place
    first = read(folder)
    kept = folder / "workspace=jobs" / "folded" / "all.npz"
    kept.unlink()
    same(read(folder), first, exact=True)


def test_other_settings_fold_again(place, monkeypatch):
    _, folder = place
    read(folder)
    seen = folds(monkeypatch)
    problem = engine(0).problem()
    narrow = read(folder, problem=problem._replace(limit=0.1, settings=Settings(utility_limit=0.1)))
    assert len(seen) == 4
    assert np.abs(narrow.stats.total).max() <= 0.1 * narrow.stats.count.max()


def test_what_is_taken_back_leaves_the_archive(place):
    url, folder = place
    with closing(open_store(url)) as store:
        store.undo(Removal({"order": "withdraw"}, until=DAY), 40 * DAY)
    archive(url, folder)
    same(read(folder), aggregate.read(url, engine(0).problem()))


def damage(folder):
    path = folder / "workspace=jobs" / "day=1970-01-02" / "events.parquet"
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


def lose(folder):
    (folder / "workspace=jobs" / "day=1970-01-02" / "events.parquet").unlink()


def twice(folder):
    (folder / "copy").mkdir()
    (folder / "workspace=jobs").rename(folder / "copy" / "workspace=jobs")
    source = folder / "copy" / "workspace=jobs"
    for path in [source, *source.rglob("*")]:
        other = folder / path.relative_to(folder / "copy")
        other.mkdir() if path.is_dir() else other.write_bytes(path.read_bytes())


def stray(folder):
    path = folder / "workspace=jobs" / "day=1970-01-02" / "events.parquet"
    path.with_name("more.parquet").write_bytes(path.read_bytes())


def garbled(folder):
    path = folder / "workspace=jobs" / "manifest.json"
    path.write_text(path.read_text().replace("1970-01-02", "1970-01-22"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damage, "1970-01-02/events.parquet is not what was written.*restore it"),
        (lose, "1970-01-02/events.parquet cannot be read.*restore it"),
        (twice, "same partition, which would be folded twice"),
        (stray, "more.parquet is not in the manifest"),
        (garbled, "manifest.json is damaged"),
    ],
)
def test_what_is_wrong_is_found_before_anything_is_learned(place, change, message):
    _, folder = place
    change(folder)
    with pytest.raises(errors.DataError, match=message):
        read(folder)


def flipped(path):
    body = bytearray(path.read_bytes())
    body[body.index(b"total.npy") + 200] ^= 1
    path.write_bytes(body)


def other(path):
    """What was kept of another partition."""
    path.write_bytes(path.with_name("1970-01-02.npz").read_bytes())


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"no"), flipped, other], ids=["none", "bit", "other"])
def test_kept_statistics_that_were_changed_are_found(place, change):
    _, folder = place
    first = read(folder)
    own = folder / "workspace=jobs" / "folded"
    change(own / "all.npz")
    same(read(folder), first, exact=True)
    change(own / "all.npz")
    change(own / "1970-01-03.npz")
    with pytest.raises(errors.DataError, match=r"1970-01-03\.npz is not what was kept: delete it"):
        read(folder)
    (own / "1970-01-03.npz").unlink()
    same(read(folder), first, exact=True)


def test_an_interrupted_fold_goes_on(place, monkeypatch):
    _, folder = place
    real = partitions.folded

    def stopping(asked, resolution, place):
        if place.day.endswith("3"):
            raise KeyboardInterrupt
        return real(asked, resolution, place)

    monkeypatch.setattr(partitions, "folded", stopping)
    with pytest.raises(KeyboardInterrupt):
        read(folder)
    assert len(json.loads((folder / "workspace=jobs" / "folded.json").read_text())) == 2
    monkeypatch.setattr(partitions, "folded", real)
    seen = folds(monkeypatch)
    read(folder)
    assert seen == ["1970-01-03", "1970-01-04"]


def costs(store, random, time, cost):
    """Costs alone of a job that recurs."""
    id, arm = store.reserve(1), str(random.choice(ARMS[1:]))
    store.append_decision(Decision(id, "p", "c", arm, {}, arm, 0.5, "explored", time, "job", 0))
    store.append_outcome(Outcome(id, "ok", -np.log(cost) if cost else 0.0, cost, None, time))


def test_costs_alone_and_costs_of_nothing_are_learned_as_from_one_file(tmp_path):
    random, url = np.random.default_rng(2), f"sqlite:///{tmp_path}/costs.db"
    with closing(open_store(url, seed=1)) as store:
        for number in range(40):
            costs(store, random, DAY * (number // 10), float(random.uniform(1, 3)))
    archive(url, tmp_path / "archive")
    files = tmp_path / "archive" / "workspace=costs" / "day=*" / "events.parquet"
    plain = aggregate.read(str(files), engine(0).problem())
    same(read(tmp_path / "archive"), plain)


def dying(marks, asked, resolution, place):
    """Folds every partition the second time that it is asked to, and is killed the first time."""
    mark = marks / place.day
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return partitions.folded(asked, resolution, place)


def refitted(folder, **options):
    """A refit from nothing of all partitions: what its snapshot says, and no time."""
    own = folder / "workspace=jobs"
    shutil.rmtree(own / "folded", ignore_errors=True)
    (own / "folded.json").unlink(missing_ok=True)
    made = Engine.open("memory://", SPACE, seed=0, settings=Settings(estimate="inline"))
    found = made.refit(source=f"{folder}/**", **options)
    timeless = {name: value for name, value in found.diagnostics.items() if "seconds" not in name}
    return found._replace(time=0.0, diagnostics=timeless)


@pytest.mark.parametrize("address", ["local", pytest.param("ray://local", marks=pytest.mark.cluster)])
def test_a_refit_gives_the_same_snapshot_wherever_partitions_are_folded(place, address, monkeypatch, tmp_path):
    """To the bit; and where the worker of every partition is killed once."""
    _, folder = place
    if address != "local":
        pytest.importorskip("ray", reason="Ray is not installed: pip install 'poolwise[ray]'")
    alone = refitted(folder)
    assert alone.diagnostics["rows"] == COUNT - COUNT // 10
    with compute.opened(address, 2):
        assert refitted(folder, executor=address, workers=2) == alone
        monkeypatch.setattr(partitions, "folded", partial(dying, tmp_path))
        assert refitted(folder, executor=address, workers=2) == alone
    assert len(list(tmp_path.glob("1970-*"))) == 4


def test_what_was_known_of_a_job_survives_and_changes_no_sum(tmp_path):
    """Beside days that were written before anything was known of any job."""
    url, random = f"sqlite:///{tmp_path}/jobs.db", np.random.default_rng(2)
    with closing(open_store(url, seed=1)) as store:
        decide(store, random, 0.0)
        archive(url, tmp_path / "archive")
        store.intern("feature", ["size", "depth"])
        for known in ((3.0, np.nan), None, (np.nan, np.nan), (4.0, 1.0)):
            id, arm = store.reserve(1), ARMS[1]
            store.append_decision(Decision(id, "p", "c", arm, {}, arm, 0.5, "explored", 9.0, None, 0, known))
            answer(store, id, 0.1, 10.0)
    archive(url, tmp_path / "archive")
    (file,) = (tmp_path / "archive").glob("*/*/*.parquet")
    rows = pq.read_table(file, partitioning=None).sort_by("decision")["features"].to_pylist()
    assert rows == [None, [("size", 3.0)], None, None, [("size", 4.0), ("depth", 1.0)]]
    assert read(tmp_path / "archive").outcomes == 5
    with closing(open_store(url, look=True)) as store:
        assert np.isnan(store.features(np.array([1]))).all()

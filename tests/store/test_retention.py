"""What is old leaves the store into files that hold it whole; what is young, and what was learned, stays."""

from contextlib import closing

import numpy as np
import pyarrow.parquet as pq
import pytest

from poolwise import errors
from poolwise.schema import Decision, LoggedView, Outcome
from poolwise.store import Checkpoint, open_store
from poolwise.store.retention import retain
from tests.stores import URLS

FAR = 1e9


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    """Ten pairs at times 0 to 9, each with a view, in two contexts; every third decision was not answered."""
    url = URLS[request.param](request)
    with closing(open_store(url, seed=1)) as store:
        policy = store.add_policy("thompson", {"t": 1.0})
        for when in range(10):
            context = "xy"[when % 2]
            arrays = {"mean": np.array([0.1, when]), "allowed": np.array([True, False])}
            view = store.append_view(LoggedView(0, "p", context, policy, 1, when, ("f", "g"), arrays))
            id = store.reserve(1)
            store.append_decision(
                Decision(id, "p", context, "f", {}, "f", 0.5, "explored", when, "j" if when else None, view)
            )
            if when % 3:
                store.append_outcome(Outcome(id, "ok", 0.1 * when, None, 1.5, when + 0.5))
    return url


@pytest.fixture
def place(url, tmp_path):
    return url, tmp_path / "archive"


def tables(found):
    return {file.rsplit("/", 1)[1].split("-")[0]: pq.read_table(file).to_pylist() for file in found.files}


def test_old_views_are_archived_and_the_newest_of_a_cell_stay(url, place):
    found = retain(*place, views=5.0)
    assert (found.views, found.decisions) == (5, 0)
    rows = tables(found)["views"]
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[3]["arrays"] == [("mean", [0.1, 3.0]), ("allowed", [1.0, 0.0])]
    assert [rows[3][name] for name in ("project", "context", "policy")] == ["p", "y", "thompson"]
    assert rows[3]["arms"] == ["f", "g"]
    with closing(open_store(url)) as store:
        assert store.view(6).outcomes == 5
        with pytest.raises(errors.UnknownDecision, match="retention"):
            store.view(5)
        assert (store.made(), store.answered()) == (10, 6)
    again = retain(*place, views=FAR)
    assert [row["id"] for row in tables(again)["views"]] == [6, 7, 8]


def test_events_leave_as_far_as_a_checkpoint_holds_them(url, place):
    with pytest.raises(errors.StoreError, match="no checkpoint"):
        retain(*place, events=FAR)
    with closing(open_store(url)) as store:
        store.save_checkpoint("statistics", Checkpoint(3, 7, b"learned"))
        before = store.outcomes(), store.decisions()
    found = retain(*place, events=FAR)
    rows = tables(found)
    assert [row["sequence"] for row in rows["outcomes"]] == [1, 2, 3]
    assert (rows["outcomes"][0]["status"], rows["outcomes"][0]["utility"]) == ("ok", 0.1)
    assert [row["id"] for row in rows["decisions"]] == [1, 2, 3, 4, 5, 7]  # 6 is answered after the checkpoint.
    assert (rows["decisions"][0]["job"], rows["decisions"][1]["job"]) == (None, "j")
    with closing(open_store(url)) as store:
        assert store.pruned() == (3, 7)
        assert (store.made(), store.answered(), store.counts()["open"]) == (10, 6, 1)
        for name, column in before[0]._asdict().items():
            np.testing.assert_array_equal(getattr(store.outcomes(after=3), name), column[3:])
        assert store.decisions(after=7).id.tolist() == before[1].id[7:].tolist()
        assert store.outcomes().decision.tolist() == store.outcomes(after=3).decision.tolist()
        with pytest.raises(errors.StorePruned, match="archived"):
            store.outcomes(after=0)
        with pytest.raises(errors.StorePruned):
            store.decisions(after=6)
        with pytest.raises(errors.UnknownDecision):
            store.append_outcome(Outcome(2, "ok", 0.1, None, 1.5, 2.0))
        assert store.checkpoint("statistics").body == b"learned"


@pytest.mark.parametrize("cut", [-1.0, 0.0, 2.0, 4.4, 4.6, 9.7, FAR])
def test_nothing_young_leaves_and_cursors_go_on(url, place, cut):
    with closing(open_store(url)) as store:
        store.save_checkpoint("statistics", Checkpoint(store.answered(), store.made(), b""))
    found = retain(*place, events=cut)
    for kind, rows in tables(found).items():
        assert all(row["time"] < cut for row in rows), kind
    with closing(open_store(url)) as store:
        first = store.pruned()[0]
        assert len(store.outcomes(after=first).decision) == 6 - found.outcomes == 6 - first
        assert len(store.decisions().id) == 10 - found.decisions
        store.append_decision(Decision(id := store.reserve(1), "p", "x", "f", {}, "f", 0.5, "explored", 11.0))
        store.append_outcome(Outcome(id, "ok", 0.1, None, None, 12.0))
        assert (store.made(), store.answered()) == (11, 7)


def test_what_was_known_of_a_job_is_archived_by_name(url, place):
    with closing(open_store(url)) as store:
        store.intern("feature", ["size", "depth", "later"])
        known = Decision(store.reserve(1), "p", "x", "f", {}, "f", 0.5, "explored", 1.0, None, 0, (3.0, np.nan))
        for one in (known, known._replace(id=store.reserve(1), features=None), known._replace(id=store.reserve(1))):
            store.append_decision(one)
        store.save_checkpoint("statistics", Checkpoint(6, 13, b"learned"))
    rows = {row["id"]: row["features"] for row in tables(retain(*place, events=FAR))["decisions"]}
    assert rows[known.id] == [("size", 3.0)]
    assert [found for id, found in rows.items() if id != known.id] == [[]] * (len(rows) - 1)


def test_nothing_leaves_a_store_whose_archive_cannot_be_written(url, place):
    place[1].write_text("no folder")
    with pytest.raises(errors.StoreError, match="nothing was pruned"):
        retain(*place, views=FAR)
    with closing(open_store(url)) as store:
        assert store.view(1).outcomes == 0


def test_the_tables_can_only_grow_afterwards(url, place):
    retain(*place, views=FAR)
    with closing(open_store(url)) as store, pytest.raises(errors.StoreError, match="append-only"):
        store._file.write("DELETE FROM view", ())

"""Every store keeps the same promises: idempotent outcomes, names that stay, exact views, nothing lost or doubled."""

from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poolwise.errors import ConflictingOutcome, UnknownDecision
from poolwise.schema import Decision, LoggedView, Outcome, Snapshot
from poolwise.store import Checkpoint, DecisionColumns, MemoryStore, OutcomeColumns, open_store
from poolwise.store.base import Removal
from poolwise.store.sqlite.store import sqlite_store
from tests.stores import URLS


@pytest.fixture(params=URLS)
def url(request):
    return URLS[request.param](request)


@pytest.fixture
def store(url):
    opened = open_store(url, seed=5)
    yield opened
    opened.close()


def decision(store, **changes):
    made = Decision(store.reserve(1), "p", "c", "f", {}, "f(x=1)", 0.25, "explored", 10.0, None, 0)
    return made._replace(**changes)


def outcome(id, utility=0.1, status="ok"):
    return Outcome(id, status, utility, None, 1.5, 20.0)


def columns(outcomes):
    codes = [("ok", "failed", "timeout").index(one.status) for one in outcomes]
    none = np.full(len(outcomes), -1)
    numbers = [np.array([one.utility for one in outcomes])]
    numbers += [np.array([np.nan if one[i] is None else one[i] for one in outcomes]) for i in (3, 4, 5)]
    ids = np.array([one.decision for one in outcomes], dtype=np.int64)
    return OutcomeColumns(ids, none, none, none, none, np.array(codes, dtype=np.int8), *numbers)


def test_what_goes_in_comes_out(store):
    made = decision(store, job="file.lean")
    store.append_decision(made)
    assert store.decision(made.id) == made
    assert store.append_outcome(outcome(made.id))
    assert store.outcome(made.id) == outcome(made.id)
    read = store.outcomes()
    assert (read.decision[0], read.utility[0], read.baseline_cost[0]) == (made.id, 0.1, 1.5)
    assert np.isnan(read.cost[0])
    assert store.names("job")[read.job[0]] == "file.lean"


def test_features_come_out_to_the_bit_and_none_where_there_were_none(store):
    store.intern("feature", ["size", "depth"])
    for kind in ("project", "context", "arm", "reason", "job"):
        store.intern(kind, ["a"])
    known = decision(store, features=(1 / 3, np.inf))
    plain, short = decision(store), decision(store, features=(7.0,))
    for one in (known, plain, short):
        store.append_decision(one)
        assert store.decision(one.id) == one
    first = store.reserve(2)
    block = DecisionColumns(np.arange(first, first + 2), *[np.zeros(2, int)] * 3, np.ones(2), *[np.zeros(2, int)] * 4)
    store.append_decisions(block, np.array([[1e12, np.nan], [-0.5, 2.0]]))
    rows = store.features(np.array([first + 1, plain.id, known.id, first, short.id]))
    nan = np.nan
    np.testing.assert_array_equal(rows, [[-0.5, 2.0], [nan, nan], [1 / 3, np.inf], [1e12, nan], [7.0, nan]])
    np.testing.assert_array_equal(store.decision(first).features, (1e12, nan))


def test_features_of_a_forgotten_project_are_gone(store):
    for kind, name in (("feature", "size"), ("project", "p"), ("context", "c")):
        store.intern(kind, [name])
    made = decision(store, features=(3.0,))
    store.append_decision(made)
    store.undo(Removal({"undo": "forget"}, forget=True, project="p"), 1.0)
    assert np.isnan(store.features(np.array([made.id]))).all()


def test_names_keep_their_index(store):
    assert store.intern("project", ["b", "a", "b"]).tolist() == [0, 1, 0]
    assert store.intern("project", ["c", "a"]).tolist() == [2, 1]
    assert store.names("project") == ["b", "a", "c"]
    assert store.names("context") == []


def test_views_are_exact(store):
    arrays = {"mean": np.array([0.1, 1 / 3]), "allowed": np.array([True, False]), "baseline": np.asarray(1)}
    arrays["wider"] = np.random.default_rng(0).normal(size=(2, 2))
    view = LoggedView(0, "p", "c", store.add_policy("thompson", {"temperature": 0.5}), 3, 7, ("a", "b"), arrays)
    key = store.append_view(view)
    store.append_decision(decision(store, view=key))
    read = store.view(key)
    assert (read.project, read.context, read.snapshot, read.outcomes, read.arms) == ("p", "c", 3, 7, ("a", "b"))
    for name, value in arrays.items():
        assert read.arrays[name].dtype == value.dtype
        assert read.arrays[name].tobytes() == value.tobytes()
        assert read.arrays[name].shape == value.shape
    assert store.policy(read.policy) == ("thompson", {"temperature": 0.5})


def test_many_decisions_are_like_single_ones(store):
    names = {kind: store.intern(kind, ["x", "y"]) for kind in ("project", "context", "arm", "reason")}
    n, first = 5, store.reserve(5)
    code = np.array([0, 1, 0, 1, 1])
    columns = DecisionColumns(
        np.arange(first, first + n),
        code,
        code,
        code,
        np.full(n, 0.5),
        np.zeros(n, int),
        np.ones(n),
        code,
        -np.ones(n, int),
    )
    store.append_decisions(columns)
    assert store.decision(first + 1).arm == "y"
    assert store.decisions().arm.tolist() == names["arm"][code].tolist()
    assert store.open_decisions(2.0).tolist() == columns.id.tolist()
    assert store.open_decisions(1.0).tolist() == []


def emptied(request):
    """A workspace of which the server has forgotten all but how it is made."""
    server = request.getfixturevalue("server")
    open_store(server.url("emptied"), seed=1).close()
    server.empty("emptied")
    return open_store(server.url("emptied"))


EMPTY = {
    "memory": lambda request: MemoryStore(1),
    "sqlite": lambda request: sqlite_store(None, seed=1),
    "postgresql": emptied,
}
reports = st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.1, 0.2])), max_size=25)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reports, st.booleans())
@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgresql"])
def test_any_order_of_reports_against_a_dictionary(kind, request, reports, batch):
    with closing(EMPTY[kind](request)) as store:
        _check_reports(store, reports, batch)


def _check_reports(store, reports, batch):
    kept = {}
    known = [decision(store) for _ in range(5)]
    for made in known:
        store.append_decision(made)
    ids = [made.id for made in known] + [10**7, 10**8]
    rows = [outcome(ids[i], utility) for i, utility in reports]
    expected = [_verdict(row, kept, set(ids[:5])) for row in rows]
    if batch:
        assert store.append_outcomes(columns(rows)).tolist() == expected
    else:
        assert [_single(store, row) for row in rows] == expected
    assert {row: store.outcome(row).utility for row in kept} == kept
    assert store.outcomes().decision.tolist() == list(kept)
    counts = store.counts()
    assert [counts[name] for name in ("outcomes", "repeated", "conflicting", "unknown")] == [
        expected.count(verdict) for verdict in range(4)
    ]


def _verdict(row, kept, known):
    if row.decision not in known:
        return 3
    if row.decision not in kept:
        kept[row.decision] = row.utility
        return 0
    return 1 if kept[row.decision] == row.utility else 2


def _single(store, row):
    try:
        return 0 if store.append_outcome(row) else 1
    except ConflictingOutcome:
        return 2
    except UnknownDecision:
        return 3


def test_records_and_snapshots(store):
    assert store.append_record("control", {"ban": "f"}) == 1
    assert store.records("control") == [{"ban": "f"}]
    long = {"numbers": [0.1 * number for number in range(999)]}
    store.append_record("space", long)
    assert store.records("space") == [long]
    snapshot = Snapshot(0, 1.0, None, "fast", "serving", "asked", 3, {"cell": 0.1}, {"converged": True})
    assert store.append_snapshot(snapshot) == 1
    assert store.snapshots() == [snapshot._replace(id=1)]
    store.append_snapshot(snapshot)
    assert store.snapshots(after=1) == [snapshot._replace(id=2)]
    assert store.records("control", after=1) == []


def test_decisions_come_in_the_order_in_which_they_were_stored(store):
    ids = [store.reserve(1) for _ in range(4)]
    for id in (ids[2], ids[0], ids[3]):
        store.append_decision(decision(store, id=id))
    assert store.made() == 3
    assert store.decisions().id.tolist() == [ids[2], ids[0], ids[3]]
    assert store.decisions(after=1, limit=1).id.tolist() == [ids[0]]
    assert store.decisions(after=3).id.tolist() == []
    assert store.open_decisions(99.0).tolist() == sorted([ids[2], ids[0], ids[3]])
    assert store.pruned() == (0, 0)


def test_the_last_whole_checkpoint_is_kept(store):
    assert store.checkpoint("statistics") is None
    for body in (b"first", b"second" * 5000):
        store.save_checkpoint("statistics", Checkpoint(3, 4, body))
        assert store.checkpoint("statistics") == Checkpoint(3, 4, body)
    assert store.checkpoint("other") is None


def test_a_checkpoint_that_is_damaged_is_none():
    store = sqlite_store(None)
    store.save_checkpoint("statistics", Checkpoint(3, 4, b"learned"))
    store._file.write("UPDATE checkpoint SET body = ?", (b"leaned",))
    assert store.checkpoint("statistics") is None
    store.close()


def test_ids_are_never_given_twice(tmp_path):
    path = str(tmp_path / "a.db")
    stores = [sqlite_store(path) for _ in range(3)]
    taken = [store.reserve(size) for store in stores for size in (1, 10_000, 3)]
    spans = sorted(zip(taken, [1, 10_000, 3] * 3, strict=True))
    assert all(a + size <= b for (a, size), (b, _) in pairwise(spans))
    assert len({store.seed for store in stores}) == 1
    for store in stores:
        store.close()


def test_outcomes_are_joined_with_what_was_chosen_in_the_order_in_which_they_are_asked_for(store):
    made = [decision(store, context=name) for name in ("x", "y", "z")]
    for one in made:
        store.append_decision(one)
    rows = columns([outcome(made[i].id, 0.1 * i) for i in (2, 0)])
    store.append_outcomes(rows)
    assert store.answered() == 2
    found = store.chosen(rows)
    assert [store.names("context")[code] for code in found.context] == ["z", "x"]
    assert found.job.tolist() == [-1, -1]
    for part, other in zip(found, store.outcomes(), strict=True):
        np.testing.assert_array_equal(part, other)

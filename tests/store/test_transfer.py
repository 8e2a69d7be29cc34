"""A store that is moved is the same at the other end, or nothing is there."""

import shutil
from contextlib import closing
from itertools import pairwise

import pytest

from poolwise import ArmSpace, Engine, Family, Settings, errors
from poolwise.schema import Decision
from poolwise.store import open_store, transfer
from poolwise.store.sql.statements import keys

SPACE = ArmSpace([Family("default"), *(Family(f"fast{number}") for number in range(4))], "default")


@pytest.fixture
def url(tmp_path):
    """Of a store in which much has happened."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with closing(Engine.open(url, SPACE, seed=3, settings=Settings(estimate="inline"))) as engine:
        for number in range(60):
            made = engine.decide(f"p{number % 3}", f"c{number % 2}", job=None if number % 5 else f"j{number}")
            if number % 7:
                engine.observe(made.id, cost=1.0 + number % 4, baseline_cost=2.0)
        engine.store.append_record("long", {"text": "x" * 5000, "infinite": float("inf")})
    return url


def test_there_and_back_again(url, workspace, workspaces, tmp_path):
    stations = [url, workspace, next(workspaces), f"sqlite:///{tmp_path / 'b.db'}"]
    found = [transfer.transfer(*pair) for pair in pairwise(stations)]
    assert found[0]["decision"].rows == 60
    assert found[0] == found[1] == found[2]
    assert set(found[0]) == set(keys())
    for station in stations[1:]:
        with closing(open_store(url, look=True)) as one, closing(open_store(station, look=True)) as other:
            assert (one.seed, one.counts()) == (other.seed, other.counts())
            for name in ("decisions", "outcomes"):
                for part, same in zip(getattr(one, name)(), getattr(other, name)(), strict=True):
                    assert part.tobytes() == same.tobytes()
            for kind in ("long", "space"):
                assert one.records(kind) == other.records(kind)
            view = one.decision(int(one.decisions().id[-1])).view
            assert repr(one.view(view)) == repr(other.view(view))
    beliefs = []
    for station in stations:
        with closing(Engine.open(station, SPACE, settings=Settings(estimate="inline"))) as engine:
            beliefs.append(engine.beliefs())
            assert beliefs[-1].equals(beliefs[0])
            assert engine.store.append_record("x", {}) == 1
            assert engine.decide("p0", "new").id > 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "b.db"]


def test_nothing_is_moved_to_where_something_is(url, workspace, tmp_path):
    with closing(open_store(workspace, seed=9)) as store:
        store.append_decision(Decision(store.reserve(1), "mine", "c", "f", {}, "f", 0.5, "explored", 1.0))
    with pytest.raises(errors.StoreError, match="name another workspace"):
        transfer.transfer(url, workspace)
    with closing(open_store(workspace, look=True)) as store:
        assert (store.seed, store.made(), store.names("project")) == (9, 1, ["mine"])
    shutil.copy(tmp_path / "a.db", tmp_path / "c.db")
    with pytest.raises(errors.StoreError, match="exists"):
        transfer.transfer(workspace, f"sqlite:///{tmp_path / 'c.db'}")


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_what_arrives_otherwise_is_not_kept(url, kind, request, tmp_path, monkeypatch):
    target = request.getfixturevalue("workspace") if kind == "postgresql" else f"sqlite:///{tmp_path / 'b.db'}"
    real = transfer._stored
    monkeypatch.setattr(transfer, "_stored", lambda to, table, row: _bent(table, real(to, table, row)))
    with pytest.raises(errors.StoreDamaged, match="nothing was moved"):
        transfer.transfer(url, target)
    monkeypatch.undo()
    assert transfer.transfer(url, target)["outcome"].rows == 51


def _bent(table, row):
    return (*row[:-1], row[-1] + 1.0) if table == "outcome" else row


def test_a_store_that_is_not_there_is_not_moved(workspace, workspaces, tmp_path):
    for source in (workspace, f"sqlite:///{tmp_path / 'none.db'}", "memory://"):
        with pytest.raises(errors.InputError):
            transfer.transfer(source, next(workspaces))

"""A store of which retention has archived events opens with every space, whatever was left behind."""

import json
import shutil
import sqlite3
import time

import numpy as np
import pytest

from poolwise import errors
from poolwise.engine import Engine, Settings
from poolwise.engine.state import checkpoint
from poolwise.store import open_store
from poolwise.store.retention import retain
from tests.engine.limited import FULL, live
from tests.engine.limited import SPACE as FOUR
from tests.engine.state.test_edits import BEGINNINGS, EDITS, INLINE

FAR = 4e9


def opened(path, arms):
    said = INLINE if any(family.name == "f" for family in arms.families) else Settings(estimate="inline")
    return Engine.open(f"sqlite:///{path}", arms, seed=1, settings=said)


def lived(path, arms, count, seed):
    random = np.random.default_rng(seed)
    with opened(path, arms) as engine:
        for k in range(count):
            made = engine.decide(f"p{k % 2}", f"c{k % 3}")
            engine.observe(made.id, utility=float(random.normal(0.1 * len(made.params), 0.2)))


def believed(path, arms):
    with opened(path, arms) as engine:
        return engine.beliefs().set_index(["project", "context", "arm"])[["mean", "sd", "n"]]


def changed(path, statement, *values):
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER record_no_update")
        db.execute(statement, values)
    db.close()


def killed_at_once(path, archive, middle):
    """Before any row has left."""
    db = sqlite3.connect(path)
    found = db.execute("SELECT name, outcomes, decisions FROM checkpoint").fetchone()
    body = {"outcomes": found[1] - 5, "decisions": found[2] - 5, "checkpoint": found[0], "files": []}
    db.execute("INSERT INTO record (kind, body) VALUES ('pruned', ?)", (json.dumps(body),))
    db.commit()
    db.close()


def damaged(body):
    def leave(path, archive, middle):
        retain(f"sqlite:///{path}", archive, events=FAR)
        changed(path, "UPDATE record SET body = ? WHERE kind = 'pruned'", body)

    return leave


def twice(path, archive, middle):
    retain(f"sqlite:///{path}", archive, events=middle)
    retain(f"sqlite:///{path}", archive, views=FAR, events=FAR)


STATES = {
    "views left": lambda path, archive, middle: retain(f"sqlite:///{path}", archive, views=FAR),
    "some left": lambda path, archive, middle: retain(f"sqlite:///{path}", archive, events=middle),
    "all that may left": lambda path, archive, middle: retain(f"sqlite:///{path}", archive, events=FAR),
    "twice": twice,
    "killed at once": killed_at_once,
    "a record that is no table": damaged("{"),
    "a record of nothing": damaged('{"outcomes": "x", "decisions": -1}'),
    "a record of too much": damaged('{"outcomes": 40, "decisions": 40}'),
    "a record of too little": damaged('{"outcomes": 3, "decisions": 3}'),
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """For each beginning, a store of 40 outcomes with a checkpoint after 30 and all, and when it had the first 20."""
    folder, found = tmp_path_factory.mktemp("pruned"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "AT_CLOSE", 1)
        for name, arms in BEGINNINGS.items():
            lived(path := folder / f"{name}.db", arms, 20, 1)
            middle = time.time()
            lived(path, arms, 20, 2)
            found[name] = path, middle
    return found


CASES = [("few", state) for state in STATES] + [("smooth", "all that may left"), ("plain", "some left")]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize(("beginning", "state"), CASES)
def test_a_pruned_store_opens_with_any_space_and_goes_on(stores, tmp_path, beginning, state, edit):
    """Believing what it would believe with all its events; a smooth family also knows the arms that nobody chose."""
    original, middle = stores[beginning]
    whole = believed(shutil.copy(original, tmp_path / "whole.db"), EDITS[edit])
    STATES[state](path := shutil.copy(original, tmp_path / "pruned.db"), tmp_path / "archive", middle)
    found = believed(path, EDITS[edit]).loc[whole.index]
    assert found["n"].tolist() == whole["n"].tolist()
    np.testing.assert_allclose(found, whole, rtol=0, atol=0.01 if beginning == "smooth" else 1e-6)
    with opened(path, EDITS[edit]) as engine:
        made = engine.decide("p0", "c0")
        assert engine.observe(made.id, utility=0.1)
        assert ("quarantined" in engine.status()) == (state in ("a record that is no table", "a record of nothing"))
    assert np.isfinite(believed(path, BEGINNINGS[beginning])).all(axis=None)


def test_another_baseline_is_told_what_jobs_and_failures_said(tmp_path, monkeypatch):
    """Of costs alone, time-outs and failures, under safety; against the same store with all its events."""
    monkeypatch.setattr(checkpoint, "AT_CLOSE", 1)
    path, random, other = tmp_path / "a.db", np.random.default_rng(5), type(FOUR)(FOUR.families, "fast")
    said = Settings(estimate="inline", backend="numpy", outliers=None, project_trust=1.0)
    with Engine.open(f"sqlite:///{path}", FOUR, seed=1, settings=said) as engine:
        for k in range(120):
            made = engine.decide(f"p{k % 2}", f"c{k % 3}", job=f"j{k % 5}")
            cost = float(np.exp(random.normal(0.3 * len(made.arm), 0.1)))
            told = ({"cost": cost}, {"utility": 0.3}, {"status": "failed"}, {"cost": cost, "status": "timeout"})
            engine.observe(made.id, **told[int(random.choice(4, p=[0.5, 0.3, 0.1, 0.1]))])
    shutil.copy(path, whole := tmp_path / "whole.db")
    retain(f"sqlite:///{path}", tmp_path / "archive", events=FAR)
    believe = lambda place: Engine.open(f"sqlite:///{place}", other, settings=said)
    with believe(path) as pruned, believe(whole) as full:
        one, two = pruned.beliefs(), full.beliefs()
        assert one["n"].tolist() == two["n"].tolist()
        np.testing.assert_allclose(one["mean"], two["mean"], atol=0.05)
        np.testing.assert_allclose(one["sd"], two["sd"], rtol=0.1)


def test_safeguards_go_on_with_another_baseline(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "AT_CLOSE", 1)
    path = tmp_path / "a.db"
    with Engine.open(f"sqlite:///{path}", FOUR, seed=1, settings=FULL) as engine:
        live(engine, 60)
    retain(f"sqlite:///{path}", tmp_path / "archive", events=FAR)
    with Engine.open(f"sqlite:///{path}", type(FOUR)(FOUR.families, "fast"), settings=FULL) as engine:
        live(engine, 20)
        assert engine.beliefs()["n"].sum() == 80
        assert engine.overview()


def test_no_event_leaves_for_the_sake_of_a_damaged_checkpoint(stores, tmp_path):
    original, _ = stores["few"]
    path = shutil.copy(original, tmp_path / "a.db")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE checkpoint SET body = substr(body, 2)")
    db.close()
    with pytest.raises(errors.StoreError, match="no checkpoint"):
        retain(f"sqlite:///{path}", tmp_path / "archive", events=FAR)


def test_a_damaged_record_hides_no_gap(stores, tmp_path):
    """Whoever asks for what is gone is told, and what was learned is not taken back."""
    path = shutil.copy(stores["few"][0], tmp_path / "a.db")
    STATES["a record of too little"](path, tmp_path / "archive", 0.0)
    store = open_store(f"sqlite:///{path}")
    with pytest.raises(errors.StorePruned, match="first 39 events"):
        store.outcomes(after=10)
    with pytest.raises(errors.StorePruned):
        store.decisions(after=10)
    assert len(store.outcomes(after=39).decision) == 1
    store.close()
    with opened(path, BEGINNINGS["few"]) as engine, pytest.raises(errors.StorePruned):
        engine.withdraw(decisions=(1, 5))

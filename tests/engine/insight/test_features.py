"""What is told of features: where a job stands among the others, what that speaks for, and curves along a number."""

import re

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.engine.insight import features, trials
from poolwise.posterior.features.effects import FeatureEffects
from poolwise.posterior.posterior import Posterior
from poolwise.space import ArmSpace, Family

INLINE = Settings(estimate="inline", backend="numpy")
SPACE = ArmSpace([Family("default"), Family("fast"), Family("small")], "default")
DECLARED = {
    "size": {"type": "integer", "log": True},
    "depth": {},
    "logic": {"type": "choice", "values": ["sat", "unsat"]},
}


@pytest.fixture
def engine():
    """With 100 jobs of the sizes 1 to 100, half of them `sat`."""
    made = Engine.open("memory://", SPACE, seed=2, settings=INLINE, features=DECLARED)
    logic = ["sat", "unsat"] * 50
    many = made.decide_many("p", "c", features={"size": list(range(1, 101)), "logic": logic})
    made.observe_many(many.id, utility=np.random.default_rng(1).normal(size=100))
    return made


@pytest.fixture
def known(monkeypatch):
    """Slopes as if they had been learned: larger jobs speak for `fast`, `sat` against it."""
    relevance = np.array([0.7, 0.0, 0.3, 0.0])
    mean = np.array([[0.0, 0.1, -0.2], [0.0] * 3, [0.0, -0.05, 0.0], [0.0] * 3])
    monkeypatch.setattr(Posterior, "feature_effects", lambda self: FeatureEffects(relevance, mean, 0.1 + 0 * mean))


def test_a_job_is_compared_with_those_so_far(engine, known):
    made = engine.decide("p", "c", available=["fast", "default"], features={"size": 91, "logic": "sat"})
    body = engine.explain(made.id)
    assert body["decision"]["features"] == {"size": 91, "logic": "sat"}
    size, logic = body["features"]
    assert (size["feature"], size["value"], size["relevance"]) == ("size", 91, 0.7)
    assert size["larger_than"] == pytest.approx(0.9, abs=0.02)
    assert (size["speaks_for"], logic["column"]) == ("fast", "logic=sat")
    assert size["by"] == pytest.approx(0.1 * 1.29, rel=0.05)
    assert logic["larger_than"] == pytest.approx(0.5, abs=0.01)
    said = " ".join(body["sentences"])
    assert "size is 91, larger than in 90% of the jobs so far" in said
    side = {"fast": r"that speaks for fast by 1[34]%", "default": r"hardly matters for default"}
    assert re.search(side[made.arm], said)


def test_before_anything_is_known_of_slopes_only_the_place_is_told(engine):
    made = engine.decide("p", "c", features={"size": 50})
    (row,) = engine.explain(made.id)["features"]
    assert row["effect"] == row["relevance"] == 0.0
    assert "hardly matters" in features.sentences([row], made.arm)[0]


def test_a_job_without_features_has_no_rows(engine):
    assert engine.explain(engine.decide("p", "c").id)["features"] == []


def test_the_overview_says_which_features_matter_and_for_whom(engine, known):
    rows = engine.overview()["features"]
    assert [row["feature"] for row in rows][:2] == ["size", "logic=sat"]
    assert rows[0] == {
        "feature": "size", "relevance": 0.7, "speaks_for": "fast", "by": 0.1, "against": "small", "down": -0.2
    }  # fmt: skip
    assert features.leading(engine.serving.belief) == ["size"]
    assert "features" not in Engine.open("memory://", SPACE).overview()


def test_curves_run_over_the_jobs_seen(engine, monkeypatch):
    asked, predict = [], Posterior.predict
    monkeypatch.setattr(
        Posterior, "predict", lambda self, p, c, raw=None: asked.append(raw) or predict(self, p, c, raw)
    )
    table = features.curves(engine.serving, "size")
    assert set(table["arm"]) == set(SPACE.index)
    assert table["x"].is_monotonic_increasing
    assert 1 <= table["x"].min() < table["x"].max() <= 100
    assert (table["low"] <= table["mean"]).all()
    assert (table["mean"] <= table["high"]).all()
    np.testing.assert_allclose(asked[0], [np.log(table["x"].iloc[0]), np.nan, np.nan, np.nan])
    assert features.curves(engine.serving, "depth").empty


def test_trials_and_logs_have_what_was_known_and_its_cost():
    declared = {**DECLARED, "depth": {"cost": 0.25}, "sorted": {"type": "boolean"}}
    engine = Engine.open("memory://", SPACE, seed=2, settings=INLINE, features=declared)
    jobs = [{"size": 3, "depth": 1.5, "logic": "sat", "sorted": True}, {"size": 4}, None]
    for job in jobs:
        engine.observe(engine.decide("p", "c", features=job).id, cost=1.0, baseline_cost=2.0)
    for table in (engine.trials(), trials.log(engine.store, 5)):
        shown = table[["f_size", "f_depth", "f_logic", "f_sorted"]].astype(object)
        known = [[3.0, 1.5, "sat", True], [4.0, None, None, None], [None] * 4]
        assert shown.where(shown.notna(), None).to_numpy().tolist() == known
    np.testing.assert_allclose(engine.trials()["cost"], [1.25, 1.0, 1.0])
    np.testing.assert_allclose(engine.trials()["gain"], np.log([2 / 1.25, 2.0, 2.0]))
    np.testing.assert_allclose(engine.trials()["utility"], np.log(2.0))
    without = Engine.open("memory://", SPACE)
    assert not [name for name in without.trials() if name.startswith("f_")]

"""What a recommendation changed and earned: by hand where it can be, and never more than the log tells."""

import math

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.engine.insight.trials import trials
from poolwise.engine.safeguards.recommended import Recommendation
from poolwise.report import recommended
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family(name) for name in ("default", "fast", "odd")], "default")
SPEED = {"default": 0.0, "fast": 0.4, "odd": -0.3}
SAID = Recommendation({"own": 0.0, "shared": 0.0, "temperature": 3.0}, "three projects", "It gained there.", 0.1, 0.02)


def ran(said, decisions=160):
    engine = Engine.open("memory://", SPACE, seed=5, settings=Settings(estimate="inline"))
    random = np.random.default_rng(1)
    for number in range(decisions):
        if number == 40 and said is not None:
            engine.recommendations.make("new", said)
        for project in ("new", "old"):
            made = engine.decide(project, "ab"[number % 3 == 0])
            engine.observe(made.id, utility=0.0 if made.arm == "default" else SPEED[made.arm] + random.normal(0, 0.2))
    return engine


@pytest.fixture(scope="module")
def engine():
    return ran(SAID)


def test_what_changed_is_the_distance_between_what_served_and_the_default(engine):
    (row,) = recommended.table(engine).to_dict("records")
    assert (row["project"], row["since"], row["decisions"]) == ("new", 80, 120)
    frame = trials(engine.store).query("project == 'new'").tail(120)
    logged = recommended.compared(engine.store, frame, engine.policy)
    stated = logged.served.to_numpy()[np.arange(120), [list(logged.served).index(arm) for arm in logged.frame["arm"]]]
    np.testing.assert_allclose(stated, logged.frame["probability"], atol=1e-9)
    np.testing.assert_allclose(logged.default.sum(axis=1), 1.0)
    moved = np.abs(logged.served - logged.default).sum(axis=1) / 2
    assert row["moved"] == pytest.approx(moved.mean())
    assert 0 < row["changed"] == (moved > 0.001).mean()


def test_what_it_earned_is_the_values_difference(engine):
    """Against the true utilities, which the log does not hold."""
    (row,) = recommended.table(engine).to_dict("records")
    frame = trials(engine.store).query("project == 'new'").tail(120)
    logged = recommended.compared(engine.store, frame, engine.policy)
    worth = np.array([SPEED[arm] for arm in logged.served])
    true = math.exp(((logged.served - logged.default).to_numpy() @ worth).mean())
    assert row["low"] < true < row["high"]
    assert row["low"] < row["earned"] < row["high"]


def test_the_sentence_says_since_when_and_what_for(engine):
    (said,) = recommended.sentences(recommended.table(engine))
    assert said.startswith("new, since decision 80: explores with own 0 for 0.5")
    assert "learned from three projects. It gained there." in said
    assert "of 120 decisions" in said
    assert "<h2>" in recommended.recommended_section(engine)


def test_the_default_stays_where_nothing_was_promoted():
    engine = ran(Recommendation({}, "two projects", "One history is no evidence."), 60)
    (said,) = recommended.sentences(recommended.table(engine))
    assert said == "new, since decision 80: nothing was promoted, the default stays. One history is no evidence."
    (row,) = recommended.table(engine).to_dict("records")
    assert row["moved"] == 0.0
    assert math.isnan(row["earned"])


def test_what_the_log_cannot_tell_is_said():
    engine = ran(SAID, 44)
    (row,) = recommended.table(engine).to_dict("records")
    assert math.isnan(row["earned"])
    assert "its log cannot tell" in row["why"]


def test_nothing_is_shown_where_nothing_was_recommended():
    assert recommended.recommended_section(ran(None, 2)) == ""


def test_status_and_explain_say_it(engine):
    (row,) = engine.overview()["recommended"]
    assert row["explores"].startswith("own 0 for 0.5")
    assert row["saved_at_least"] == 0.02
    last = int(trials(engine.store).query("project == 'new'")["decision"].iloc[-1])
    first = int(trials(engine.store).query("project == 'new'")["decision"].iloc[0])
    assert "Since decision 80 new explores with own 0" in " ".join(engine.explain(last)["sentences"])
    assert engine.explain(first)["recommended"] is None

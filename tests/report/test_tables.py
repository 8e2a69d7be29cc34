"""What a run came to: every figure against one worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from poolwise.engine import Engine
from poolwise.engine.insight.trials import contradictions, of_all, trials
from poolwise.report.formatting import formatted
from poolwise.report.tables import borrowed, by_context, favourites, shrunk, summary, thirds
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family("default"), Family("fast")], "default")


@pytest.fixture
def engine():
    """Two projects in one context, every second decision reported; walls twice as good as costs."""
    engine = Engine.open("memory://", SPACE, seed=5)
    for number in range(12):
        decision = engine.decide("old" if number < 8 else "new", "c")
        if number % 2 == 0:
            wall = {"decision": decision.id, "wall": 1.0, "baseline_wall": 4.0, "detail": ""}
            engine.store.append_record("measurement", wall)
            engine.observe(decision.id, cost=1.0, baseline_cost=2.0)
    return engine


def made(**columns):
    """Trials of one project and context, a row for every utility."""
    n = len(columns["utility"])
    body = {"decision": range(n), "project": "p", "context": "c", "arm": "fast", "explored": False} | columns
    table = pd.DataFrame(body)
    return table.assign(gain=table["utility"], wall=2 * table["utility"], safe=table["utility"] >= math.log(0.95))


def belief(**columns):
    return pd.DataFrame({"project": "p", "context": "c", "sd": 0.1, "n": 1} | columns).assign(
        low=lambda table: table["mean"] - 0.2, high=lambda table: table["mean"] + 0.2
    )


def test_trials_are_the_decisions_that_have_an_outcome(engine):
    table = trials(engine.store)
    assert len(table) == 6
    assert table["gain"].tolist() == pytest.approx([math.log(2)] * 6)
    assert table["wall"].tolist() == pytest.approx([math.log(4)] * 6)
    assert table["turn"].tolist() == [0, 1, 2, 3, 0, 1]
    assert table["safe"].all()


def test_what_was_not_timed_has_no_wall(engine):
    decision = engine.decide("old", "c")
    engine.observe(decision.id, utility=-1.0)
    last = trials(engine.store).iloc[-1]
    assert np.isnan(last["wall"])
    assert last["gain"] == -1.0
    assert not last["safe"]


def test_a_repeated_measurement_replaces_the_first(engine):
    first = trials(engine.store)["decision"].iloc[0]
    engine.store.append_record("measurement", {"decision": int(first), "wall": 1.0, "baseline_wall": 8.0, "detail": ""})
    table = trials(engine.store)
    assert len(table) == 6
    assert table["wall"].iloc[0] == pytest.approx(math.log(8))


def test_several_stores_are_told_in_the_order_of_time(engine):
    other = Engine.open("memory://", SPACE, seed=1)
    other.observe(other.decide("third", "c").id, utility=0.5)
    table, beliefs = of_all([(other.store, other.beliefs()), (engine.store, engine.beliefs())])
    assert table["project"].tolist() == ["old"] * 4 + ["new"] * 2 + ["third"]
    assert set(beliefs["project"]) == {"old", "new", "third"}


def test_contradictions_are_found(engine):
    assert contradictions(engine.store) == []
    engine.store.append_record("measurement", {"decision": 1, "detail": "CONTRADICTION: x"})
    assert contradictions(engine.store) == ["CONTRADICTION: x"]


def test_thirds():
    table = made(utility=np.log([1.0, 0.5, 1.0, 1.0, 2.0, 8.0]), explored=[True, True, False, False, False, False])
    row = thirds(table).iloc[1]
    assert row.speed_up_first == pytest.approx(math.sqrt(0.5))
    assert row.speed_up_last == pytest.approx(4)
    assert row.wall_speed_up_last == pytest.approx(16)
    assert (row.slower_first, row.slower_last) == (0.5, 0)
    assert (row.explored_first, row.explored_last) == (1, 0)


def test_favourites_are_the_best_means():
    table = made(utility=[0.1, 0.2])
    found = favourites(belief(arm=["default", "fast"], mean=[0.0, math.log(3)], n=[4, 7]), table)
    assert found[["arm", "trials", "jobs"]].to_numpy().tolist() == [["fast", 7, 2]]
    assert found["speed_up"].iloc[0] == pytest.approx(3)
    assert found["low"].iloc[0] == pytest.approx(3 * math.exp(-0.2))


def test_a_context_weighs_its_projects_by_their_jobs():
    table = pd.concat([made(utility=[0.0] * 3), made(utility=[0.0], project="q")])
    means = belief(project=["p", "p", "q", "q"], arm=["x", "y"] * 2, mean=[1.0, 0.0, 0.0, 2.0])
    assert by_context(means, table)["arm"].tolist() == ["x"]
    assert by_context(means, table)["speed_up"].iloc[0] == pytest.approx(math.exp(0.75))


def test_shrinkage_compares_own_trials_with_what_is_believed():
    table = made(utility=[1.0, 0.4, 0.4, 0.4], arm=["x", "y", "y", "y"])
    found = shrunk(table, belief(arm=["x", "y"], mean=[0.2, 0.3])).set_index("arm")
    assert found["group"].to_dict() == {"x": "few trials", "y": "many trials"}
    assert found["raw"].to_dict() == pytest.approx({"x": math.exp(1), "y": math.exp(0.4)})
    assert found["pooled"].to_dict() == pytest.approx({"x": math.exp(0.2), "y": math.exp(0.3)})


def test_what_was_borrowed_is_the_belief_at_the_first_decision(engine):
    table, beliefs = trials(engine.store), engine.beliefs()
    row = borrowed(engine.store, beliefs, table).iloc[0]
    first = engine.store.view(engine.store.decision(int(table[table["project"] == "new"]["decision"].iloc[0])).view)
    k = first.arms.index(row.arm)
    assert first.arrays["count"].sum() == 0
    assert row.before == pytest.approx(math.exp(first.arrays["mean"][k]))
    assert row.before_low < row.before < row.before_high
    assert (row.project, row.context) == ("new", "c")


def test_before_the_first_outcome_all_tables_are_empty():
    engine = Engine.open("memory://", SPACE, seed=5)
    tables = summary(trials(engine.store), engine.beliefs(), [engine])
    assert all(table.empty for table in tables.values())


def test_one_project_has_nobody_to_borrow_from():
    engine = Engine.open("memory://", SPACE, seed=5)
    engine.observe(engine.decide("p", "c").id, utility=0.3)
    assert summary(trials(engine.store), engine.beliefs(), [engine])["borrowed"].empty


def test_tables_in_words():
    table = pd.DataFrame(
        {
            "arm": ["x"],
            "speed_up_first": [1.234],
            "speed_up_last": [2.0],
            "slower_first": [0.5],
            "slower_last": [np.nan],
        }
    ).assign(low=0.5, high=1.5, trials=3)
    assert formatted(table).to_dict(orient="records") == [
        {
            "arm": "x",
            "speed-up, first to last": "1.23 to 2.00",
            "below 0.95, first to last": "50.0 % to -",
            "90 % interval": "0.50 to 1.50",
            "trials": "3",
        }
    ]

"""How a run explored: every figure against one worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from poolwise import policy
from poolwise.engine import Engine, Settings
from poolwise.engine.insight.trials import trials
from poolwise.report.exploration import contexts, phases, totals
from poolwise.report.tables import summary
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family(name) for name in ("default", "fast", "odd")], "default")
SPEED = {"default": 1.0, "fast": 2.0, "odd": 0.9}


def ran(decisions, settings=None):
    engine = Engine.open("memory://", SPACE, seed=3, policy=policy.parse("thompson"), settings=settings or Settings())
    for number in range(decisions):
        made = engine.decide("p", "ab"[number % 3 == 0])
        engine.observe(made.id, cost=1 / SPEED[made.arm], baseline_cost=1.0)
    return engine


def test_totals_by_hand():
    speeds = np.array([0.5, 0.96, 1.0, 1.06, 1.9, 2.0])
    utility = np.log(speeds)
    table = pd.DataFrame({"gain": utility, "safe": speeds >= 0.95, "status": "ok", "cost": 1 / speeds})
    table = table.assign(baseline_cost=1.0)
    table.loc[0, ["cost", "status"]] = [np.nan, "failed"]
    (row,) = totals(table).to_dict("records")
    assert row.pop("speed_up") == pytest.approx(speeds.prod() ** (1 / 6))
    assert row.pop("saved") == pytest.approx(1 - (1 / speeds[1:]).sum() / 5)
    assert row == {"decisions": 6, "success": 0.5, "safe": pytest.approx(5 / 6), "discoveries": 2, "failures": 1}


def test_a_decision_belongs_to_the_phase_that_its_view_tells():
    engine = ran(60)
    found = phases([engine.store]).set_index("phase")
    told = [engine.explain(int(id))["phase"] for id in trials(engine.store)["decision"]]
    assert found["decisions"].to_dict() == {name: told.count(name) for name in dict.fromkeys(told)}
    assert list(found.index) == [name for name in ("early", "learning", "mature") if name in told]
    assert len(found) > 1
    assert found["explored"].iloc[-1] < found["explored"].iloc[0]


def test_without_logged_views_no_phase_is_known():
    assert phases([ran(10, Settings(log_views=False)).store]).empty


def test_contexts_say_what_is_known_of_each():
    engine = ran(60)
    found = contexts(trials(engine.store), engine.overview()["contexts"]).set_index("context")
    assert found["jobs"].to_dict() == {"a": 40, "b": 20}
    table = trials(engine.store)
    for name, row in found.iterrows():
        mine = table[table["context"] == name]
        assert row["coverage"] == mine["arm"].nunique() / 3
        assert row["explored"] == mine["explored"].mean()
        assert 0 < row["curiosity"] < 1
    assert found["importance"].sum() == pytest.approx(1.0)


def test_all_tables_of_a_run():
    engine = ran(30)
    tables = summary(trials(engine.store), engine.beliefs(), [engine])
    assert [name for name, table in tables.items() if table.empty] == ["borrowed"]

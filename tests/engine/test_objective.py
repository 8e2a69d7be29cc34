"""What is optimised: total costs where that was chosen, one and the same for a store."""

import math

import numpy as np
import pandas as pd
import pytest

from poolwise import objective
from poolwise import policy as policies
from poolwise.engine import Engine
from poolwise.engine.engine import Settings
from poolwise.engine.outcomes import finished, outcome, outcomes, upper_bounds
from poolwise.engine.safeguards.settings import Safety
from poolwise.errors import ConfigError, DataError
from poolwise.policy.constraints.conservative import Settings as Conservative
from poolwise.replay import loop, replay
from poolwise.replay.settings import Settings as ReplaySettings
from poolwise.space import ArmSpace, Family
from poolwise.table import from_rows, total

SPACE = ArmSpace([Family("default"), Family("risky"), Family("sound")], "default")
TOTAL = Settings(objective="total", estimate="inline")
UNIFORM = policies.parse("uniform")
RARE = 0.06
"""How often the risky arm takes 16 times as long; else half."""


def cost(arm, lottery):
    return {"default": 1.0, "sound": 0.9, "risky": 16.0 if lottery < RARE else 0.5}[arm]


def run(engine, jobs=400, seed=0, alone=False):
    rng = np.random.default_rng(seed)
    for k in range(jobs):
        job = f"j{k // 3}" if alone else None
        decision, base = engine.decide("p", "c", job=job), 1.0 if alone else float(rng.uniform(0.5, 1.5))
        spent = base * cost(decision.arm, rng.random())
        engine.observe(decision.id, cost=spent, **({} if alone else {"baseline_cost": base}))
    return engine.trials()["arm"].value_counts(normalize=True)


@pytest.mark.parametrize(("chosen", "favourite"), [("ratio", "risky"), ("total", "sound")])
def test_the_arm_that_is_chosen_is_that_of_the_objective(chosen, favourite):
    with Engine.open("memory://", SPACE, seed=1, policy=UNIFORM, objective=chosen) as engine:
        run(engine)
        top = engine.best()
        assert top["arm"][0] == favourite
        believed = {"risky": 2.0, "sound": 1 / 0.9}[favourite]
        assert top["speed_up"][0] == pytest.approx(believed, rel=0.35)


def test_costs_alone_add_up_too():
    with Engine.open("memory://", SPACE, seed=2, settings=TOTAL, policy=UNIFORM) as engine:
        run(engine, 600, alone=True)
        means = engine.beliefs().set_index("arm")["mean"]
        assert means["sound"] > means["risky"]


def test_a_store_opened_again_believes_the_same(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with Engine.open(url, SPACE, seed=1, settings=TOTAL) as engine:
        run(engine, 120)
        before = engine.beliefs()
        body = engine.explain(int(engine.trials()["decision"].iloc[-1]), replay=True)
    assert body["replay"]["same"]
    assert body["objective"] == "total"
    assert "in total cost" in body["sentences"][1]
    with Engine.open(url, SPACE) as again:
        assert again.settings.objective == "total" == again.status()["objective"]
        pd.testing.assert_frame_equal(again.beliefs(), before, rtol=1e-6)
    with pytest.raises(ConfigError, match="created with objective = 'total'"):
        Engine.open(url, SPACE, objective="ratio")


def test_a_store_of_ratios_is_no_store_of_totals(tmp_path):
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with Engine.open(url, SPACE, seed=1) as engine:
        engine.decide("p", "c")
    with pytest.raises(ConfigError, match="created with objective = 'ratio'"):
        Engine.open(url, SPACE, objective="total")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"objective": "mean"}, "objective = 'mean' must be"),
        ({"objective": "total", "safety": Safety(conservative=Conservative())}, "no upper bound"),
        ({"timeout_factor": 0.5}, "timeout_factor"),
    ],
)
def test_what_cannot_be_meant_is_refused(given, says):
    with pytest.raises(ConfigError, match=says):
        Settings(**given).checked()


def test_a_timeout_has_cost_what_was_spent_times_its_factor():
    settings = TOTAL._replace(timeout_factor=10.0)
    one = outcome(1, settings, status="timeout", cost=4.0, baseline_cost=2.0)
    many = outcomes([1], settings, status="timeout", cost=4.0, baseline_cost=2.0)
    assert one.utility == pytest.approx(many.utility[0], rel=1e-12) == pytest.approx(math.log(2.0 / 40.0))
    assert finished(many, settings).all()
    assert np.isnan(upper_bounds(many, settings)).all()
    assert outcome(1, settings, status="timeout").utility == settings.failure_utility


def test_a_threshold_names_one_cost_by_both():
    for share in (0.5, 0.95, 1.3):
        for one in objective.OBJECTIVES:
            assert objective.speed_up(objective.threshold(math.log(share), one), one) == pytest.approx(share)
    assert objective.saving(math.log(4.0), 8.0) == pytest.approx(6.0)


def table(jobs=500):
    rng = np.random.default_rng(3)
    rows = [(u, "p", "c", arm, arm, cost(arm, lot)) for u, lot in enumerate(rng.random(jobs)) for arm in
            ("default", "risky", "sound")]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["unit", "project", "context", "family", "arm", "cost"])
    return from_rows(frame, name="toy", source="toy", baseline="default")


def test_a_replay_of_totals_earns_what_it_saves():
    measured = table()
    found = {one: replay(measured, seeds=3, objective=one) for one in objective.OBJECTIVES}
    spent = {
        name: np.average(
            [measured.cost[row, measured.arms.index(arm)] for row, arm in one.log[["row", "arm"]].to_numpy()]
        )
        for name, one in found.items()
    }
    assert spent["total"] < spent["ratio"]
    assert found["total"].summary["utility"].mean == pytest.approx(1 - spent["total"])


def test_rewards_do_not_add_up_to_costs():
    with pytest.raises(DataError, match="only costs add up"):
        total(table()._replace(cost=None))


def test_a_replay_decides_as_an_engine_that_is_fed_the_same_table():
    measured, order = table(120), np.arange(120)
    found = loop.run(measured, order, policies.default(), 7, ReplaySettings(objective="total"))
    with Engine.open("memory://", SPACE, seed=7, settings=TOTAL._replace(backend="numpy")) as engine:
        for unit, arm in zip(order, found.arm, strict=True):
            decision = engine.decide("p", "c")
            assert decision.arm == measured.arms[arm]
            spent, home = (float(measured.cost[unit, one]) for one in (arm, measured.baseline))
            engine.observe(decision.id, cost=spent, baseline_cost=home)

"""Costs as users have them: a time-out without a cost, a cost of 0, told one by one and many at once."""

import math

import numpy as np
import pytest

from poolwise.engine import Engine, Settings
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family("default"), Family("quick"), Family("hangs")], "default")


def opened(url="memory://", **settings):
    return Engine.open(url, SPACE, seed=2, settings=Settings(estimate="inline", **settings))


def test_a_time_out_without_a_cost_is_read_at_the_limit_and_no_better_than_what_finished():
    with opened(timeout=60.0) as engine:
        for k in range(60):
            made = engine.decide("p", "c")
            if made.arm == "hangs":
                engine.observe(made.id, status="timeout", baseline_cost=10.0)
            else:
                engine.observe(made.id, cost=(10.0 if made.arm == "default" else 5.0) + k % 3, baseline_cost=10.0)
        trials, beliefs = engine.trials(), engine.beliefs().set_index("arm")["mean"]
    stopped = trials[trials["status"] == "timeout"]
    assert len(stopped)
    assert (stopped["cost"] == 60).all()
    assert stopped["gain"].max() < trials[trials["status"] == "ok"]["gain"].min()
    assert beliefs["hangs"] < math.log(10 / 60) + 0.3 < beliefs["quick"]


def test_many_time_outs_are_read_as_one():
    with opened(timeout=60.0) as one, opened(timeout=60.0) as many:
        ids = [one.decide("p", "c").id for _ in range(4)], [many.decide("p", "c").id for _ in range(4)]
        for id in ids[0]:
            one.observe(id, status="timeout", baseline_cost=3.0)
        many.observe_many(ids[1], status="timeout", baseline_cost=3.0)
        for name in ("cost", "utility"):
            assert getattr(one.store.outcomes(), name).tolist() == getattr(many.store.outcomes(), name).tolist()


def test_a_cost_of_0_is_half_the_smallest_that_was_seen_and_stays_so(tmp_path):
    with opened(f"sqlite:///{tmp_path / 'a.db'}") as engine:
        ids = [engine.decide("p", "c").id for _ in range(5)]
        engine.observe(ids[0], cost=0.5, baseline_cost=2.0)
        engine.observe(ids[1], cost=0.0, baseline_cost=2.0)
        engine.observe(ids[2], cost=0.001, baseline_cost=2.0)
        engine.observe(ids[3], cost=0, baseline_cost=0)
        assert engine.observe(ids[1], cost=0.0, baseline_cost=2.0) is False
        assert engine.observe_many(ids[4:], cost=[0.0], baseline_cost=[2.0]).tolist() == [0]
        assert engine.store.outcomes().cost.tolist() == [0.5, 0.25, 0.001, 0.25, 0.25]
        assert engine.store.outcomes().utility[3] == 0
        assert engine.status()["costs_of_0"] == "4, read as 0.25"


def test_the_resolution_may_be_known():
    with opened(resolution=0.01) as engine:
        made = engine.decide("p", "c")
        engine.observe(made.id, cost=0.0, baseline_cost=1.0)
        assert engine.store.outcome(made.id).utility == pytest.approx(math.log(100))
        assert "costs_of_0" not in engine.status()


def test_where_nothing_above_0_was_seen_all_is_equal():
    with opened() as engine:
        made = engine.decide("p", "c")
        engine.observe(made.id, cost=0.0, baseline_cost=0.0)
        assert engine.store.outcome(made.id).utility == 0
        assert np.isfinite(engine.beliefs()["mean"]).all()


def test_a_baseline_that_was_never_tried_is_said():
    with opened() as engine:
        for k in range(4):
            made = engine.decide("p", "c", job=f"j{k}")
            if made.arm != "default":
                engine.observe(made.id, cost=1.0)
        tried = [engine.store.decision(id).arm for id in engine.store.outcomes().decision.tolist()]
        assert tried
        assert "on all" in engine.status()["baseline_untried"]
        assert engine.overview()["baseline_untried"] == engine.status()["baseline_untried"]
        while (made := engine.decide("p", "c", job="j0", available=["default"])).arm != "default":
            pass
        engine.observe(made.id, cost=1.0)
        assert "baseline_untried" not in engine.status()
        assert "baseline_untried" not in engine.overview()

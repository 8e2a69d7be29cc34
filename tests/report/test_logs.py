"""A store as a log for evaluation: under whatever orders it was made, and with arms of any name."""

import numpy as np
import pytest

from poolwise import ArmSpace, Choice, Engine, Family, ope
from poolwise.engine import Safety, Settings
from poolwise.engine.insight.trials import trials
from poolwise.policy import Policy, thompson
from poolwise.report.logs import logged

ORDERS = {
    "none": [],
    "ban": [("ban", "cc(flags=-O2; -g)")],
    "pin": [("pin", "slow")],
    "freeze": [("freeze", None)],
    "stop": [("stop", None)],
    "shadow": [("shadow", None)],
    "shadow and ban": [("shadow", None), ("ban", "slow")],
}


def store(orders, safety=None, decisions=60):
    space = ArmSpace(
        [Family("base"), Family("slow"), Family("cc", {"flags": Choice(["-O2; -g", "-O3, explored"])})], "base"
    )
    engine = Engine.open("memory://", space, settings=Settings(safety=safety), seed=2)
    for k in range(decisions):
        made = engine.decide("p", "c")
        engine.observe(made.id, utility=0.1 * (made.family == "cc"))
        if k == decisions // 3:
            for order, arm in orders:
                engine.control(order, arm)
    return engine


@pytest.mark.parametrize("safety", [None, Safety()], ids=["plain", "safety"])
@pytest.mark.parametrize("orders", ORDERS.values(), ids=ORDERS)
def test_decisions_are_judged_with_the_layers_that_made_them(orders, safety):
    engine = store(orders, safety)
    frame, notes = logged(engine.store)
    assert notes[0].startswith("60 of 60 propensities")
    chances = frame[[column for column in frame if column.startswith("p:")]].to_numpy()
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    stated = [row[f"p:{row['arm']}"] for _, row in frame.iterrows()]
    np.testing.assert_allclose(stated, frame["probability"])
    assert all(engine.explain(int(id), replay=True)["replay"]["same"] for id in frame["decision"][::7])


@pytest.mark.parametrize("orders", ORDERS.values(), ids=ORDERS)
def test_what_explored_is_not_read_from_a_sentence(orders):
    """Arms whose names hold every separator of a reason."""
    engine = store(orders)
    reasons = {int(id): engine.store.decision(int(id)).reason for id in engine.store.decisions().id}
    for id, explored in trials(engine.store)[["decision", "explored"]].itertuples(index=False):
        reason = reasons[id]
        for arm in engine.space.index:
            reason = reason.removeprefix(f"shadow: {arm}, ")
        assert explored == (reason.partition(";")[0] in ("explored", "baseline")), reasons[id]


def test_a_policy_of_the_users_own_has_no_known_probabilities():
    rule = thompson()
    space = ArmSpace([Family("base"), Family("slow")], "base")
    engine = Engine.open("memory://", space, policy=Policy(rule.probabilities, rule.params), seed=1)
    for _ in range(30):
        engine.observe(engine.decide("p", "c").id, utility=0.0)
    frame, notes = logged(engine.store)
    assert notes[0].startswith("0 of 30")
    assert not any(column.startswith("p:") for column in frame)
    ope.from_frame(frame, "base", model=False)

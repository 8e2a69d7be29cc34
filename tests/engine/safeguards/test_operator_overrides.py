"""An operator's orders: where they hold, which are refused, and how a shadow ends."""

import pytest

from poolwise import errors, policy
from poolwise.engine import Engine, Safety, Settings
from tests.engine.limited import ARMS, SPACE, live, thompson


@pytest.mark.parametrize(
    ("order", "arm", "allowed"),
    [
        ("pin", "odd", {"odd"}),
        ("stop", None, {"default"}),
        ("freeze", None, {"fast"}),
        ("ban", "fast", set(ARMS) - {"fast"}),
    ],
)
def test_orders_hold_where_they_were_given_and_until_they_are_lifted(order, arm, allowed):
    engine = thompson(spec="floored(thompson)")
    live(engine, 60)
    free = set(ARMS)
    engine.control(order, arm, context="a")
    made = [(engine.decide("p", "a").arm, engine.decide("p", "b").arm) for _ in range(300)]
    assert {here for here, _ in made} <= allowed
    assert len({there for _, there in made} & free) > 1
    lifted = {"pin": "unpin", "stop": "resume", "freeze": "unfreeze", "ban": "unban"}[order]
    engine.control(lifted, arm if order == "ban" else None, context="a")
    assert engine.overview()["orders"] == []


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        ([("pin", "fsat")], "unknown arm"),
        ([("pin", None)], "needs an arm"),
        ([("stop", "fast")], "takes no arm"),
        ([("halt", None)], "unknown order"),
        ([("ban", "default")], "cannot be banned"),
        ([("ban", "fast"), ("pin", "fast")], "unban it"),
        ([("pin", "fast"), ("ban", "fast")], "unpin it"),
        ([("resume", None)], "would change nothing"),
        ([("promote", None)], "would change nothing|not promoted"),
    ],
)
def test_orders_that_make_no_sense_are_refused_and_not_logged(orders, message):
    engine = thompson()
    *before, last = orders
    for one in before:
        engine.control(*one)
    with pytest.raises(errors.InputError, match=message):
        engine.control(*last)
    assert len(engine.store.records("control")) == len(before)


def test_orders_reach_other_processes(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first, second = (Engine.open(url, SPACE, seed=1) for _ in range(2))
    second.decide("p", "a")
    first.control("stop")
    second.refresh()
    assert second.decide("p", "a").reason == "baseline only; stopped"


def test_a_shadow_answers_the_baseline_and_is_promoted_only_for_a_gain():
    engine = thompson(Settings(safety=Safety(delta=None, shadow=True)))
    made = live(engine, 30)
    assert {decision.arm for decision in made} == {"default"}
    assert {decision.probability for decision in made} == {1.0}
    assert any("shadow: fast" in decision.reason for decision in made)
    with pytest.raises(errors.ConfigError, match="not promoted"):
        engine.control("promote")
    other = Engine.open("memory://", SPACE, seed=1, policy=policy.parse("thompson"))
    live(other, 100)
    other.control("shadow")
    live(other, 10, seed=3)
    assert all(row["promotes"] for row in other.overview()["shadow"])
    other.control("promote")
    assert {decision.arm for decision in live(other, 5, seed=4)} == {"fast"}

"""What a decision was is read back as it was written, whatever the values of parameters hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwise import ArmSpace, Choice, Engine, Family, Settings
from poolwise.engine.insight.trials import trials
from poolwise.engine.reasons import EXPLORED, FAVOURITE, HOME, SETTLED, Reason, read, written
from poolwise.policy.constraints.constraints import HELD
from poolwise.space import arm_id

CHOICES = (EXPLORED, FAVOURITE, SETTLED, HOME, "baseline only", "only one available", "ordered")
PLAIN = st.text("abc-_.;:/é", min_size=1)
VALUES = st.one_of(st.text(max_size=20), st.sampled_from(["), explored; ban", "a); b", ", explored", "; shadow: x, ("]))
ARMS = st.builds(lambda family, value: arm_id(family, {"x": value}), PLAIN, VALUES.filter(str.isprintable)) | PLAIN
LAYERS = st.lists(st.sampled_from(["eligibility", "quarantine", "ban", *HELD]), max_size=3).map(", ".join)


@given(st.builds(Reason, st.sampled_from(CHOICES), LAYERS, st.none() | ARMS))
def test_what_was_written_is_read(reason):
    assert read(written(reason)) == reason


@pytest.mark.parametrize(("before", "explores"), [(0, True), (40, False)])
def test_a_shadow_tells_what_explored_without_its_views(before, explores):
    space = ArmSpace([Family("d"), Family("cc", {"flags": Choice(["-O2; -g", "), favourite", "-O3"])})], "d")
    engine = Engine.open("memory://", space, settings=Settings(log_views=False, estimate="inline"), seed=2)
    for made in (engine.decide("p", "c") for _ in range(before)):
        engine.observe(made.id, utility=0.3 if made.arm.endswith("-O3)") else 0.0)
    engine.control("shadow")
    shadowed = [engine.decide("p", "c") for _ in range(30)]
    for made in shadowed:
        engine.observe(made.id, utility=0.0)
    said = [made.reason.endswith((", explored", ", baseline")) for made in shadowed]
    assert trials(engine.store)["explored"].tolist()[before:] == said
    assert any(said) == explores


def test_the_parameters_of_a_decision_are_the_callers_own():
    engine = Engine.open("memory://", ArmSpace([Family("f", {"x": Choice([1, 2])})], "f(x=1)"), seed=1)
    for _ in range(8):
        engine.decide("p", "c").params["x"] = 7
    assert [arm.params for arm in engine.space.arms] == [{"x": 1}, {"x": 2}]

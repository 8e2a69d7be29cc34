"""Projects that explore with constants of their own: logged, followed, survived, and nobody else's."""

import math

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.engine import Engine, Settings
from poolwise.engine.insight.explain import chances
from poolwise.engine.safeguards.recommended import Recommendation
from poolwise.errors import ConfigError, InputError
from poolwise.posterior.recursive import compiled
from poolwise.space import ArmSpace, Family

SPACE = ArmSpace([Family(name) for name in ("default", "fast", "odd")], "default")
SPEED = {"default": 0.0, "fast": 0.4, "odd": -0.1}
SAID = Recommendation({"own": 0.0, "shared": 0.0, "temperature": 0.4}, "three projects", "it gained there.", 0.1, 0.02)
INLINE = Settings(estimate="inline")


def opened(url="memory://", **settings):
    return Engine.open(url, SPACE, seed=3, settings=INLINE._replace(**settings))


def lived(engine, projects, count=12):
    made = []
    for number in range(count):
        for project in projects:
            decision = engine.decide(project, "ab"[number % 3 == 0])
            engine.observe(decision.id, utility=SPEED[decision.arm] + 0.1 * math.sin(decision.id))
            made.append(decision)
    return made


def served(engine, decision):
    logged = engine.store.view(decision.view)
    return logged, policies.parse(*engine.store.policy(logged.policy))


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_project_explores_with_its_own_constants_and_the_others_with_the_defaults(backend):
    engine = opened(backend=backend)
    lived(engine, ["old", "new"], 4)
    engine.recommendations.make("new", SAID)
    for decision in lived(engine, ["old", "new"]):
        logged, policy = served(engine, decision)
        own = decision.project == "new"
        assert policy.params == {**engine.policy.params, **(SAID.params if own else {})}
        k = logged.arms.index(decision.arm)
        assert decision.probability == pytest.approx(chances(policy, logged)[1][k], abs=1e-9)
        others = chances(engine.policy, logged)[1][k]
        assert own or decision.probability == pytest.approx(others, abs=1e-9)
        assert engine.explain(decision.id, replay=True)["replay"]["same"]


def test_nothing_is_compiled_again_for_a_project():
    engine = opened(backend="jax")
    lived(engine, ["old", "new"], 2)
    before = len(compiled._PROGRAMS)
    engine.recommendations.make("new", SAID)
    lived(engine, ["old", "new"], 2)
    assert len(compiled._PROGRAMS) == before


def test_limits_hold_around_a_projects_own_constants():
    from poolwise.engine import Safety

    engine = opened(safety=Safety(delta=0.2))
    engine.recommendations.make("new", SAID)
    for decision in lived(engine, ["new"]):
        assert engine.explain(decision.id, replay=True)["replay"]["same"]


def test_it_outlives_the_process_and_others_follow(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with opened(url) as first, opened(url) as second:
        lived(first, ["new"], 2)
        second.refresh()
        second.decide("new", "a")
        first.recommendations.make("new", SAID)
        second.refresh()
        assert served(second, second.decide("new", "a"))[1].params["own"] == 0.0
    with opened(url) as third:
        assert served(third, third.decide("new", "a"))[1].params["own"] == 0.0
        assert third.recommendations.made()["new"]["source"] == "three projects"
        third.recommendations.make("new", Recommendation({}, "its own", "it lost."))
        assert served(third, third.decide("new", "a"))[1].params == third.policy.params


def test_another_policy_does_not_follow_what_was_said_of_this_one(tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with opened(url) as engine:
        engine.recommendations.make("new", SAID)
    with Engine.open(url, SPACE, policy=policies.thompson(), settings=INLINE) as other:
        assert served(other, other.decide("new", "a"))[1].params == {"temperature": 1.0}


def test_a_forgotten_project_takes_its_recommendation_along():
    engine = opened()
    lived(engine, ["old", "new"], 2)
    engine.recommendations.make("new", SAID)
    engine.forget("new")
    assert engine.recommendations.made() == {}
    assert "new" not in str(engine.store.records("learned"))


@pytest.mark.parametrize(
    "params",
    [{"boost": 0.1}, {"own": math.nan}, {"own": -1.0}, {"temperature": 0.0}, {"own": "much"}, {"own": True}, 3],
)
def test_constants_that_the_policy_cannot_have_are_refused(params):
    engine = opened()
    with pytest.raises((InputError, ConfigError)):
        engine.recommendations.make("new", SAID._replace(params=params))
    assert engine.store.records("learned") == []


@pytest.mark.parametrize("change", [{"params": {"own": None}}, {"params": {"temperature": 0}}, {"why": 3}, {"spec": 1}])
def test_a_damaged_record_is_left_out(change, tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with opened(url) as engine:
        body = engine.recommendations.make("new", SAID)
        engine.store.append_record("learned", {**body, **change, "project": "other"})
    with opened(url) as engine:
        assert set(engine.recommendations.made()) == {"new"}
        engine.decide("other", "a")


def test_whoever_advises_is_asked_once_for_every_project():
    engine, asked = opened(), []

    def advise(project, made):
        asked.append(project)
        return SAID if project == "new" else None

    engine.recommendations.ask(advise)
    made = lived(engine, ["old", "new"], 3)
    assert asked == ["old", "new"]
    assert served(engine, made[1])[1].params["temperature"] == 0.4
    assert np.isclose(engine.recommendations.made()["new"]["gain_low"], 0.02)


def test_what_is_logged_changes_with_the_constants_within_one_call():
    engine = opened()
    engine.recommendations.ask(lambda project, made: SAID._replace(params={} if made else SAID.params, again=6))
    for decision in lived(engine, ["new"]):
        logged, policy = served(engine, decision)
        assert policy.params["own"] == (0.0 if logged.arrays["context"][9] < 6 else engine.policy.params["own"])
        assert engine.explain(decision.id, replay=True)["replay"]["same"]

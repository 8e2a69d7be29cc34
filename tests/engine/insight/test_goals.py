"""What is said of the goal: what it costs against the other, what it may still bring, and when to stop."""

import numpy as np
import pytest

from poolwise import ArmSpace, Choice, Engine, Family
from poolwise import policy as policies
from poolwise.engine import Settings
from poolwise.engine.insight import goals
from poolwise.errors import ConfigError
from poolwise.policy.view import Context, View

SPACE = ArmSpace([Family("kernel", {"tile": Choice(range(8))})], "kernel(tile=0)")


def told(goal: str, **stated):
    """An engine with 18 of 60 noisy outcomes, its last decision, and what it said of its goal after every outcome."""
    made = Settings(horizon=60.0, goal=goal, estimate="inline", **stated)
    engine, noise, said = Engine.open("memory://", SPACE, seed=1, settings=made), np.random.default_rng(0), []
    for _ in range(18):
        decision = engine.decide("machine", "kernel")
        engine.observe(decision.id, utility=0.1 * decision.params["tile"] + 0.3 * noise.normal())
        said.append(engine.across.goal())
    return engine, decision, said


@pytest.mark.parametrize("goal", ["earn", "best"])
def test_a_goal_says_what_it_gives_up_and_what_the_other_would(goal):
    engine, made, said = told(goal)
    own, other = (sum(found[name] for found in said) for name in ("gives_up", "other_gives_up"))
    assert (own < other) == (goal == "earn")
    found = said[-1]
    assert (found["goal"], found["decisions"], found["expected"]) == (goal, 18, 60)
    assert f'goal = "{goal}": ' in found["sentence"]
    assert f'(goal = "{goals.OTHER[goal]}"), ' in found["sentence"]
    of_last = engine.explain(made.id)
    assert of_last["goal"]["goal"] == goal
    assert any(text.startswith(f"It counted as {goals.COUNTED[goal]}") for text in of_last["sentences"])


def test_both_goals_agree_on_what_a_view_costs():
    """What one says of the other goal is what the other says of its own, on the same view."""
    policy = policies.parse("knowledge_gradient")
    earned = goals.of_decision(policy, goals.under("earn", VIEW, 10.0), None, 10.0)
    tried = goals.of_decision(policy, goals.under("best", VIEW, 10.0), None, 10.0)
    assert (earned["goal"], tried["goal"]) == ("earn", "best")
    assert (earned["gives_up"], earned["other_gives_up"]) == (tried["other_gives_up"], tried["gives_up"])


VIEW = View(
    mean=np.array([0.0, 0.3, 0.2]),
    scale=np.array([0.1, 0.05, 0.3]),
    noise=np.full(3, 0.2),
    allowed=np.ones(3, bool),
    count=np.array([3.0, 5.0, 0.0]),
    family=np.arange(3),
    baseline=0,
    wider_mean=np.zeros((2, 3)),
    wider_scale=np.ones((2, 3)),
    context=Context(remaining=20.0, remaining_project=20.0, remaining_all=20.0),
)


def test_what_is_given_up_by_hand():
    assert goals.given_up(VIEW, np.array([0.1, 0.7, 0.2])) == pytest.approx(0.1 * 0.3 + 0.2 * 0.1)
    barred = VIEW._replace(allowed=np.array([True, False, True]))
    assert goals.given_up(barred, np.array([0.5, 0.0, 0.5])) == pytest.approx(0.1)
    assert goals.percent(np.log(2), "ratio") == "50.0 %"
    assert goals.percent(0.25, "total") == "25.0 %"


@pytest.mark.parametrize(("enough", "said"), [(None, "with `enough` set"), (1e-9, "go on"), (50.0, ": stop")])
def test_when_to_stop_is_said(enough, said):
    engine, _, every = told("best", enough=enough)
    assert said in every[-1]["sentence"]
    assert every[-1]["enough"] == engine.status()["enough"] == (said == ": stop")


@pytest.mark.parametrize("goal", ["earn", "best"])
def test_before_the_first_decision_only_what_counts_is_said(goal):
    found = goals.goal(Engine.open("memory://", SPACE, settings=Settings(goal=goal)).serving)
    assert found["sentence"] == f"{goals.MEANT[goal]}."
    assert "gives_up" not in found


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"goal": "Best"}, "'earn' or 'best'"),
        ({"goal": ["best"]}, "'earn' or 'best'"),
        ({"goal": None}, "'earn' or 'best'"),
        ({"enough": 0.1}, "set goal = 'best', or leave enough out"),
        ({"goal": "earn", "enough": 0.1}, "set goal = 'best', or leave enough out"),
        ({"goal": "best", "enough": 0.0}, "gain in log units above 0"),
        ({"goal": "best", "enough": float("nan")}, "finite number"),
        ({"goal": "best", "enough": "little"}, "finite number"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_says_what_to_do(stated, said):
    with pytest.raises(ConfigError, match=said):
        Settings(**stated).checked()

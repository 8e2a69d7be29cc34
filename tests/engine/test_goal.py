"""Two goals: what all decisions earn, or the configuration that is best after them; and spaces that are degenerate."""

import numpy as np
import pytest

from poolwise import ArmSpace, Choice, Engine, Family, Real
from poolwise.engine import Settings
from poolwise.errors import ConfigError

TILES = {"tile": Real(0.0, 1.0, levels=40), "share": Real(0.0, 1.0, levels=25), "idle": Choice([0, 1])}
SPACE = ArmSpace([Family("default"), Family("kernel", TILES, limit=600)], "default")
SMALL = ArmSpace([Family("kernel", {"tile": Real(0.0, 1.0, levels=60)})], "kernel(tile=0)")


def worth(params: dict) -> float:
    """A broad hill, and ripples on it."""
    if not params:
        return 0.0
    x, y = params["tile"], params.get("share", 0.5)
    return 1.0 - 3 * (x - 0.7) ** 2 - 2 * (y - 0.3) ** 2 + 0.1 * np.sin(40 * x) * np.cos(30 * y)


def session(goal: str, seed: int, trials: int = 60, space: ArmSpace = SPACE, utility=worth, **settings) -> tuple:
    made = Settings(horizon=trials, goal=goal, estimate="inline", **settings)
    engine = Engine.open("memory://", space, seed=seed, settings=made)
    decisions = []
    for _ in range(trials):
        decisions.append(engine.decide("machine", "kernel"))
        value = utility(decisions[-1].params)
        engine.observe(decisions[-1].id, **({"utility": value} if value is not None else {"status": "failed"}))
    return engine, decisions


def test_each_goal_is_served_better_by_its_own_name() -> None:
    """Over eight seeds together: `best` tries more configurations and finds one at least as good; `earn` earns more."""
    tried = dict.fromkeys(("earn", "best"), 0)
    earned, found = dict.fromkeys(tried, 0.0), dict.fromkeys(tried, 0.0)
    for goal in tried:
        for seed in range(8):
            values = [(made.arm, worth(made.params)) for made in session(goal, seed)[1]]
            tried[goal] += len({arm for arm, _ in values})
            earned[goal] += sum(value for _, value in values)
            found[goal] += max(value for _, value in values)
    assert tried["best"] > tried["earn"]
    assert found["best"] >= found["earn"]
    assert earned["best"] < earned["earn"]


def test_a_session_is_made_again_from_its_log_whatever_the_goal_is_now(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'events.db'}"
    with Engine.open(url, SPACE, seed=1, settings=Settings(horizon=30, goal="best")) as engine:
        ids = []
        for _ in range(12):
            ids.append((made := engine.decide("machine", "kernel")).id)
            engine.observe(made.id, utility=worth(made.params))
    with Engine.open(url, SPACE) as engine:
        assert all(engine.explain(one, replay=True)["replay"]["same"] for one in ids)


def test_the_expected_gain_is_shown_and_falls_below_what_is_enough() -> None:
    few = ArmSpace([Family("kernel", {"tile": Choice([0.0, 0.4, 0.8])})], "kernel(tile=0)")
    engine, _ = session("best", 0, 3, few, enough=0.05)
    early = engine.status()["expected_gain"]
    for _ in range(40):
        made = engine.decide("machine", "kernel")
        engine.observe(made.id, utility=worth(made.params))
    late = engine.status()
    assert late["expected_gain"] < early
    assert late["enough"]
    assert engine.overview()["contexts"][0]["expected_gain"] == pytest.approx(late["expected_gain"])
    assert "expected_gain" not in session("earn", 0, 3)[0].status()


@pytest.mark.parametrize(
    "settings", [{"goal": "most"}, {"enough": 0.1}, {"goal": "best", "enough": 0.0}, {"goal": "best", "enough": -1.0}]
)
def test_what_cannot_be_meant_is_refused(settings: dict) -> None:
    with pytest.raises(ConfigError):
        Settings(**settings).checked()


ALIKE = ArmSpace(
    [Family("kernel", {"a": Real(0.0, 1.0, levels=8), "b": Real(0.0, 1.0, levels=8)})], "kernel(a=0.0,b=0.0)"
)
ONE = ArmSpace([Family("kernel", {"a": Choice([1]), "b": Choice([2])})], "kernel(a=1,b=2)")
DEGENERATE = {
    "every configuration fails": (SPACE, lambda params: None),
    "one arm": (ONE, lambda params: 0.3),
    "identical configurations": (ALIKE, lambda params: 0.0),
    "a parameter without effect": (ALIKE, lambda params: params["a"]),
    "slower by a thousand": (SPACE, lambda params: worth(params) - np.log(1000.0)),
}


@pytest.mark.parametrize("goal", ["earn", "best"])
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_spaces_leave_finite_beliefs_and_proper_choices(case: str, goal: str) -> None:
    space, utility = DEGENERATE[case]
    engine, decisions = session(goal, 0, 40, space, utility)
    beliefs = engine.beliefs()
    assert np.isfinite(beliefs[["mean", "sd", "low", "high"]].to_numpy()).all()
    assert all(0 < made.probability <= 1 for made in decisions)
    assert np.isfinite(engine.overview()["contexts"][0]["expected_gain"])


@pytest.mark.parametrize("goal", ["earn", "best"])
def test_one_arm_four_hundred_times(goal: str) -> None:
    engine, _ = session(goal, 0, 1, SMALL, lambda params: 0.2, log_views=False)
    for _ in range(400):
        made = engine.decide("machine", "kernel", available=["kernel(tile=0)"])
        engine.observe(made.id, utility=0.2)
    made = engine.decide("machine", "kernel")
    assert np.isfinite(engine.beliefs()[["mean", "sd"]].to_numpy()).all()
    assert 0 < made.probability <= 1

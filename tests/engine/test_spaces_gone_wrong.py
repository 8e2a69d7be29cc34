"""Parameter spaces that go wrong: beliefs stay finite, nothing breaks, and no more is lost than by the baseline."""

import numpy as np
import pytest

from poolwise import ArmSpace, Engine, Family, Integer, Real
from poolwise.engine import Settings
from poolwise.policy import knowledge_gradient

TILES = {"tile": Integer(1, 64, log=True, levels=7), "share": Real(0.0, 1.0, levels=9)}
SPACE = ArmSpace([Family("default"), Family("tuned", TILES, limit=63)], baseline="default")
TRIALS = 60
GOALS = ("earn", "best")


def opened(goal="earn", space=SPACE, policy=None):
    settings = Settings(horizon=2 * TRIALS, goal=goal, estimate="inline")
    return Engine.open("memory://", space, seed=0, settings=settings, policy=policy)


def run(engine, outcome, project="machine", number=TRIALS, **options):
    """Names of the families chosen, and what each decision was worth."""
    families, worth = [], []
    for _ in range(number):
        decision = engine.decide(project, "gemm", **options)
        told = outcome(decision)
        engine.observe(decision.id, **told)
        families.append(decision.family)
        worth.append(told.get("utility", -1.0))
    beliefs = engine.beliefs()
    assert np.isfinite(beliefs[["mean", "sd"]].to_numpy()).all()
    assert (beliefs["sd"] > 0).all()
    return families, np.array(worth)


def bowl(decision):
    """Utility over the baseline's."""
    if decision.family == "default":
        return 0.0
    return 0.5 - (np.log2(decision.params["tile"]) - 3) ** 2 / 9 - (decision.params["share"] - 0.5) ** 2


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("status", ["failed", "timeout"])
def test_where_every_configuration_fails_the_baseline_serves(goal, status):
    """Long before every one of them has been tried; and it is said."""
    fails = lambda one: {"utility": 0.0} if one.family == "default" else {"status": status}
    engine = opened(goal, policy=knowledge_gradient())
    families, _ = run(engine, fails, number=100)
    assert families.count("tuned") <= 45
    assert families[-20:].count("default") >= 18
    assert "configurations that were tried failed" in engine.status()["failing"]


@pytest.mark.parametrize("goal", GOALS)
def test_where_nine_in_ten_fail_little_is_lost_in_the_end(goal):
    """Whatever their parameters."""
    runs = dict(zip(SPACE.index, np.random.default_rng(1).random(len(SPACE.index)) < 0.1, strict=True))
    told = lambda one: {"utility": bowl(one)} if runs[one.arm] or one.family == "default" else {"status": "failed"}
    engine = opened(goal, policy=knowledge_gradient())
    _, worth = run(engine, told, number=100)
    assert (worth[-40:] == -1.0).sum() <= 4
    assert worth[-40:].mean() > -0.1


def test_where_configurations_run_nothing_is_said_of_failures():
    engine = opened()
    run(engine, lambda one: {"utility": bowl(one)}, number=20)
    assert "failing" not in engine.status()


@pytest.mark.parametrize("goal", GOALS)
def test_constraints_that_leave_one_arm(goal):
    one = [{"tile": tile} for tile in (2, 4, 8, 16, 32, 64)]
    family = Family("tuned", {"tile": TILES["tile"]}, forbidden=one)
    space = ArmSpace([Family("default"), family], baseline="default")
    assert len(space.arms) == 2
    families, _ = run(opened(goal, space), lambda one: {"utility": 0.3 * (one.family == "tuned")})
    assert families[-20:].count("tuned") >= 15


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("level", [-0.2, 0.0, 0.2])
def test_configurations_that_are_all_the_same(goal, level):
    """No parameter has an effect, utilities are all equal, and exactly so."""
    same = lambda one: {"utility": level * (one.family == "tuned")}
    _, worth = run(opened(goal), same)
    assert worth[-20:].mean() >= min(level, 0.0) + 0.05 * (level < 0)


def test_a_parameter_without_effect_costs_little():
    idle = lambda one: {"utility": 0.5 - (np.log2(one.params.get("tile", 1)) - 3) ** 2 / 9}
    _, worth = run(opened(policy=knowledge_gradient()), idle)
    assert worth[-20:].mean() > 0.35


def test_an_arm_that_is_repeated_is_known_and_its_neighbours_are_not_certain():
    engine = opened()
    arm = SPACE.arms[20].id
    known = lambda one: {"utility": 0.1 * (one.family == "tuned")}
    families, _ = run(engine, known, number=410, available=["default", arm])
    assert families.count("tuned") >= 395
    beliefs = engine.beliefs().set_index("arm")
    assert beliefs.loc[arm, "mean"] == pytest.approx(0.1, abs=0.02)
    assert beliefs.loc[arm, "sd"] < 0.05
    assert beliefs.drop(index=[arm, "default"])["sd"].min() > beliefs.loc[arm, "sd"]


def test_a_machine_that_is_slower_by_a_thousand_tells_as_much():
    """Costs over the baseline's own are what is learned: the first machine's are a thousand times the second's."""
    costs = lambda factor: lambda one: {"cost": factor * np.exp(-bowl(one)), "baseline_cost": factor}
    engine, alone = (opened(policy=knowledge_gradient()) for _ in range(2))
    run(engine, costs(1_000.0), "slow")
    engine_worth = [bowl(one) for one in _decisions(engine, costs(1.0), "fast", 10)]
    alone_worth = [bowl(one) for one in _decisions(alone, costs(1.0), "fast", 10)]
    assert sum(engine_worth) > sum(alone_worth)


def test_a_machine_whose_every_configuration_is_slower_by_a_thousand_harms_no_other():
    engine, alone = (opened(policy=knowledge_gradient()) for _ in range(2))
    run(engine, lambda one: {"utility": bowl(one) - 6.9 * (one.family == "tuned")}, "slow")
    _, after = run(engine, lambda one: {"utility": bowl(one)}, "fast")
    _, fresh = run(alone, lambda one: {"utility": bowl(one)}, "fast")
    assert (0.5 - after).sum() < (0.5 - fresh).sum() + 0.5 * TRIALS  # no more than the baseline for all of them


def _decisions(engine, outcome, project, number):
    made = []
    for _ in range(number):
        decision = engine.decide(project, "gemm")
        engine.observe(decision.id, **outcome(decision))
        made.append(decision)
    return made

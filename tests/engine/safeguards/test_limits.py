"""What safety and exploration make of decisions: what is chosen, and why."""

import math

import numpy as np
import pytest

from poolwise import errors
from poolwise.engine import Engine, Exploration, Safety, Settings
from poolwise.policy.constraints.conservative import Settings as Conservative
from poolwise.policy.constraints.coverage_guarantee import Guarantee
from tests.engine.limited import GAIN, OPEN, SPACE, live, thompson


def test_the_conservative_budget_sends_decisions_home():
    """Nothing was earned yet: after (1 - alpha) of the baseline's jobs, one in ten may be a total loss."""
    engine = thompson(Settings(safety=Safety(delta=None, quarantine=None, conservative=Conservative(measured=True))))
    made = [engine.decide("p", "a") for _ in range(40)]
    away = np.array([decision.arm != "default" for decision in made])
    assert np.all(away.cumsum() <= 0.1 * np.arange(1, 41) + 1e-9)
    assert away.sum() >= 2
    assert made[0].reason == "baseline only; conservative budget"


def test_a_spent_budget_leaves_the_favourite():
    engine = thompson(Settings(exploration=Exploration(context_budget=0.1, grant=0.0, drift=None)), spec="uniform")
    made = live(engine, 200, contexts=("a",))
    explored = [decision.reason.startswith("explored") for decision in made]
    assert 15 <= sum(explored) <= 20
    assert any(decision.reason.endswith("exploration budget") for decision in made)


def test_eligibility_lets_through_what_is_sound_and_pays_for_the_rest():
    engine = thompson(Settings(safety=Safety(delta=0.1, spend=0.1, quarantine=None)), spec="uniform")
    made = live(engine, 400, gain={**GAIN, "slow": -1.0, "odd": -1.0}, contexts=("a",))
    harmful = np.mean([decision.arm in ("slow", "odd") for decision in made])
    # Expected share 0.1 * 2 / 4 of 400: at most 0.05 + 4 standard errors of 0.011.
    assert harmful <= 0.1
    assert "eligibility" in made[0].reason


def test_the_least_bad_fallback_answers_where_the_baseline_cannot():
    engine = thompson(Settings(safety=Safety(fallbacks=("slow", "odd"))))
    decision = engine.decide("p", "a", available=["slow", "odd", "fast"])
    assert (decision.arm, decision.reason) == ("slow", "only one available; fallback")
    assert engine.decide("p", "a", available=["odd", "fast"]).arm == "odd"
    with pytest.raises(errors.SpaceError, match="fallbacks"):
        engine.decide("p", "a", available=["fast"])


def test_a_catastrophic_arm_is_away_after_five_of_its_trials_and_back_in_two_windows():
    """Median over 15 seeds, an arm at half the baseline's speed from decision 60 on, recovered at once after."""
    trials, away = [], []
    for seed in range(15):
        engine = thompson(seed=seed)
        live(engine, 60, seed=seed, contexts=("a",))
        bad, made = {**GAIN, "fast": math.log(0.5)}, []
        while not engine.overview()["quarantined"]:
            made += live(engine, 1, gain=bad, seed=1000 * seed + len(made), contexts=("a",), noise=0.2)
        trials.append(sum(decision.arm == "fast" for decision in made))
        away.append(engine.overview()["quarantined"][0]["outcomes_left"])
    assert np.median(trials) <= 5
    assert max(away) <= 2 * OPEN.safety.quarantine.window


def test_a_change_is_explored_at_once_and_what_is_settled_is_not():
    """12 seeds: mass off a favourite known with 99 % below 2 %, above 10 % again within 10 decisions of its fall."""
    for seed in range(12):
        engine = thompson(seed=seed, spec="covered(curious(thompson))")
        live(engine, 100, seed=seed, contexts=("a",), noise=0.2)
        for number in range(20):
            (row,) = engine.overview()["contexts"]
            if row["confidence"] > 0.99:
                break
            live(engine, 10, seed=1000 + 20 * seed + number, contexts=("a",), noise=0.2)
        assert row["exploring"] < 0.02
        fallen, decisions = {**GAIN, row["favourite"]: -0.3}, 0
        while engine.overview()["contexts"][0]["exploring"] <= 0.1:
            live(engine, 1, gain=fallen, seed=100 * seed + decisions, contexts=("a",), noise=0.2)
            decisions += 1
        assert decisions <= 10


def test_an_important_context_gets_its_trials_or_status_says_which_lacks_them():
    settings = Settings(exploration=Exploration(coverage=Guarantee(0.2, 5, 60), memory=None))
    engine = thompson(settings, spec="greedy")
    live(engine, 200, noise=0.3)
    assert engine.overview()["coverage"] == []
    engine.control("stop", context="b")
    live(engine, 120, seed=3)
    lack = next(lack for lack in engine.overview()["coverage"] if lack["context"] == "b")
    assert (lack["context"], lack["trials"]) == ("b", 0)
    assert lack["why"] == "an operator has stopped all but the baseline"


def test_what_is_settled_needs_no_coverage_and_status_says_so():
    engine = thompson(Settings(exploration=Exploration(coverage=Guarantee(0.2, 5, 60), memory=None)))
    live(engine, 300, noise=0.02)
    lacks = engine.overview()["coverage"]
    assert {lack["why"] for lack in lacks} == {"it is settled: no other arm may still be the best"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Safety(ban=("fast", "slow", "odd")), "only choice"),
        (Safety(ban=("default",)), "cannot be banned"),
        (Safety(pin="fast", ban=("fast",)), "both pinned and banned"),
        (Safety(pin="fast", stop=True), "stop means the baseline"),
        (Safety(fallbacks=("slwo",)), "did you mean 'slow'"),
        (Safety(fallbacks=("slow",), ban=("slow",)), "both banned and a fallback"),
        (Safety(delta=0.0), "delta"),
        (Safety(spend=1.0), "spend"),
        (Safety(margin=math.nan), "margin"),
        (Safety(conservative=Conservative(alpha=1.0)), "alpha"),
        (Exploration(context_budget=0.0), "context_budget"),
        (Exploration(overall_budget=1.0), "overall_budget"),
        (Exploration(grant=-1.0), "grant"),
        (Exploration(coverage=Guarantee(share=0.0)), "share"),
        (Exploration(memory=math.nan), "memory"),
    ],
)
def test_bad_limits_are_refused_before_the_first_decision(settings, message):
    with pytest.raises(errors.ConfigError, match=message) as caught:
        Engine.open("memory://", SPACE, settings=Settings(**{type(settings).__name__.lower(): settings}))
    assert "\n" not in str(caught.value)

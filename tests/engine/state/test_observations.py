"""What the engine makes of outcomes that are cut off, absurd, or old; and that a store gives it back."""

import math

import numpy as np
import pytest

from poolwise import policy
from poolwise.engine import Engine, Settings
from tests.engine.test_engine import SPACE


def told(settings: Settings, outcomes: int, report, url: str = "memory://") -> Engine:
    """An engine that chose arms evenly and was told `report(number, arm)` of each."""
    settings = settings._replace(estimate="inline")
    engine = Engine.open(url, SPACE, seed=4, settings=settings, policy=policy.uniform())
    for number in range(outcomes):
        decision = engine.decide("p", "linear")
        engine.observe(decision.id, **report(number, decision.arm))
    return engine


def mean(engine: Engine, arm: str) -> float:
    table = engine.beliefs()
    return float(table.loc[table["arm"] == arm, "mean"].iloc[0])


def stopped(number: int, arm: str) -> dict:
    """`slow` is stopped at four times the baseline's cost."""
    luck = math.exp(np.random.default_rng(number).normal(0, 0.1))
    return (
        {"cost": 4.0, "baseline_cost": 1.0, "status": "timeout"}
        if arm == "slow"
        else {"cost": luck, "baseline_cost": 1.0}
    )


def test_a_timeout_with_costs_is_a_bound_and_one_without_a_failure():
    censored = told(Settings(), 60, stopped)
    failed = told(Settings(timeouts="failed"), 60, stopped)
    alone = told(Settings(), 60, lambda number, arm: {"status": "timeout"} if arm == "slow" else stopped(number, arm))
    assert mean(censored, "slow") < -math.log(4)
    # A failure at its cost: the mean of what success would be worth and that, never below it.
    assert mean(failed, "slow") > -math.log(4)
    assert mean(alone, "slow") > math.log(0.5) - 0.5
    assert mean(censored, "default") == pytest.approx(0.0, abs=0.2)


CASES = {
    "stopped": (Settings(), stopped),
    "absurd": (Settings(), lambda n, arm: {"utility": -5.0 if n % 17 == 16 else 0.1 * (n % 3)}),
    "old": (Settings(half_life=24), lambda n, arm: {"utility": 0.01 * n}),
    "learned": (Settings(half_life="learned"), lambda n, arm: {"utility": 0.01 * n}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("outcomes", [50, 150], ids=["one by one", "in bulk"])
def test_a_store_opened_again_gives_the_same_beliefs(tmp_path, case, outcomes):
    settings, report = CASES[case]
    url = f"sqlite:///{tmp_path / 'events.db'}"
    engine = told(settings, outcomes, report, url)
    before = engine.beliefs()
    engine.close()
    after = Engine.open(url, SPACE, settings=settings._replace(estimate="inline")).beliefs()
    # Factors of what was cut off settle to a twentieth of a standard deviation; all else is the same fold.
    slack = 0.1 if case == "stopped" else 1e-6
    assert (abs(after["mean"] - before["mean"]) <= slack * before["sd"]).all()
    np.testing.assert_allclose(after["sd"], before["sd"], rtol=slack)


def test_one_absurd_measurement_moves_no_belief_far():
    def usual(number, arm):
        return {"utility": float(np.random.default_rng(number).normal(0.1, 0.2))}

    calm = told(Settings(), 60, usual)
    hit = told(Settings(), 60, lambda n, arm: {"cost": 100.0, "baseline_cost": 1.0} if n == 40 else usual(n, arm))
    before, after = calm.beliefs(), hit.beliefs()
    assert (abs(after["mean"] - before["mean"]) < before["sd"]).all()


def test_a_change_is_followed_with_a_half_life():
    def changed(number, arm):
        return {"utility": (0.5 if number < 200 else -0.5) + float(np.random.default_rng(number).normal(0, 0.1))}

    assert mean(told(Settings(half_life=30), 300, changed), "slow") < -0.3
    assert mean(told(Settings(), 300, changed), "slow") > -0.25
    # Of the baseline it takes more to believe that it is not worth 0.
    assert mean(told(Settings(half_life=30), 300, changed), "default") < -0.2

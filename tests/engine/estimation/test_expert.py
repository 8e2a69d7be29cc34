"""What an owner says of utilities: where beliefs start, how far it is believed later, and that all of it is told."""

import math

import numpy as np
import pytest

from poolwise import ArmSpace, Family
from poolwise.engine import Engine, Settings
from poolwise.errors import ConfigError, RefitError
from tests.engine.limited import live, thompson

SAID = Settings(utility_priors=(("slow", 0.8, 0.1), ("odd", 0.1, 0.1)), estimate="inline")


def test_beliefs_start_where_they_are_said_to_and_nowhere_else():
    chance = 3.0 / 3.6
    plain, told = (thompson(settings) for settings in (Settings(), SAID))
    for engine in (plain, told):
        engine.decide("p", "a")
    shift = told.beliefs().set_index("arm")["mean"] - plain.beliefs().set_index("arm")["mean"]
    assert shift.to_dict() == pytest.approx({"default": 0, "fast": 0, "slow": chance * 0.4, "odd": chance * 0.05})


def test_what_outcomes_contradict_is_discounted_reported_and_explained(tmp_path):
    """Said to be twice as fast, it is slower than the baseline."""
    url = f"sqlite:///{tmp_path / 'events.db'}"
    engine = thompson(SAID, url=url, spec="uniform", seed=2)
    first = next(made for made in live(engine, 9) if made.arm == "slow")
    live(engine, 200, seed=1)
    rows = {row["family"]: row for row in engine.overview()["priors"]}
    assert rows["slow"]["contradicted"]
    assert rows["slow"]["stated"] == "utility +0.8, sd 0.1"
    assert not rows["odd"]["contradicted"]
    later = next(made for made in live(engine, 50, seed=2) if made.arm == "slow")
    before, after = (engine.explain(made.id, replay=True) for made in (first, later))
    assert before["stated"] == {"mean": 0.8, "sd": 0.1, "weight": 0.5}
    assert after["stated"]["weight"] == pytest.approx(rows["slow"]["weight"], abs=0.05)
    assert before["replay"]["same"]
    assert after["replay"]["same"]
    assert any("expects a utility of +0.80 (sd 0.10)" in text for text in before["sentences"])
    assert any("outcomes contradict it" in text for text in after["sentences"])
    other = next(made for made in live(engine, 50, seed=3) if made.arm == "fast")
    assert engine.explain(other.id)["stated"] is None
    beliefs, weights = engine.beliefs(), engine.overview()["priors"]
    engine.close()
    again = thompson(SAID, url=url)
    np.testing.assert_allclose(again.beliefs()["mean"], beliefs["mean"], rtol=1e-9, atol=1e-9)
    assert again.overview()["priors"] == weights


def test_a_refit_keeps_what_is_left_of_it_or_says_that_it_cannot():
    engine = thompson(SAID, spec="uniform")
    live(engine, 60)
    snapshot = engine.refit()
    assert snapshot.status == "serving"
    assert np.isfinite(snapshot.hyper["expert"][2]).all()
    with pytest.raises(RefitError, match="use method 'fast'"):
        engine.refit("svi")


@pytest.mark.parametrize(
    "prior", [(math.nan, 0.1), (0.1, math.nan), (0.1, 0.0), (0.1, -1.0), (9.0, 0.1), (0.1, math.inf)]
)
def test_what_is_no_expectation_is_refused(prior):
    with pytest.raises(ConfigError, match=r"utility.prior.*fast"):
        Engine.open("memory://", thompson().space, settings=Settings(utility_priors=(("fast", *prior),)))


@pytest.mark.parametrize("table", ["domain_priors", "utility_priors"])
def test_a_prior_of_a_family_that_is_not_there_is_refused_when_the_engine_opens(table):
    space = ArmSpace([Family("usual"), Family("fast")], "usual")
    with pytest.raises(ConfigError, match=f"{table}.*'fats': did you mean 'fast'"):
        Engine.open("memory://", space, settings=Settings(**{table: (("fats", 0.5, 0.1),)}))

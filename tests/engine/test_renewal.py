"""Families that allow more than they offer: the best of all that they allow is found, and the log tells which."""

import numpy as np
import pytest

from poolwise.engine import Engine
from poolwise.engine.settings import Exploration, Safety, Settings
from poolwise.engine.state import checkpoint
from poolwise.errors import SpaceError
from poolwise.report.logs import logged
from poolwise.schema import CHANCES
from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Choice, Integer, Real
from poolwise.space.renewal import RENEWAL

PARAMETERS = {
    "tile": Integer(1, 4096, log=True, levels=13),
    "unroll": Integer(0, 15, levels=16),
    "share": Real(0.0, 1.0, levels=11),
    "order": Choice(["row", "column", "block"]),
    "vector": Choice([1, 2, 4, 8]),
}
FAMILY = Family("tuned", PARAMETERS, forbidden=[{"order": "row", "vector": 8}], limit=60)
SPACE = ArmSpace([Family("default"), FAMILY], "default")
INLINE = Settings(estimate="inline", horizon=120.0)


def utility(params):
    """0 for the baseline; at most 1, where tile is 64, unroll 6, share 0.37, order block and vector 4."""
    if not params:
        return 0.0
    away = (np.log2(params["tile"]) - 6) / 6, (params["unroll"] - 6) / 8, 2 * (params["share"] - 0.37)
    return 1.0 - sum(one**2 for one in away) - 0.4 * (params["order"] != "block") - 0.1 * (params["vector"] != 4)


def serve(engine, number, project="p", random=None):
    """Utilities that were had."""
    random, had = random or np.random.default_rng(0), []
    for _ in range(number):
        decision = engine.decide(project, "c")
        had.append(utility(decision.params))
        engine.observe(decision.id, utility=had[-1] + 0.02 * random.normal())
    return had


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A store after 120 decisions, and what these were worth."""
    url = f"sqlite:///{tmp_path_factory.mktemp('renewal')}/events.db"
    with Engine.open(url, SPACE, seed=1, settings=INLINE) as engine:
        return url, serve(engine, 120)


def test_the_best_of_all_that_is_allowed_is_found(served):
    _, had = served
    fixed = Engine.open("memory://", SPACE, seed=1, settings=INLINE._replace(renew="never"))
    without = serve(fixed, 120)
    assert not fixed.store.records(RENEWAL)
    most = max(utility(arm.params) for arm in SPACE.arms)
    assert max(without) <= most < 0.9
    assert np.mean(had[-30:]) > 0.93 > most


def test_who_opens_the_store_offers_the_same_and_believes_the_same(served, tmp_path):
    url, _ = served
    with Engine.open(url, SPACE, settings=INLINE) as one, Engine.open(url, SPACE, settings=INLINE) as other:
        assert one.space == other.space != SPACE
        assert len(one.space.arms) <= len(SPACE.arms)
        before = one.beliefs("p", "c").sort_values("arm", ignore_index=True)
        serve(one, 3)
        other.refresh()
        here, there = (e.beliefs("p", "c").sort_values("arm", ignore_index=True) for e in (one, other))
        assert here["n"].sum() == before["n"].sum() + 3
        np.testing.assert_allclose(here["mean"], there["mean"], rtol=0, atol=1e-6)
        np.testing.assert_allclose(here["sd"], there["sd"], rtol=1e-4)


def test_every_decision_is_explained_and_made_again_from_its_own_view(served):
    url, _ = served
    with Engine.open(url, SPACE, settings=INLINE) as engine:
        ids = engine.store.decisions().id
        assert all(engine.explain(int(id), replay=True)["replay"]["same"] for id in ids[::10])


def test_successor_and_a_fold_from_the_log_agree(tmp_path):
    """What took over from what served is what the log alone tells."""
    url = f"sqlite:///{tmp_path}/events.db"
    with Engine.open(url, SPACE, seed=2, settings=INLINE) as engine:
        serve(engine, 45)
        assert engine.store.records(RENEWAL)
        live = engine.beliefs("p", "c").set_index("arm")
    with Engine.open(url, SPACE, settings=INLINE) as engine:
        folded = engine.beliefs("p", "c").set_index("arm")
    folded = folded.loc[live.index]
    np.testing.assert_allclose(live["mean"], folded["mean"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(live["n"], folded["n"])


def test_a_checkpoint_from_before_a_renewal_is_gone_on_from(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "AT_CLOSE", 1)
    url = f"sqlite:///{tmp_path}/events.db"
    with Engine.open(url, SPACE, seed=9, settings=INLINE) as engine:
        serve(engine, 25)
    monkeypatch.setattr(checkpoint, "AT_CLOSE", 1_000)
    with Engine.open(url, SPACE, settings=INLINE) as engine:
        serve(engine, 25)
        numbers = [one["outcomes"] for one in engine.store.records(RENEWAL)]
        assert min(numbers) <= 25 < max(numbers)
        live = engine.beliefs("p", "c").set_index("arm")
    with Engine.open(url, SPACE, settings=INLINE) as engine:
        assert engine.serving.saved == 25
        resumed = engine.beliefs("p", "c").set_index("arm").loc[live.index]
    np.testing.assert_allclose(live["mean"], resumed["mean"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(live["n"], resumed["n"])


def test_beside_and_with_decisions_that_wait_nothing_is_lost(tmp_path):
    """Outcomes come late, of arms that are no longer offered, too."""
    random, waiting = np.random.default_rng(3), []
    with Engine.open(f"sqlite:///{tmp_path}/events.db", SPACE, seed=3, settings=Settings(horizon=200.0)) as engine:
        for number in range(200):
            waiting.append(engine.decide("p", "c"))
            if number % 7 == 6:
                engine._upkeep._beside._thread and engine._upkeep._beside._thread.join()
                while len(waiting) > 5:
                    late = waiting.pop(int(random.integers(len(waiting))))
                    engine.observe(late.id, utility=utility(late.params))
        assert len(engine.store.records(RENEWAL)) > 2
        for late in waiting:
            engine.observe(late.id, utility=utility(late.params))
        assert engine.serving.belief.posterior.counts()[0].sum() == engine.serving.usage.total == 200
        assert not engine.serving.belief.trouble


def test_two_processes_serve_one_store(tmp_path):
    url = f"sqlite:///{tmp_path}/events.db"
    with Engine.open(url, SPACE, seed=4, settings=INLINE) as one, Engine.open(url, SPACE, settings=INLINE) as other:
        for number in range(60):
            serve((one, other)[number % 2], 1)
        for engine in (one, other):
            engine.refresh()
        counts = [engine.serving.belief.posterior.counts()[0].sum() for engine in (one, other)]
        assert counts == [60, 60]
        assert max(len(one.space.arms), len(other.space.arms)) <= 1.2 * len(SPACE.arms)


def test_what_rules_and_operators_name_stays_and_what_they_ban_is_not_replaced(tmp_path):
    ids = [arm.id for arm in SPACE.arms if arm.family == "tuned"]
    settings = INLINE._replace(safety=Safety(delta=None, fallbacks=(ids[5],)), exploration=Exploration())
    with Engine.open(f"sqlite:///{tmp_path}/one.db", SPACE, seed=5, settings=settings) as engine:
        serve(engine, 2)
        engine.control("ban", ids[0], project="p")
        serve(engine, 40)
        assert engine.store.records(RENEWAL)
        assert {ids[0], ids[5], "default"} <= set(engine.space.index)
    with Engine.open(f"sqlite:///{tmp_path}/two.db", SPACE, seed=5, settings=INLINE) as engine:
        serve(engine, 2)
        engine.control("ban", "tuned", project="p")
        serve(engine, 40, "q")
        assert not engine.store.records(RENEWAL)  # a new arm would not be banned
        assert engine.space == SPACE


def test_numbers_between_levels_where_all_levels_are_offered():
    family = Family("f", {"share": Real(0.0, 1.0, levels=6)}, limit=40)
    space = ArmSpace([Family("default"), family], "default")
    settings = INLINE._replace(renew="always", surface="always", goal="best", horizon=60.0)
    with Engine.open("memory://", space, seed=6, settings=settings) as engine:
        found = []
        for _ in range(60):
            decision = engine.decide("p", "c")
            found.append(decision.params.get("share"))
            engine.observe(decision.id, utility=0.0 if found[-1] is None else 1 - 4 * abs(found[-1] - 0.47))
        assert min(abs(one - 0.47) for one in found if one is not None) < 0.02
        assert len(engine.space.arms) <= 41


@pytest.mark.parametrize("case", ["fails", "alike", "without effect"])
def test_a_space_that_teaches_nothing_is_served_as_before(case):
    settings = INLINE._replace(goal="best", horizon=60.0)
    with Engine.open("memory://", SPACE, seed=7, settings=settings) as engine:
        for _ in range(60):
            decision = engine.decide("p", "c")
            if case == "fails" and decision.params:
                engine.observe(decision.id, status="failed")
            else:
                engine.observe(decision.id, utility=0.3 if case == "alike" else 0.3 * (decision.family == "tuned"))
        beliefs = engine.beliefs("p", "c")
        assert np.isfinite(beliefs[["mean", "sd"]].to_numpy()).all()
        assert len(engine.space.arms) <= len(SPACE.arms)


def test_a_damaged_renewal_is_left_out_and_named():
    with Engine.open("memory://", SPACE, seed=8, settings=INLINE) as engine:
        engine.store.append_record(RENEWAL, {"family": "tuned", "added": [3], "dropped": []})
        engine.store.append_record(RENEWAL, {"family": "gone", "added": ["gone(a=1)"], "dropped": ["default"]})
        again = Engine(engine.store, SPACE, engine.policy, INLINE)
        assert again.space == SPACE
        assert any(RENEWAL in one for one in again.status()["quarantined"])


def test_arms_that_left_may_be_named_as_available_and_by_rules_that_come_later(served):
    url, _ = served
    first = [arm.id for arm in SPACE.arms]
    with Engine.open(url, SPACE, settings=INLINE) as engine:
        left = [id for id in first if id not in engine.space.index]
        assert left
        assert engine.decide("p", "c", available=first).arm in set(first) - set(left)
        with pytest.raises(SpaceError, match="unknown arm"):
            engine.decide("p", "c", available=["default", "tuned(tile=7)"])
    rules = INLINE._replace(safety=Safety(delta=None, ban=(left[0],), fallbacks=(left[1],)))
    with Engine.open(url, SPACE, settings=rules) as engine:
        assert {left[0], left[1]} <= set(engine.space.index)
        assert engine.decide("p", "c").arm != left[0]


def test_an_estimate_of_other_arms_is_not_served():
    with Engine.open("memory://", SPACE, seed=10, settings=INLINE) as engine:
        serve(engine, 9)
        before = engine.serving.belief
        found = before.posterior.hyperparameters
        assert before.frame.suits(found)
        serve(engine, 3)
        assert engine.store.records(RENEWAL)
        assert not engine.serving.belief.frame.suits(found)


def test_what_cannot_be_gone_on_from_is_folded_from_the_log(monkeypatch):
    def unusable(*_):
        raise checkpoint.Unusable("not today")

    monkeypatch.setattr(checkpoint, "moved", unusable)
    with Engine.open("memory://", SPACE, seed=11, settings=INLINE) as engine:
        serve(engine, 30)
        assert engine.store.records(RENEWAL)
        assert engine.serving.belief.posterior.counts()[0].sum() == 30
        assert len(engine.space.arms) <= len(SPACE.arms)


def test_a_log_of_renewed_configurations_can_be_judged(served):
    """Propensities of decisions among other configurations each time are made again, and each sum to 1."""
    url, _ = served
    with Engine.open(url, SPACE, settings=INLINE) as engine:
        frame, notes = logged(engine.store)
        answered = engine.store.counts()["outcomes"]
        assert engine.status()["renewed"] > 0
        assert len(engine.best()) == 1
    chances = frame.filter(like=CHANCES)
    assert len(frame) == answered
    assert "all agree" in notes[0]
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    assert chances.shape[1] > len(SPACE.arms)

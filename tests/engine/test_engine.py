"""The engine as a caller sees it: what it decides, what it learns, and that nothing is lost or counted twice."""

import math
from itertools import product

import numpy as np
import pytest

from poolwise import errors, policy
from poolwise.engine import Engine, Settings
from poolwise.space import ArmSpace, Family
from poolwise.space.parameters import Choice

SPACE = ArmSpace([Family("default"), Family("quick", {"depth": Choice([1, 2])}), Family("slow")], "default")
INLINE = Settings(estimate="inline")
"""Scales are estimated in the call in which that is due: what two looks compare does not depend on the machine."""
SPEED = {"default": 1.0, "quick(depth=1)": 1.3, "quick(depth=2)": 2.0, "slow": 0.6}


@pytest.fixture(params=["memory://", "sqlite"])
def url(request, tmp_path):
    return request.param if request.param == "memory://" else f"sqlite:///{tmp_path / 'events.db'}"


def run(engine, rounds, seed=0, contexts=("linear", "nonlinear"), project="p"):
    random = np.random.default_rng(seed)
    chosen = []
    for i in range(rounds):
        decision = engine.decide(project, contexts[i % len(contexts)])
        cost = math.exp(random.normal(0, 0.1)) / SPEED[decision.arm]
        engine.observe(decision.id, cost=cost, baseline_cost=1.0)
        chosen.append(decision)
    return chosen


def test_it_finds_the_best_arm_and_says_so(url):
    engine = Engine.open(url, SPACE, seed=3)
    chosen = run(engine, 60)
    assert np.mean([decision.arm == "quick(depth=2)" for decision in chosen[30:]]) > 0.8
    table = engine.beliefs()
    best = table.loc[table.groupby("context")["mean"].idxmax()]
    assert set(best["arm"]) == {"quick(depth=2)"}
    # Two intervals, each within 4 posterior standard deviations: a false alarm in 8,000.
    assert (abs(best["mean"] - math.log(2)) < 4 * best["sd"]).all()
    assert table["n"].sum() == 60


def test_a_new_project_starts_with_what_others_learned():
    """Its first decisions, over 12 seeds: more best arms than of an engine that knows nothing (error 0.05)."""
    share = {80: [], 0: []}
    for seed, before in product(range(12), share):
        engine = Engine.open("memory://", SPACE, policy=policy.thompson(0.3), seed=seed)
        run(engine, before)
        first = run(engine, 8, seed=seed + 100, project="new")
        share[before].append(np.mean([decision.arm == "quick(depth=2)" for decision in first]))
    assert np.mean(share[80]) > 0.6
    assert np.mean(share[80]) > np.mean(share[0]) + 0.1


def test_closing_and_opening_again_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path / 'events.db'}"
    engine = Engine.open(url, SPACE, seed=5, settings=INLINE)
    run(engine, 37)
    before = engine.beliefs()
    engine.close()
    again = Engine.open(url, SPACE, settings=INLINE)
    after = again.beliefs()
    for column in ("mean", "sd"):
        np.testing.assert_allclose(after[column], before[column], rtol=1e-9, atol=1e-12)
    assert again.status()["outcomes"] == 37


def test_every_decision_can_be_made_again_from_the_log_alone(url):
    engine = Engine.open(url, SPACE, seed=6)
    chosen = run(engine, 25)
    many = engine.decide_many("p", ["linear"] * 20)
    for id in [decision.id for decision in chosen] + many.id.tolist():
        assert engine.explain(id, replay=True)["replay"]["same"]


def test_logged_probabilities_match_frequencies():
    engine = Engine.open("memory://", SPACE, seed=7, policy=policy.floored(policy.uniform()))
    n = 100_000
    arms = engine.decide_many("p", ["linear"] * n).arm
    observed = np.bincount(arms, minlength=4)
    expected = np.full(4, n / 4)
    # Chi-square with 3 degrees of freedom: above 21.1 once in 10,000 runs.
    assert ((observed - expected) ** 2 / expected).sum() < 21.1


def test_many_equals_one_by_one():
    fixed = Settings(reestimate_every=((10**9, 10**9),))
    plain = policy.thompson()  # looks at no counts of decisions, which stand still while many are made
    one, many = (Engine.open("memory://", SPACE, policy=plain, seed=8, settings=fixed) for _ in range(2))
    names = ["linear", "nonlinear", "linear", "arrays"] * 5
    single = [one.decide("p", name) for name in names]
    columns = many.decide_many("p", names)
    assert [decision.id for decision in single] == columns.id.tolist()
    assert [decision.arm for decision in single] == [many.store.names("arm")[a] for a in columns.arm]
    one_by_one = [one.observe(decision.id, utility=0.1 * i) for i, decision in enumerate(single)]
    verdict = many.observe_many(columns.id, utility=0.1 * np.arange(20))
    assert all(one_by_one)
    assert not verdict.any()
    np.testing.assert_allclose(one.beliefs()["mean"], many.beliefs()["mean"], rtol=1e-6, atol=1e-9)


def test_a_batch_also_brings_what_others_have_stored_and_nothing_twice(tmp_path):
    first, second = (Engine.open(f"sqlite:///{tmp_path / 'events.db'}", SPACE, seed=8) for _ in range(2))
    run(first, 3)
    for engine in (second, first, first):
        made = engine.decide_many("p", ["linear"] * 4)
        engine.observe_many(made.id, utility=0.1)
    assert first.status()["learned"] == 15
    assert second.status()["learned"] == 15
    assert (first.refresh(), second.refresh()) == (4, 11)
    assert first.beliefs()["n"].sum() == 15


def test_repeated_conflicting_and_unknown_outcomes(url):
    engine = Engine.open(url, SPACE, seed=9)
    decision = engine.decide("p", "linear")
    assert engine.observe(decision.id, utility=0.2)
    before = engine.beliefs()
    assert not engine.observe(decision.id, utility=0.2)
    with pytest.raises(errors.ConflictingOutcome):
        engine.observe(decision.id, utility=0.3)
    with pytest.raises(errors.UnknownDecision):
        engine.observe(10**9, utility=0.3)
    with pytest.raises(errors.OutcomeError):
        engine.observe(decision.id, cost=-1.0, baseline_cost=1.0)
    assert engine.beliefs().equals(before)
    counts = engine.status()
    assert (counts["repeated"], counts["conflicting"], counts["unknown"]) == (1, 1, 1)


def test_failures_are_learned_as_failures():
    engine = Engine.open("memory://", SPACE, seed=10, policy=policy.uniform())
    for _ in range(60):
        decision = engine.decide("p", "linear")
        if decision.arm == "quick(depth=2)":
            engine.observe(decision.id, status="failed")
        else:
            engine.observe(decision.id, utility=math.log(SPEED[decision.arm]))
    table = engine.beliefs().set_index("arm")
    assert table.loc["quick(depth=2)", "mean"] < 0 < table.loc["quick(depth=1)", "mean"]


def test_a_decision_without_outcome_counts_as_failed_until_it_arrives():
    engine = Engine.open("memory://", SPACE, seed=11, settings=Settings(outcome_timeout=1e-9), policy=policy.uniform())
    decision = engine.decide("p", "linear")
    before = engine.beliefs().set_index("arm")["mean"]
    engine.refresh()
    assumed = engine.beliefs().set_index("arm")["mean"]
    assert assumed[decision.arm] < before[decision.arm]
    engine.observe(decision.id, utility=1.0)
    arrived = engine.beliefs().set_index("arm")["mean"]
    assert arrived[decision.arm] > before[decision.arm]
    assert engine.status()["learned"] == 1


def test_arms_come_and_go_without_losing_what_was_learned(url):
    if url == "memory://":
        pytest.skip("a memory store ends with its engine")
    engine = Engine.open(url, SPACE, seed=12)
    run(engine, 40)
    learned = engine.beliefs().set_index(["context", "arm"])["n"]
    engine.close()
    without = Engine.open(url, SPACE.retire("quick(depth=2)"))
    assert "quick(depth=2)" not in {decision.arm for decision in run(without, 10, seed=1)}
    without.close()
    back = Engine.open(url, SPACE)
    now = back.beliefs().set_index(["context", "arm"])["n"]
    assert (now >= learned.reindex(now.index)).all()


def test_availability_is_per_call():
    engine = Engine.open("memory://", SPACE, seed=13)
    assert {engine.decide("p", "c", available=["default"]).arm for _ in range(5)} == {"default"}
    with pytest.raises(errors.SpaceError, match="baseline"):
        engine.decide("p", "c", available=["slow"])
    with pytest.raises(errors.SpaceError, match="unknown arm or family"):
        engine.decide("p", "c", available=["default", "fastest"])


@pytest.mark.parametrize(("project", "context"), [("p", 3), ("", "c"), (None, "c"), ("p", float("nan"))])
def test_names_must_be_names(project, context):
    engine = Engine.open("memory://", SPACE, seed=14)
    with pytest.raises(errors.InputError, match="non-empty string"):
        engine.decide(project, context)
    assert engine.status()["decisions"] == 0


def test_two_engines_on_one_store_learn_from_each_other(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first = Engine.open(url, SPACE, seed=15)
    second = Engine.open(url, SPACE)
    a, b = run(first, 15), run(second, 15, seed=1)
    assert not {decision.id for decision in a} & {decision.id for decision in b}
    assert first.refresh() == 15
    assert second.refresh() == 15
    np.testing.assert_array_equal(first.beliefs()["n"].sum(), 30)
    assert first.refresh() == 0


def test_a_refit_is_a_snapshot_with_its_parent(url):
    engine = Engine.open(url, SPACE, seed=16, settings=INLINE)
    run(engine, 12)
    snapshot = engine.refit()
    assert snapshot.status == "serving"
    assert snapshot.parent == snapshot.id - 1
    assert engine.store.snapshots()[-1].outcomes == 12


def test_frames_of_an_engine():
    with Engine.open("memory://", SPACE, seed=1, settings=INLINE) as engine:
        for k in range(12):
            made = engine.decide("p", "ab"[k % 2])
            engine.observe(made.id, utility=1.0 * (made.arm != engine.space.baseline))
        best = engine.best()
        assert best[["project", "context"]].to_numpy().tolist() == [["p", "a"], ["p", "b"]]
        assert (best["low"] < best["speed_up"]).all()
        assert (best["speed_up"] < best["high"]).all()
        assert best["probability"].between(0, 1).all()
        assert engine.best("p", "b").to_numpy().tolist() == best.iloc[[1]].to_numpy().tolist()
        whole = engine.beliefs()
        assert engine.beliefs(context="a").equals(whole[whole["context"] == "a"].reset_index(drop=True))
        assert len(engine.trials()) == 12
        for call in (engine.best, engine.beliefs):
            with pytest.raises(errors.InputError, match="no context 'c' in this store: it has a, b"):
                call("p", "c")


def test_an_engine_shows_itself_in_a_line_and_in_a_notebook():
    engine = Engine.open("memory://", SPACE, seed=1)
    engine.observe(engine.decide("<p>", "c").id, utility=0.5)
    assert repr(engine).startswith("<Engine: 1 decisions, 1 outcomes, 1 projects, 1 contexts, ")
    assert "&lt;p&gt;" in engine._repr_html_()
    engine.close()
    assert "closed" in repr(engine)


def test_a_cost_alone_gains_what_the_baseline_cost_on_the_same_job():
    with Engine.open("memory://", SPACE, seed=1) as engine:
        base = engine.space.baseline
        for _ in range(8):
            made = engine.decide("p", "c", job="j")
            engine.observe(made.id, cost=4.0 if made.arm == base else 2.0)
        table = engine.trials()
    if (table["arm"] == base).any():
        assert table["gain"].to_numpy() == pytest.approx(np.log(4.0 / table["cost"]))
    else:
        assert table["gain"].isna().all()
        assert table["safe"].all()

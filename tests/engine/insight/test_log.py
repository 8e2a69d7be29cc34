"""Limits follow from the log: decisions are made again, and every process agrees."""

import numpy as np
import pytest

from poolwise.engine import Safety
from poolwise.engine.insight.explain import view_of
from poolwise.policy.constraints import constraints
from tests.engine.limited import FULL, GAIN, OPEN, live, thompson


@pytest.mark.parametrize("url", ["memory://", "sqlite"])
def test_every_limited_decision_is_made_again_bit_for_bit(url, tmp_path):
    url = url if url == "memory://" else f"sqlite:///{tmp_path / 'events.db'}"
    engine = thompson(FULL, url=url)
    made = live(engine, 40)
    engine.control("ban", "odd")
    engine.control("shadow", context="b")
    made += live(engine, 10)
    many = engine.decide_many("p", ["a", "b"] * 20)
    assert all(engine.explain(id, replay=True)["replay"]["same"] for id in [d.id for d in made] + many.id.tolist())


@pytest.mark.parametrize("settings", [OPEN, FULL], ids=["guarded", "everything"])
def test_opening_again_gives_the_same_limits_and_beliefs(tmp_path, settings):
    url = f"sqlite:///{tmp_path / 'events.db'}"
    engine = thompson(settings, url=url)
    live(engine, 60)
    live(engine, 60, gain={**GAIN, "fast": -0.9, "odd": -0.9}, seed=2)
    engine.control("pin", "slow", context="a")
    before, beliefs = engine.overview(), engine.beliefs()
    engine.close()
    again = thompson(settings, url=url)
    after = again.overview()
    for part in ("quarantined", "budgets", "coverage", "orders"):
        assert after[part] == before[part]
    np.testing.assert_allclose(again.beliefs()["mean"], beliefs["mean"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(again.beliefs()["sd"], beliefs["sd"], rtol=1e-9, atol=1e-9)


def test_many_are_limited_as_they_would_be_one_by_one():
    one, many = thompson(FULL), thompson(FULL)
    columns = many.decide_many("p", ["a", "b"] * 15)
    single = [one.decide("p", context) for context in ["a", "b"] * 15]
    assert [d.arm for d in single] == [many.store.names("arm")[a] for a in columns.arm]
    np.testing.assert_array_equal([d.probability for d in single], columns.probability)


def test_engines_that_share_a_store_agree_on_what_is_limited(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first, second = thompson(FULL, url=url), thompson(FULL, url=url)
    for turn in range(4):
        live(first, 10, seed=turn)
        live(second, 10, seed=10 + turn, gain={**GAIN, "fast": -0.9})
    for engine in (first, second):
        engine.refresh()
    fresh = thompson(FULL, url=url)
    for part in ("quarantined", "budgets"):
        assert first.overview()[part] == second.overview()[part] == fresh.overview()[part]
    # Why it is short may rest on beliefs, whose scales every engine estimates again when it is due.
    short = [[(one["context"], one["trials"]) for one in engine.overview()["coverage"]] for engine in (first, second)]
    assert short[0] == short[1] != []


@pytest.mark.parametrize("settings", [None, FULL], ids=["plain", "limited"])
def test_the_next_view_after_opening_again_is_the_one_it_would_have_been(tmp_path, settings):
    views = []
    for opened_again in (False, True):
        url = f"sqlite:///{tmp_path}/{opened_again}.db"
        engine = thompson(settings, url=url)
        live(engine, 41, contexts=("a", "b", "a", "a", "c"))
        if opened_again:
            engine.close()
            engine = thompson(settings, url=url)
        views.append(engine.store.view(engine.decide("p", "b").view).arrays)
    before, after = views
    for name, array in before.items():
        np.testing.assert_allclose(after[name], array, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.slow
def test_a_million_limited_decisions_follow_their_logged_probabilities():
    """Chi-square with 3 degrees of freedom: above 21.1 once in 10,000 runs."""
    engine = thompson(FULL._replace(safety=Safety()), spec="floored(covered(curious(thompson)))")
    live(engine, 40)
    counts, expected = np.zeros(4), np.zeros(4)
    for _ in range(10):
        made = engine.decide_many("p", ["a"] * 100_000)
        counts += np.bincount(made.arm, minlength=4)
        for key, number in zip(*np.unique(made.view, return_counts=True), strict=True):
            logged = engine.store.view(int(key))
            force = constraints.from_arrays(logged.arrays)
            expected += number * constraints.constrain(engine.policy, view_of(logged), force).probabilities
    assert ((counts - expected) ** 2 / expected).sum() < 21.1

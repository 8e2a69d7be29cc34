"""New projects explore as cards and the store's own projects recommend, and serving goes on whatever happens."""

import math
import time

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.config import from_tables
from poolwise.errors import ConfigError, DataError
from poolwise.meta import policy_card
from poolwise.meta.meta_features import MetaFeatures
from poolwise.meta.racing import Race
from poolwise.run import recommending
from poolwise.run.opening import open_engine

SPACE = {"baseline": "default", "families": {"default": {}, "fast": {}, "odd": {}}}
SPEED = {"default": 0.0, "fast": 0.4, "odd": -0.3}
LESS = {"own": 0.25, "shared": 0.5}


def raced(ratio, settings=({}, LESS), arms=3):
    """What came of a race over four histories with this log ratio each, give or take a little."""
    known = [MetaFeatures(math.log(arms), 1.0, 0.1, wide, wide, 4.0, 0.5, 0.1) for wide in (-3.0, 1.0, -3.0, 1.0)]
    names, found = tuple("abcd"), np.zeros((4, len(settings)))
    found[:, 1:] = np.array([ratio])[:, None] + 0.01 * np.arange(4)[:, None]
    error = 0.02 * (np.arange(len(settings)) > 0) * np.ones((4, 1))
    return Race(
        policies.default(), settings, names, names, tuple(known), found, error, np.full(found.shape, 6), 0 * found[0]
    )


@pytest.fixture
def card(tmp_path):
    def write(name, ratio=-0.4, **changes):
        path = tmp_path / name
        policy_card.write({**policy_card.of_race(raced(ratio, **changes)), "promoted": True}, path)
        return str(path)

    return write


def opened(store="memory://", estimate="inline", **policy):
    run, engine = {"store": store, "seed": 3}, {"estimate": estimate}
    return open_engine(from_tables({"run": run, "space": SPACE, "policy": policy, "engine": engine}))


def lived(engine, project, count):
    random = np.random.default_rng(count)
    for number in range(count):
        made = engine.decide(project, "ab"[number % 3 == 0])
        utility = 0.0 if made.arm == "default" else SPEED[made.arm] + random.normal(0, 0.2)
        engine.observe(made.id, utility=utility)
    return made


def constants(engine, decision):
    return engine.store.policy(engine.store.view(decision.view).policy)[1]


def test_a_new_project_explores_as_cards_recommend(card):
    engine = opened(learned=[card("one"), card("two", -0.2)])
    assert constants(engine, lived(engine, "new", 1)) == {**policies.default().params, **LESS}
    body = engine.recommendations.made()["new"]
    assert body["again"] == recommending.OWN
    assert 0 < body["gain_low"] < body["gain"] < 1
    assert "one and " in body["source"]
    assert body["why"].startswith("Regret is expected at")


def test_cards_are_weighed_against_each_other(card):
    engine = opened(learned=[card("gains", -0.2), card("loses", 0.3)])
    assert constants(engine, lived(engine, "new", 1)) == policies.default().params
    assert "No setting is expected to gain" in engine.recommendations.made()["new"]["why"]


def test_a_card_of_other_projects_says_so_and_the_default_serves(card):
    engine = opened(learned=card("large", arms=500))
    assert constants(engine, lived(engine, "new", 1)) == policies.default().params
    assert "does not know such a project: arms is 3" in engine.recommendations.made()["new"]["why"]


def test_a_project_keeps_what_it_had_when_the_engine_is_opened_again(card, tmp_path):
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with opened(url, learned=card("one")) as engine:
        lived(engine, "new", 3)
    with opened(url) as engine:
        assert constants(engine, lived(engine, "new", 1))["own"] == LESS["own"]
        assert constants(engine, lived(engine, "other", 1))["own"] == policies.default().params["own"]


def test_what_may_not_serve_is_refused_at_opening(card, tmp_path):
    other = policy_card.of_race(raced(-0.4)._replace(policy=policies.knowledge_gradient()))
    policy_card.write({**other, "promoted": True}, tmp_path / "other")
    with pytest.raises(ConfigError, match="different policies"):
        opened(learned=[card("one"), str(tmp_path / "other")])
    with pytest.raises(ConfigError, match="keep one of the two"):
        opened(learned=card("one"), spec="thompson")
    with pytest.raises(ConfigError, match="nothing to learn"):
        opened(learn="projects", spec="uniform")
    policy_card.write({**policy_card.of_race(raced(0.1)), "promoted": False}, tmp_path / "lost")
    for path, why in ((tmp_path / "nowhere", "cannot be read"), (tmp_path / "lost", "was not promoted")):
        with pytest.raises(DataError, match=why):
            opened(learned=str(path))


def three(engine):
    for project in ("a", "b", "c"):
        lived(engine, project, 40)


@pytest.mark.parametrize(("ratio", "own"), [(-0.4, LESS["own"]), (0.1, policies.default().params["own"])])
def test_the_stores_own_projects_teach_the_next_one(ratio, own, monkeypatch):
    engine, asked = opened(learn="projects"), []
    three(engine)
    monkeypatch.setattr(recommending.racing, "race", lambda pasts, *_: asked.append(pasts[0].projects) or raced(ratio))
    assert constants(engine, lived(engine, "new", 1))["own"] == own
    assert asked == [("a", "b", "c")]
    body = engine.recommendations.made()["new"]
    assert ("4 earlier projects" in body["source"]) == (ratio < 0)
    assert ("Regret is expected at" if ratio < 0 else "no setting gained enough") in body["why"]
    assert "new" in str(engine.overview()["recommended"])


def test_too_few_projects_are_no_evidence():
    engine = opened(learn="projects")
    lived(engine, "a", 40)
    assert constants(engine, lived(engine, "b", 1)) == policies.default().params
    assert "1 earlier projects with outcomes enough are too few" in engine.recommendations.made()["b"]["why"]
    assert "a" not in engine.recommendations.made()


def test_time_that_is_too_short_is_said():
    engine = opened(learn="projects", learn_seconds=1e-6)
    three(engine)
    assert constants(engine, lived(engine, "new", 1)) == policies.default().params
    assert "The time, 1e-06 s, was too short" in engine.recommendations.made()["new"]["why"]


def test_serving_goes_on_when_learning_fails(monkeypatch):
    engine = opened(learn="projects")
    three(engine)
    monkeypatch.setattr(recommending.racing, "race", lambda *_: 1 / 0)
    assert constants(engine, lived(engine, "new", 1)) == policies.default().params
    assert engine.recommendations.made()["new"]["why"] == "Learning failed (division by zero): the default serves."


def test_a_race_beside_does_not_hold_decisions_up(monkeypatch, tmp_path):
    engine = opened(f"sqlite:///{tmp_path / 'store.db'}", "beside", learn="projects")
    three(engine)
    monkeypatch.setattr(recommending.racing, "race", lambda *_: time.sleep(0.5) or raced(-0.4))
    assert constants(engine, lived(engine, "new", 1)) == policies.default().params
    for _ in range(200):
        if "new" in engine.recommendations.made():
            break
        time.sleep(0.05)
    assert constants(engine, lived(engine, "new", 1))["own"] == LESS["own"]
    engine.close()


@pytest.mark.parametrize("loses", [False, True])
def test_a_project_that_shows_that_a_card_loses_goes_back_to_the_default(card, loses, monkeypatch):
    monkeypatch.setattr(recommending, "OWN", 40)
    engine = opened(learned=card("one"))
    lived(engine, "new", 39)
    other = recommending.mixture.Evidence(({}, LESS), np.array([0.0, 0.8]), np.array([0.0, 0.05]))
    if loses:
        monkeypatch.setattr(recommending.mixture, "of_past", lambda *_: other)
    expected = policies.default().params["own"] if loses else LESS["own"]
    assert constants(engine, lived(engine, "new", 3))["own"] == expected
    body = engine.recommendations.made()["new"]
    assert body["source"].endswith("its own first 40 decisions")
    assert body["again"] is None


def test_a_real_race_comes_to_a_verdict():
    engine = opened(learn="projects", learn_seconds=5.0)
    three(engine)
    lived(engine, "new", 1)
    assert "Learning failed" not in engine.recommendations.made()["new"]["why"]


def test_the_next_race_adds_to_those_before_it(monkeypatch):
    engine, asked = opened(learn="projects"), []
    three(engine)
    race = lambda pasts, policy, settings, seeds, *_: (
        asked.append((len(settings), seeds[0])) or raced(-0.2 * len(asked))
    )
    monkeypatch.setattr(recommending.racing, "race", race)
    for project in ("d", "e"):
        lived(engine, project, 40)
    (settings, first), (again, later) = asked
    assert again < settings
    assert later >= first + recommending.SEEDS
    assert engine.recommendations.made()["e"]["gain"] > engine.recommendations.made()["d"]["gain"]

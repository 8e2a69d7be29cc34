"""Exploration as a function of what a system is like: ranges, gradients, cards, and what is refused."""

import json
import math

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.config import parse
from poolwise.errors import ConfigError, DataError
from poolwise.meta import exploration, meta_features
from poolwise.meta import policy_card as cards
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.run import opening

PARAMS = {"own": 1.0, "shared": 0.1, "temperature": 0.1}
SPEC = "knowledge_gradient"
LIKE = meta_features.of(HYPERPRIOR.median, 8, np.ones(5), np.ones(5), 100.0, 2_000.0)
KNOWN = np.array([LIKE]) + np.random.default_rng(0).normal(size=(64, len(LIKE)))


def card(**changes):
    model = exploration.start(PARAMS, KNOWN)
    model = model._replace(weights=0.5 * np.ones_like(model.weights))
    body = {
        "format": cards.FORMAT,
        "schema": cards.SCHEMA,
        "policy": {"spec": SPEC, "params": PARAMS},
        "promoted": True,
        "range": {"low": KNOWN.min(axis=0).tolist(), "high": KNOWN.max(axis=0).tolist()},
        "model": {name: getattr(model, name) for name in model._fields},
        **changes,
    }
    return json.loads(json.dumps(body, default=lambda array: array.tolist()))


def test_characteristics_have_no_unit():
    half = HYPERPRIOR.median._replace(
        **{
            name: type(tier)(*(0.5 * scale for scale in tier))
            for name, tier in zip(("arm", "family", "globe"), HYPERPRIOR.median, strict=False)
        },
        noise=0.5 * HYPERPRIOR.median.noise,
    )
    other = meta_features.of(half, 8, 3 * np.ones(5), 7 * np.ones(5), 100.0, 2_000.0)
    np.testing.assert_allclose(other, LIKE, atol=1e-12)
    assert LIKE.rest == pytest.approx(math.log(20))
    assert LIKE.concentration == pytest.approx(0.0, abs=1e-12)


def test_a_model_starts_at_the_constants_it_was_given():
    found = exploration.constants(exploration.start(PARAMS, KNOWN), KNOWN)
    np.testing.assert_allclose(found, np.tile(list(PARAMS.values()), (64, 1)))


def test_its_gradient_is_that_of_differences():
    model, rng = exploration.start(PARAMS, KNOWN), np.random.default_rng(1)
    model = model._replace(weights=0.3 * rng.normal(size=model.weights.shape))
    slope = rng.normal(size=(64, 3))
    value = lambda one: (slope * np.log(exploration.constants(one, KNOWN))).sum(axis=1).mean()
    bias, weights = exploration.pull_back(model, KNOWN, slope)
    for name, found in (("bias", bias), ("weights", weights)):
        at = tuple(0 for _ in found.shape)
        moved = getattr(model, name).copy()
        moved[at] += 1e-6
        expected = (value(model._replace(**{name: moved})) - value(model)) / 1e-6
        assert found[at] == pytest.approx(expected, rel=1e-3)


def test_nothing_to_learn_is_said():
    with pytest.raises(ConfigError, match="nothing to learn"):
        exploration.start({"margin": 0.1}, KNOWN)


def test_a_card_sets_constants_by_what_a_system_is_like():
    here, strange = cards.policy(card(), LIKE)
    there, _ = cards.policy(card(), LIKE._replace(horizon=LIKE.horizon + 1))
    assert not strange
    assert here.spec == there.spec == SPEC
    assert there.params["temperature"] > here.params["temperature"]


def test_a_system_that_it_does_not_know_gets_the_default():
    found, strange = cards.policy(card(), LIKE._replace(arms=math.log(10_000)))
    assert found.params == policies.parse(SPEC, PARAMS).params
    assert strange == [sentence for sentence in strange if sentence.startswith("arms is 1e+04, trained on")]
    assert strange


WRONG = {
    "not promoted": ({"promoted": False}, "was not promoted"),
    "newer": ({"schema": 99}, "update Poolwise"),
    "another file": ({"format": "prior pack"}, "is no exploration card"),
    "not finite": ({"range": {"low": [math.nan], "high": [1.0]}}, "not finite"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_cards_that_may_not_serve(tmp_path, changes, message):
    (tmp_path / "card.json").write_text(json.dumps(card(**changes)))
    with pytest.raises(DataError, match=message):
        cards.read(tmp_path / "card.json")


def test_a_missing_card_is_one_line(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        cards.read(tmp_path / "none.json")


def test_an_engine_opens_with_what_its_card_says(tmp_path):
    (tmp_path / "card.json").write_text(json.dumps(card()))
    text = f"""
[run]
store = "sqlite:///{tmp_path / "x.db"}"
[space]
baseline = "a"
families = {{a = {{}}, b = {{}}, c = {{}}, d = {{}}, e = {{}}, f = {{}}}}
[engine]
horizon = 400
[policy]
learned = "{tmp_path / "card.json"}"
"""
    opened = opening.open_engine(parse(text))
    decision = opened.decide("p", "c")
    record = opened.store.records("learned")[-1]
    assert opened.explain(decision.id, replay=True)["replay"]["same"]
    assert opened.policy.params == record["params"]
    assert (opened.policy.params["own"] == PARAMS["own"]) == bool(record["outside"])
    opened.close()


def test_a_card_beside_a_policy_of_its_own_is_refused():
    with pytest.raises(ConfigError, match="keep one of the two"):
        opening.policy_of(parse('[policy]\nspec = "thompson"\nlearned = "card.json"'))

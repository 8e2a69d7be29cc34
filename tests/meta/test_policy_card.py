"""Cards: what histories recommend to whom, when a card may serve, and what is refused."""

import json
import math

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.config import parse
from poolwise.errors import DataError
from poolwise.meta import meta_features, recommendation
from poolwise.meta import policy_card as cards
from poolwise.meta.meta_features import MetaFeatures
from poolwise.meta.racing import Race
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.run import opening

PARAMS = {"own": 1.0, "shared": 0.1, "temperature": 0.1}
SPEC = "knowledge_gradient"
LIKE = meta_features.of(HYPERPRIOR.median, 8, np.ones(5), np.ones(5), 100.0, 2_000.0)
NOTHING = MetaFeatures(*[math.nan] * len(LIKE))
SHORT, LONG = LIKE._replace(horizon=math.log(30)), LIKE._replace(horizon=math.log(3_000))
SETTINGS = ({}, {"own": 0.0}, {"temperature": 0.3})


def race(ratios, known, error=0.05):
    """Histories of two settings beside the default."""
    ratio = np.array([(0.0, *row) for row in ratios])
    names = tuple(f"h{k}" for k in range(len(known)))
    errors = error * (np.arange(3) > 0) * np.ones((len(known), 1))
    own = policies.parse(SPEC, PARAMS)
    return Race(own, SETTINGS, names, names, tuple(known), ratio, errors, 0 * ratio + 6, np.zeros(3))


def card(ratios=((-0.5, 0.2),) * 4 + ((0.4, -0.3),) * 4, known=(SHORT,) * 4 + (LONG,) * 4, error=0.05, **changes):
    return json.loads(json.dumps({**cards.of_race(race(ratios, known, error)), **changes}))


def chosen(body, known):
    return body["settings"][cards.recommended(body, known).setting]


def test_a_project_gets_what_did_well_in_histories_like_it():
    assert chosen(card(), SHORT) == {"own": 0.0}
    assert chosen(card(), LONG) == {"temperature": 0.3}


def test_where_nothing_is_known_histories_that_disagree_recommend_the_default():
    assert chosen(card(), NOTHING) == {}


def test_what_helps_everywhere_is_recommended_before_anything_is_known():
    assert chosen(card(ratios=((-0.4, 0.0),) * 8), NOTHING) == {"own": 0.0}


def test_errors_hold_back():
    assert chosen(card(ratios=((-0.1, 0.0),) * 8, error=0.9), LIKE) == {}


def found(groups, ratio, error=None, luck=0.0):
    error = 0.1 * (ratio != 0) if error is None else error
    like = np.array([LIKE] * len(ratio))
    return recommendation.Found(np.array(list(groups)), like, ratio, error, np.full(ratio.shape[1], luck))


@pytest.mark.parametrize("luck", [0.0, 0.2])
def test_the_mean_is_that_of_random_effects(luck):
    ratio = np.array([[0.0, -0.2], [0.0, 0.4], [0.0, 0.1]])
    error = np.array([[0.0, 0.1], [0.0, 0.3], [0.0, 0.2]])
    made = recommendation.recommend(NOTHING, found("abc", ratio, error, luck))
    between = ratio[:, 1].var(ddof=1) - (error[:, 1] ** 2).mean()
    weight = 1 / (error[:, 1] ** 2 + between)
    assert made.log_ratio[1] == pytest.approx((weight @ ratio[:, 1]) / weight.sum())
    assert made.error[1] == pytest.approx(np.hypot(weight.sum() ** -0.5, luck))


def test_variants_of_one_table_are_one_piece_of_evidence():
    ratio = np.array([[0.0, -0.4], [0.0, 0.4]])
    one = recommendation.recommend(NOTHING, found("ab", ratio))
    many = recommendation.recommend(NOTHING, found("aaab", ratio[[0, 0, 0, 1]]))
    assert many.log_ratio == pytest.approx(one.log_ratio)
    assert many.error[1] == pytest.approx(one.error[1], rel=0.2)


def test_who_is_like_whom():
    rows = np.array([SHORT, LONG])
    assert recommendation.similarity(np.array(SHORT), rows)[0] == 1.0
    assert (np.diff(recommendation.similarity(np.array(SHORT), rows)) < 0).all()
    assert recommendation.similarity(np.array(NOTHING), rows).tolist() == [1.0, 1.0]


def test_what_no_history_is_like_is_said():
    strange = recommendation.outside(SHORT._replace(arms=math.log(10_000)), np.array([SHORT, LONG]))
    assert [one.split(",")[0] for one in strange] == ["arms is 1e+04"]


@pytest.mark.parametrize(
    ("ratios", "promoted"),
    [(((-0.4, 0.0),) * 8, True), (((-0.4, 0.0),) * 7 + ((1.5, 0.0),), False), (((0.0, 0.0),) * 8, False)],
    ids=["gains", "one loses much", "nothing"],
)
def test_promotion_asks_histories_of_other_groups(ratios, promoted):
    rng = np.random.default_rng(0)
    noisy = np.array(ratios) + 0.02 * rng.normal(size=(8, 2))
    assert card(ratios=noisy, known=(LIKE,) * 8)["promoted"] == promoted


@pytest.mark.parametrize(("luck", "promoted"), [(0.01, True), (0.2, False)])
def test_luck_that_all_projects_share_holds_promotion_back(luck, promoted):
    raced = race(((-0.4, 0.0),) * 8, (LIKE,) * 8)._replace(luck=np.array([0.0, luck, luck]))
    assert cards.of_race(raced)["promoted"] == promoted


def test_a_history_never_recommends_to_its_own_group():
    """Two groups that contradict each other recommend each other's, and lose."""
    ratio = np.array([[0, -0.5, 0.6]] * 2 + [[0, 0.6, -0.5]] * 2)
    _, made = recommendation.left_out(found("aabb", ratio, 0.05 * (ratio != 0)))
    np.testing.assert_allclose(made, 0.6)


@pytest.mark.parametrize("body", [card(), card(ratios=((0.0, 0.0),) * 8)])
def test_it_is_told_in_words(body):
    text = " ".join(cards.sentences(body))
    assert ("Promoted" in text) == body["promoted"]


DAMAGE = [{**card()["histories"][0], "error": [0.0, math.nan, 0.1]}, *card()["histories"][1:]]
WRONG = {
    "not promoted": ({"promoted": False}, "was not promoted"),
    "older": ({"schema": 1}, "learn it again"),
    "another file": ({"format": "prior pack"}, "is no exploration card"),
    "not finite": ({"histories": DAMAGE}, "not finite"),
    "one history": ({"histories": card()["histories"][:1]}, "one history only"),
    "settings lost": ({"settings": [{}]}, "do not fit"),
    "unknown constant": ({"settings": [{}, {"own": 0.0}, {"nonsense": 1.0}]}, "nonsense"),
    "no histories": ({"histories": None}, "damaged"),
}


@pytest.mark.parametrize(("changes", "message"), WRONG.values(), ids=WRONG)
def test_cards_that_may_not_serve(tmp_path, changes, message):
    (tmp_path / "card.json").write_text(json.dumps(card(**{"promoted": True, **changes})))
    with pytest.raises(DataError, match=message):
        cards.read(tmp_path / "card.json")


def test_a_missing_card_is_one_line(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        cards.read(tmp_path / "none.json")


@pytest.mark.parametrize(("rest", "own"), [(0.0, 0.0), (3.0, 1.0)])
def test_an_engine_explores_as_its_card_says_in_projects_that_it_knows(rest, own, tmp_path):
    known = (SHORT._replace(rest=rest),) * 4 + (LONG._replace(rest=rest),) * 4
    body = card(ratios=((-0.4, 0.0),) * 8, known=known, promoted=True)
    (tmp_path / "card.json").write_text(json.dumps(body))
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
    assert opened.explain(decision.id, replay=True)["replay"]["same"]
    assert opened.store.policy(opened.store.view(decision.view).policy)[1] == {"patience": 0.0, **PARAMS, "own": own}
    assert ("does not know such a project: rest is" in opened.recommendations.made()["p"]["why"]) == (own == 1.0)
    opened.close()


def test_a_card_beside_a_policy_of_its_own_is_refused():
    with pytest.raises(Exception, match="keep one of the two"):
        opening.policy_of(parse('[policy]\nspec = "thompson"\nlearned = "card.json"'))

"""The first sentence of an explanation: an arm that is not the favourite says what it was preferred to and why."""

import pytest

from poolwise.engine import Settings
from tests.engine.limited import live, thompson


def firsts(spec, **stated):
    """(decision, explanation, its first sentence) of everything but favourites."""
    engine = thompson(Settings(horizon=300.0, **stated), spec=spec)
    made = [made for made in live(engine, 40, noise=0.3) if made.reason.startswith("explored")]
    found = [engine.explain(decision.id) for decision in made]
    return [(decision, body, body["sentences"][0]) for decision, body in zip(made, found, strict=True)]


@pytest.mark.parametrize("spec", ["knowledge_gradient", "floored(farsighted(thompson))"])
def test_an_index_that_looks_ahead_says_what_tipped_it(spec):
    found = firsts(spec)
    tipped = [(decision, body, text) for decision, body, text in found if "which tipped it" in text]
    assert tipped
    for decision, body, text in tipped:
        rival = body["favourite"]
        assert decision.probability >= 0.5
        assert body["belief"]["mean"] < rival["mean"]
        assert body["belief"]["mean"] + rival["worth_of_chosen"] > rival["mean"] + rival["worth"]
        assert f"although {rival['arm']} was believed to be faster" in text
    assert not any("1.000: explored" in text for *_, text in found)


def test_chance_is_called_exploring():
    found = firsts("thompson")
    assert found
    assert all(" to explore, " in text for *_, text in found)
    assert all("worth" not in body["favourite"] for _, body, _ in found)


def test_of_equals_none_is_ahead():
    expected = tuple((family, 1.0, 0.5) for family in ("fast", "slow", "odd"))
    found = firsts("knowledge_gradient", utility_priors=expected)
    assert any("no arm being believed to be faster" in text for *_, text in found)

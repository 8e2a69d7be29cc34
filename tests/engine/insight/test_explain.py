"""What is said of a decision and of domain priors."""

import numpy as np
import pytest

from poolwise import policy as policies
from poolwise.engine import Exploration, Safety, Settings
from poolwise.engine.insight import explain, sentences
from poolwise.policy.constraints import constraints
from poolwise.policy.constraints.conservative import Settings as Conservative
from poolwise.policy.constraints.control import Controls
from poolwise.policy.constraints.coverage_guarantee import Guarantee
from tests.engine.limited import live, thompson


def test_an_explanation_tells_why_how_sure_what_was_borrowed_what_explored_and_what_acted():
    safety = Safety(delta=0.1, conservative=Conservative(measured=True))
    settings = Settings(safety=safety, exploration=Exploration(coverage=Guarantee(0.1, 4, 20)))
    engine = thompson(settings, spec="covered(curious(thompson))")
    live(engine, 60)
    live(engine, 10, project="q")
    body = engine.explain(live(engine, 1, project="q")[0].id)
    assert [layer["name"] for layer in body["layers"]][:4] == ["thompson", "curious", "covered", "paid"]
    assert all(layer.get("mass", 0.0) >= 0 for layer in body["layers"])
    assert 0 < body["borrowed"]["own"]["share"] <= 1
    text = " ".join(body["sentences"])
    for part in ("was chosen with probability", "90 % interval", "is borrowed: elsewhere in the project", "too likely"):
        assert part in text


@pytest.mark.parametrize("name", sorted(sentences._ACTED))
def test_every_layer_outside_the_policy_has_a_sentence(name):
    engine = thompson()
    logged = engine.store.view(engine.decide("p", "a").view)
    force = constraints.unconstrained(4)._replace(code=np.array([0, 1, 2, 3]), controls=Controls(pin=1, ban=(2,)))
    (found,) = sentences.acted(
        force, constraints.ConstrainedDecision(np.ones(4) / 4, 0, False, (name,), np.ones(4, dtype=bool)), logged
    )
    assert found["sentence"][0].isupper() or found["sentence"].startswith("fast")
    assert found["sentence"].endswith(".")


def test_a_view_logged_before_projects_were_counted_is_made_again():
    """Nine scalars of its context, and a policy without a floor: the probabilities are what they were."""
    engine = thompson(spec="knowledge_gradient")
    live(engine, 20)
    made = engine.decide("p", "a")
    logged = engine.store.view(made.view)
    older = logged._replace(arrays={**logged.arrays, "context": logged.arrays["context"][:9]})
    assert explain.view_of(older).context.project_decisions == 0.0
    policy = policies.parse(*engine.store.policy(logged.policy))
    np.testing.assert_array_equal(explain.chances(policy, older)[1], explain.chances(policy, logged)[1])


def test_domain_priors_that_outcomes_contradict_are_discounted_and_reported(tmp_path):
    """Said to fail nine times in ten, it never does; what was said of another is believed less for it."""
    said = (("fast", 1.0, 9.0), ("odd", 1.0, 9.0))
    url, prior = f"sqlite:///{tmp_path / 'events.db'}", Settings(domain_priors=said)
    engine = thompson(prior, url=url, spec="uniform")
    before = engine.overview()["priors"]
    assert [(row["family"], row["weight"], row["contradicted"]) for row in before] == [
        ("fast", pytest.approx(0.5), False),
        ("odd", pytest.approx(0.5), False),
    ]
    live(engine, 100)
    after = engine.overview()["priors"]
    assert after[0]["contradicted"]
    assert after[1]["weight"] < 0.3
    beliefs = engine.beliefs()
    engine.close()
    np.testing.assert_allclose(thompson(prior, url=url).beliefs()["mean"], beliefs["mean"], rtol=1e-9, atol=1e-9)


def test_what_is_expected_to_come_is_said():
    engine = thompson()
    made = [engine.decide("p", "a") for _ in range(20)][-1]
    (row,) = engine.overview()["ahead"]
    assert (row["project"], row["decisions"]) == ("p", 20)
    assert row["from"] < row["expected"] < row["to"]
    assert any("more decisions were expected of this project" in line for line in engine.explain(made.id)["sentences"])
    assert "ahead" not in thompson(Settings(horizon=100)).overview()

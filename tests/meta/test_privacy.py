"""What a private pack keeps to itself."""

import numpy as np
import pytest
from scipy.stats import norm

from poolwise.engine import Engine
from poolwise.meta import privacy
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from tests.meta.stores import SPACE, TRUE, belief, learned


def rows(projects=5, contexts=3, arms=4, seed=0, n=30):
    rng = np.random.default_rng(seed)
    index = [rng.integers(0, size, projects * n) for size in (projects, contexts, arms)]
    return (*index, rng.normal(0, 2, projects * n), rng.random(projects * n) < 0.8)


PUBLIC = init_hyperparameters(np.arange(4), np.tile((3.0, 0.6), (4, 1)))


def test_no_project_gives_more_than_its_bound():
    told = privacy.contributions(rows(), (5, 3, 4), PUBLIC, -0.7, bound=0.6)
    assert (np.linalg.norm(told.counts, axis=1) <= 1 + 1e-9).all()
    norms = np.linalg.norm(told.values.reshape(5, -1), axis=1)
    assert (norms <= 0.6 + 1e-9).all()
    assert norms.max() > 0.3


def test_what_a_project_gives_rests_on_its_own_outcomes_alone():
    every = rows()
    without = tuple(column[every[0] != 4] for column in every)
    whole, part = (privacy.contributions(r, (5, 3, 4), PUBLIC, -0.7, 1.0) for r in (every, without))
    np.testing.assert_allclose(whole.values[:4], part.values[:4])
    assert not part.values[4].any()


@pytest.mark.parametrize("mu", [0.3, 0.5, 1.0])
def test_noise_is_what_the_accountant_says(mu):
    """mu^2 = (1 / scale of counts)^2 + (bound / scale of values)^2, and the noise has these scales."""
    told = privacy.contributions(
        rows(contexts=40, arms=30, projects=2),
        (2, 40, 30),
        init_hyperparameters(np.arange(30), np.ones((30, 2))),
        -0.7,
        0.8,
    )
    found = privacy.add_noise(told, mu, np.random.default_rng(1))
    assert np.hypot(1 / found.scales[0], 0.8 / found.scales[1]) == pytest.approx(mu)
    assert (found.values - told.values.sum(0)).std() == pytest.approx(found.scales[1], rel=0.1)
    assert (found.counts - told.counts.sum(0)).std() == pytest.approx(found.scales[0], rel=0.5)


def test_epsilon_is_where_the_two_densities_cross():
    """delta(epsilon) by integration of max(0, p - e^eps q) for p = N(mu, 1), q = N(0, 1)."""
    mu, e = 0.7, privacy.epsilon(0.7, 1e-3)
    x = np.linspace(-10, 10, 400_001)
    gap = np.maximum(norm.pdf(x, mu) - np.exp(e) * norm.pdf(x), 0).sum() * (x[1] - x[0])
    assert gap == pytest.approx(1e-3, rel=1e-3)


def test_the_best_attacker_is_right_as_often_as_promised_and_no_more():
    """A project that gives all it may, against one who knows all others: likelihood ratio of the noisy sums."""
    counts, values = np.zeros((2, 3)), np.zeros((2, 3, 4))
    counts[1], values[1] = 1 / np.sqrt(3), 1 / np.sqrt(12)
    told = privacy.Contributions(counts, values, np.zeros(4), 1 / np.sqrt(3), 1.0)
    rng, right, trials = np.random.default_rng(3), 0, 4000
    for trial in range(trials):
        present = trial % 2
        world = told._replace(counts=counts[: 1 + present], values=values[: 1 + present])
        seen = privacy.add_noise(world, privacy.MU, rng)
        score = sum(
            ((part - other / 2) * other).sum() / scale**2
            for part, other, scale in zip(seen[:2], (counts[1], values[1]), seen.scales, strict=True)
        )
        right += (score > 0) == bool(present)
    error = 0.5 / np.sqrt(trials)
    assert right / trials == pytest.approx(norm.cdf(privacy.MU / 2), abs=3.3 * error)


def test_a_private_pack_of_many_projects_tells_the_truth():
    """With little noise, what it says of utility is what the projects expect, and a new store starts from it."""
    sent = learned(8, tries=3).priors.exported_privately("x", mu=9.9, bound=3.0, seed=1)
    assert sent.promise["mu"] == 9.9
    assert not sent.scales
    engine = Engine.open("memory://", SPACE, seed=3)
    nothing = belief(engine)
    engine.priors.adopt([sent])
    found = belief(engine)
    assert (found[0].argmax(), found[1].argmax()) == (1, 0)
    assert np.abs(found - TRUE).mean() < 0.9 * np.abs(nothing - TRUE).mean()


def test_private_packs_of_one_store_add_up():
    engine = learned(4, tries=1)
    first = engine.priors.exported_privately("x", mu=0.3)
    second = engine.priors.exported_privately("x", mu=0.4)
    assert first.promise["with_earlier_packs"]["mu"] == pytest.approx(0.3)
    assert second.promise["with_earlier_packs"]["mu"] == pytest.approx(0.5)
    again = engine.priors.exported_privately("x", mu=9.0, minimum=1)
    other = engine.priors.exported_privately("x", mu=9.0, minimum=1)
    assert again.mean.tolist() != other.mean.tolist()


@pytest.mark.parametrize("body", [{}, {"mu": "x"}, {"mu": float("nan")}, {"mu": -1.0}, {"mu": 1e9}, {"withdrawn": 1.0}])
def test_a_damaged_record_has_spent_the_most_that_a_pack_may(body):
    engine = learned(4, tries=1)
    engine.store.append_record("export", body)
    sent = engine.priors.exported_privately("x", mu=0.3)
    assert sent.promise["with_earlier_packs"]["mu"] == pytest.approx(np.hypot(0.3, privacy.LARGEST))
    if "withdrawn" not in body:
        assert "export 1" in engine.status()["quarantined"][0]

"""The belief of many runs, block by block, beside the whole vector's; and what may not depend on the company."""

import numpy as np
import pytest

from poolwise.posterior import block, gaussian, rescale
from poolwise.posterior.gaussian import Fit, Statistics
from poolwise.posterior.hyper import Hyper, Tier
from poolwise.posterior.likeness import likeness
from poolwise.posterior.runs import Runs, shape

FAMILY = np.array([0, 0, 1, 1, 2])


def learned(made: Runs, seed: int, outcomes: int = 60) -> tuple[np.ndarray, ...]:
    """Random outcomes of one run, learned by all; (outcomes,) cell, arm, y."""
    rng, runs = np.random.default_rng(seed), len(made.each)
    rows = rng.integers(len(made.shape.cell_context), size=outcomes), rng.integers(5, size=outcomes)
    y = rng.normal(0.4 * rows[1] - 0.3 * rows[0], 0.5)
    for cell, arm, value in zip(*rows, y, strict=True):
        made.learn(np.full(runs, cell), np.full(runs, arm), np.full(runs, value), np.ones(runs, bool))
    return *rows, y


def test_one_project_as_the_whole_vector_tells_it() -> None:
    """Contexts alone: the means agree once swept; scales within a tenth."""
    made = Runs(shape(np.zeros(4, int), np.arange(4), FAMILY), 1)
    cell, arm, y = learned(made, 1)
    for _ in range(200):
        made.sweep(made.weights())
    arms, family, globe = ([float(v[0]) ** 0.5 for v in part[:2]] for part in made.scales[:3])
    tiers = [Tier(level, context, 1e-6, 1e-6) for level, context in (arms, family, globe)]
    hyper = Hyper(*tiers, np.sqrt(made.scales.noise[0]))
    stats = Statistics.of(np.zeros(60, int), cell, arm, y, shape=(1, 4, 5))
    wanted = gaussian.beliefs(Fit(hyper, FAMILY, 3, False, 0.0, 0, True, np.zeros(0)), stats)
    for context in range(4):
        found = made.look(np.array([context]))
        np.testing.assert_allclose(found.mean[0], wanted.mean[0, context], atol=1e-4)
        np.testing.assert_allclose(found.scale[0], wanted.scale[0, context], rtol=0.1)


def test_updates_lead_where_sweeps_lead() -> None:
    made = Runs(shape(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), FAMILY), 1)
    learned(made, 2)
    before = made.look(np.array([2]))
    for _ in range(100):
        made.sweep(made.weights())
    after = made.look(np.array([2]))
    assert (np.abs(before.mean - after.mean) < after.scale).all()
    np.testing.assert_allclose(before.scale, after.scale, rtol=0.05)


def test_a_run_does_not_depend_on_the_company() -> None:
    pair, alone = (Runs(shape(np.array([0, 0, 1]), np.array([0, 1, 1]), FAMILY), runs) for runs in (2, 1))
    rng = np.random.default_rng(3)
    for step in range(40):
        cell, arm, y = rng.integers(3, size=2), rng.integers(5, size=2), rng.normal(size=2)
        taught = np.array([step % 3 > 0, step % 2 > 0])
        pair.learn(cell, arm, y, taught)
        alone.learn(cell[1:], arm[1:], y[1:], taught[1:])
        if step % 10 == 9:
            rescale.reestimate(pair)
            rescale.reestimate(alone)
    both, one = pair.look(np.array([0, 2])), alone.look(np.array([2]))
    np.testing.assert_allclose(both.mean[1], one.mean[0], rtol=1e-9)
    np.testing.assert_allclose(both.wider_share[:, 1], one.wider_share[:, 0], rtol=1e-9)


def test_scales_find_what_made_the_data() -> None:
    """60 contexts, one arm's effects of 1.0 and noise of 0.3: within a quarter."""
    rng = np.random.default_rng(4)
    made = Runs(shape(np.zeros(60, int), np.arange(60), np.arange(6)), 1)
    theta = rng.normal(size=(60, 6))
    for _ in range(4):
        for cell in range(60):
            for arm in range(6):
                y = theta[cell, arm] + rng.normal(0, 0.3)
                made.learn(np.array([cell]), np.array([arm]), np.array([y]), np.array([True]))
    for _ in range(10):
        rescale.reestimate(made)
    assert made.scales.arm[1, 0] ** 0.5 == pytest.approx(1.0, rel=0.25)
    assert np.sqrt(made.scales.noise[0]).mean() == pytest.approx(0.3, rel=0.25)


def test_a_known_baseline_is_zero_and_gives_nothing_away() -> None:
    made = Runs(shape(np.array([0, 1]), np.array([0, 1]), FAMILY, None, 1), 1)
    learned(made, 5)
    found = made.look(np.array([1]))
    assert (found.mean[0, 1], found.wider_mean[:, 0, 1].any(), found.wider_share[:, 0, 1].any()) == (0, False, False)


def test_a_block_without_evidence_is_its_prior() -> None:
    variances = block.Variances(np.array([[0.2]]), np.full((1, 3), 0.3), np.array([[0.5]]))
    found = block.effects(np.zeros((1, 5)), np.zeros((1, 5)), variances, block.kin(FAMILY))
    np.testing.assert_allclose(found.variance, 1.0)
    assert not found.mean.any()


def test_likeness_is_a_covariance_that_names_and_units_do_not_change() -> None:
    params = [{"size": 2**k, "kind": "ab"[k % 2], **({"deep": True} if k > 3 else {})} for k in range(6)]
    found = likeness(params)
    assert np.linalg.eigvalsh(found).min() > -1e-9
    np.testing.assert_allclose(np.diag(found), 1)
    np.testing.assert_allclose(found, likeness([{**p, "size": 1000 + p["size"].bit_length()} for p in params]))
    assert likeness([{"same": 1}, {"same": 1}]) is None

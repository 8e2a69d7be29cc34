"""The closed form against dense conditioning, for every form of the model, every cell, seen and unseen."""

import jax
import numpy as np
import pytest

from poolwise.errors import InputError
from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.crossed.solve import solve, solve_reduced
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales, from_dict, to_dict
from tests.posterior import oracle

SHAPE = (4, 3, 5)
FAMILY = np.array([0, 0, 1, 1, 1])


def scales(seed: int = 0, families: bool = True) -> GaussianHyperparameters:
    """Without families, what is special about a cell is special about an arm in it."""
    random = np.random.default_rng(seed)
    arm, family, globe = (TierScales(*random.uniform(0.1, 0.8, 4)) for _ in range(3))
    if not families:
        family, globe = TierScales(0.0, 0.0, 0.0), globe._replace(cell=0.0)
    return GaussianHyperparameters(
        arm, family, globe, random.uniform(0.1, 0.4, SHAPE[2]), random.uniform(0.5, 2, SHAPE[1]), mean=0.1
    )


def data(seed: int, n: int = 60):
    random = np.random.default_rng(seed)
    rows = tuple(random.integers(0, size, n) for size in (SHAPE[0] - 1, SHAPE[1], SHAPE[2]))
    return rows, random.normal(0.2, 0.6, n)


def fit_of(scales: GaussianHyperparameters, families: int, reduced: bool = False) -> Fit:
    index = FAMILY if families else np.arange(SHAPE[2])
    return Fit(scales, index, families, reduced, 0.0, 0, True, np.zeros(1))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("families", "reduced"), [(2, False), (0, False), (0, True)])
def test_all_cells_equal_dense_conditioning(seed, families, reduced):
    truth = scales(seed, families > 0)
    if reduced:
        truth = truth._replace(globe=truth.globe._replace(project=0.0))
    rows, y = data(seed)
    stats = SufficientStatistics.of(*rows, y, shape=SHAPE)
    belief = batch.marginals(fit_of(truth, families, reduced), stats)
    index = FAMILY if families else np.arange(SHAPE[2])
    density, mean, scale = oracle.posterior(SHAPE, index, truth, rows, y)
    np.testing.assert_allclose(belief.mean, mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(belief.scale, scale, rtol=1e-8)
    with jax.enable_x64(True):
        cells = batch.cells(stats)
        tree = solve_reduced(cells, truth)[0] if reduced else solve(cells, truth, index, families)
    assert float(tree.evidence) == pytest.approx(density, rel=1e-8)


def draw(seed, shape, truth, n):
    """Outcomes from the model itself; also the true theta."""
    random = np.random.default_rng(seed)
    theta = np.zeros(shape)
    for tier, arms in ((truth.globe, 1), (truth.arm, shape[2])):
        blocks = ((1, 1, arms), (1, shape[1], arms), (shape[0], 1, arms), (*shape[:2], arms))
        for scale, size in zip(tier, blocks, strict=True):
            theta = theta + scale * random.standard_normal(size)
    rows = tuple(random.integers(0, size, n) for size in shape)
    return rows, theta[rows] + truth.noise[rows[2]] * random.standard_normal(n), theta


def test_scales_are_recovered_and_intervals_cover():
    shape = (30, 12, 6)
    noise = np.array([0.2, 0.2, 0.4, 0.4, 0.3, 0.3])
    truth = GaussianHyperparameters(
        TierScales(0.3, 0.5, 0.2, 0.15), TierScales(0, 0, 0), TierScales(0.2, 0.1, 0.05), noise
    )
    rows, y, theta = draw(1, shape, truth, 5_000)
    stats = SufficientStatistics.of(*rows, y, shape=shape)
    found = batch.fit(stats)
    assert found.converged
    np.testing.assert_allclose(found.scales.noise, noise, rtol=0.1)
    assert found.scales.arm.context == pytest.approx(0.5, rel=0.3)
    belief = batch.marginals(found, stats)
    inside = np.abs(theta - belief.mean) < 1.645 * belief.scale
    # Cells share effects: allow three times the binomial standard error of 2,160 cells around 90 %.
    assert inside.mean() == pytest.approx(0.9, abs=3 * 3 * np.sqrt(0.09 / inside.size))


@pytest.mark.parametrize(
    ("count", "y"), [(1, 0.3), (5, 0.0), (10**9, 0.2)], ids=["one outcome", "all equal", "a billion in a cell"]
)
def test_degenerate_data_stay_finite(count, y):
    stats = SufficientStatistics(*(np.zeros((1, 1, 1)) for _ in range(3)))
    stats = SufficientStatistics(stats.count + count, stats.total + count * y, stats.squares + count * y * y)
    belief = batch.marginals(batch.fit(stats), stats)
    assert np.isfinite([*belief.mean.ravel(), *belief.scale.ravel()]).all()
    assert belief.scale.min() > 0


EQUAL = {
    "every reward": lambda rows, noise: np.full(len(noise), 0.3),
    "one arm's": lambda rows, noise: np.where(rows[2] == 0, 0.0, noise),
    "all but one arm's": lambda rows, noise: np.where(rows[2] < SHAPE[2] - 1, 0.3, noise),
    "an arm's each": lambda rows, noise: 0.1 * rows[2],
    "a cell's each": lambda rows, noise: np.sin(7.0 * rows[0] + 3 * rows[1] + 11 * rows[2]),
}


@pytest.mark.parametrize("family", [None, FAMILY], ids=["arms", "families"])
@pytest.mark.parametrize("rewards", EQUAL.values(), ids=EQUAL.keys())
@pytest.mark.parametrize("n", [300, 30_000])
def test_rewards_without_noise_are_learned_exactly_enough(n, rewards, family):
    random = np.random.default_rng(4)
    rows = tuple(random.integers(0, size, n) for size in SHAPE)
    stats = SufficientStatistics.of(*rows, y := rewards(rows, random.normal(0, 0.5, n)), shape=SHAPE)
    found = batch.fit(stats, family)
    belief = batch.marginals(found, stats)
    assert found.converged
    # An outcome of noise 1e-6 would add 13 nats.
    assert abs(found.log_evidence) < 13 * n
    assert ((belief.scale > 0) & (belief.scale < 1)).all()
    means = np.bincount(rows[2], y, SHAPE[2]) / np.bincount(rows[2])
    np.testing.assert_allclose(np.average(belief.mean, axis=(0, 1))[0], means[0], atol=0.1)


def test_nothing_seen_is_the_prior():
    stats = SufficientStatistics(*(np.zeros((2, 2, 3)) for _ in range(3)))
    belief = batch.marginals(batch.fit(stats), stats)
    assert np.ptp(belief.scale) == pytest.approx(0, abs=1e-12)
    assert belief.scale.min() > 0.3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SufficientStatistics.of([0], [0], [0], [np.nan]), "row 0"),
        (lambda: SufficientStatistics.of([0, 0], [0, 0], [0, 0], [0, 1e300]), "row 1"),
        (
            lambda: batch.fit(SufficientStatistics(np.ones((1, 1, 1)), np.ones((1, 1, 2)), np.ones((1, 1, 1)))),
            "one shape",
        ),
        (lambda: batch.fit(SufficientStatistics(*(np.full((1, 1, 1), np.nan),) * 3)), "finite"),
    ],
)
def test_bad_statistics_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_hyperparameters_survive_json():
    assert to_dict(from_dict(to_dict(scales()))) == to_dict(scales())

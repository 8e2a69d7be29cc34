"""Which projects say nothing of others: by brute force, over laws, and as what is believed of each."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.gp import coherence, gp_filter
from poolwise.posterior.gp.coregionalisation import arm_features, covariance, model_at
from poolwise.posterior.gp.gp_marginal_likelihood import observed_cells
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.hyperparameters.estimation import (
    estimate_hyperparameters,
    from_dict,
    init_hyperparameters,
    to_dict,
)
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.posterior.posterior import Posterior
from poolwise.refit.draws import serving_marginals

GRID = np.stack(np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 12)), -1).reshape(-1, 2)
ARMS = len(GRID)
FAMILY = np.zeros(ARMS, int)
START = init_hyperparameters(
    FAMILY,
    np.tile([3.0, 0.6], (ARMS, 1)),
    ground=arm_features(FAMILY, {0: arm_coordinates(list(GRID.T))}),
)
HILL = 1 - 4 * (GRID[:, 0] - 0.6) ** 2 - 2 * (GRID[:, 1] - 0.3) ** 2


def surface(kind: str, rng: np.random.Generator) -> np.ndarray:
    """A hill as others have it, one of its own, no surface at all, or the same everywhere."""
    return {
        "hill": HILL,
        "another": 1 - 4 * (GRID[:, 0] - 0.1) ** 2 - 2 * (GRID[:, 1] - 0.9) ** 2,
        "shuffled": rng.permutation(HILL),
        "constant": np.full(ARMS, 0.3),
        "shifted": 100 * HILL - 30,
    }[kind]


def told(kinds: list[str], trials: int, noise: float = 0.0, repeats: int = 1) -> SufficientStatistics:
    """Random trials of a project of every kind."""
    rng, rows = np.random.default_rng(3), []
    for project, kind in enumerate(kinds):
        worth = surface(kind, rng)
        for arm in np.repeat(rng.permutation(ARMS)[:trials], repeats).tolist():
            rows.append((project, 0, arm, worth[arm] + noise * rng.standard_normal()))
    place, value = [np.array(column) for column in zip(*rows, strict=True)][:3], np.array([row[3] for row in rows])
    return SufficientStatistics.of(*place, value, shape=(len(kinds), 1, ARMS))


def separate(stats: SufficientStatistics) -> tuple[int, ...]:
    return coherence.incoherent(stats, START.gaussian, HYPERPRIOR)


CASES = {
    "all alike": (["hill"] * 3, 100, ()),
    "some are nonsense": (["hill", "shuffled", "hill", "shuffled"], 100, (1, 3)),
    "all others are": (["shuffled", "shuffled", "shuffled", "hill"], 100, (0, 1, 2)),
    "one is unlike the others": (["hill", "another", "hill"], 100, ()),
    "of another size": (["hill", "shifted"], 100, ()),
    "too few to tell": (["hill", "shuffled"], 40, ()),
    "nobody else": (["shuffled"], 100, ()),
    "nothing to foresee": (["hill", "constant"], 100, ()),
}


@pytest.mark.parametrize("case", CASES)
def test_projects_without_a_surface_are_found(case):
    kinds, trials, expected = CASES[case]
    assert separate(told(kinds, trials)) == expected


def test_noise_is_not_taken_for_a_rough_surface():
    assert separate(told(["hill", "hill"], 100, noise=3.0, repeats=2)) == ()
    assert separate(told(["hill", "shuffled"], 100, noise=0.01, repeats=2)) == (1,)


def test_outcomes_of_arms_that_others_foresee_are_no_nonsense():
    """Of surfaces that are rough, and the same everywhere."""
    rng = np.random.default_rng(0)
    rough, arms = rng.permutation(HILL), np.tile(np.arange(100), 2)
    project = np.repeat([0, 1], 100)
    stats = SufficientStatistics.of(project, 0 * arms, arms, rough[arms], shape=(2, 1, ARMS))
    assert separate(stats) == ()


def test_a_cell_is_foreseen_as_without_its_outcome():
    fit = START.gaussian
    model, data = model_at(fit.scales, fit.smooth, fit.ground), observed_cells(told(["hill", "another"], 8))
    likeness = gp_filter.arm_correlation(model, data.at.arm)[:, data.at.arm]
    whole = covariance(model, data.at, data.at, likeness) + np.diag(model.scales.noise[data.at.arm] ** 2 / data.count)
    away, expected = data.mean - model.mean[data.at.arm], []
    for k in range(len(away)):
        rest = np.arange(len(away)) != k
        expected.append(model.mean[data.at.arm[k]] + whole[k, rest] @ np.linalg.solve(whole[rest][:, rest], away[rest]))
    np.testing.assert_allclose(coherence.foreseen(model, data), expected, rtol=1e-7)


def test_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 6, (2, 40)).astype(float)
    same = np.zeros(40, int)
    assert coherence.rank_correlation(one, other, same) == pytest.approx(spearmanr(one, other)[0])
    halves = np.arange(40) % 2
    assert coherence.rank_correlation(one + 50 * halves, one - 9 * halves, halves) == pytest.approx(1.0)
    assert coherence.rank_correlation(one, 0 * other, same) == 1.0


@pytest.fixture(scope="module")
def mixed():
    """A project that has a surface among three that have none, and what was estimated."""
    stats = told(["shuffled", "shuffled", "shuffled", "hill"], 100)
    return stats, estimate_hyperparameters(START, stats, stats.count, stats.count)


def test_what_has_a_surface_is_believed_as_if_there_were_no_others(mixed):
    stats, found = mixed
    alone = SufficientStatistics(*(np.where(np.arange(4)[:, None, None] == 3, part, 0.0) for part in stats))
    expected = estimate_hyperparameters(START, alone, stats.count, stats.count)
    assert found.separate.projects == (0, 1, 2)
    np.testing.assert_array_equal(found.gaussian.coordinates, expected.gaussian.coordinates)
    belief = posterior(found, stats).predict_given_success(3, 0)
    np.testing.assert_allclose(belief.mean, posterior(expected, alone).predict_given_success(3, 0).mean, rtol=1e-9)


def posterior(found, stats) -> Posterior:
    made = Posterior(found, -0.7, projects=4, backend="numpy")
    project, context, arm = np.nonzero(stats.count)
    made.update_many(project, context, arm, stats.total[project, context, arm], np.ones(len(arm), bool))
    return made


def test_an_outcome_is_learned_by_those_of_its_side_alone(mixed):
    stats, found = mixed
    made = posterior(found, stats)
    before = [made.predict_given_success(p, 0).mean.copy() for p in range(4)]
    made.update(0, 0, 5, 2.0, True)
    changed = [bool((made.predict_given_success(p, 0).mean != was).any()) for p, was in enumerate(before)]
    assert changed == [True, True, True, False]


def test_it_is_kept_with_the_scales_and_estimated_when_there_is_something_new(mixed):
    stats, found = mixed
    again = from_dict(to_dict(found), START)
    assert to_dict(again) == to_dict(found)
    assert from_dict({**to_dict(found), "separate": None}, START).separate is None
    same = estimate_hyperparameters(found, stats, stats.count, stats.count)
    assert same.separate is found.separate
    more = estimate_hyperparameters(found, stats, stats.count + (np.arange(4) == 1)[:, None, None], stats.count)
    assert more.separate.projects == (0, 1, 2)
    assert more.separate is not found.separate


def test_refits_believe_what_serves(mixed):
    stats, found = mixed
    problem = Problem(stats, found)
    served, theta = posterior(found, stats), serving_marginals.theta(problem, found)
    for project in range(4):
        np.testing.assert_allclose(theta.mean[project, 0], served.predict_given_success(project, 0).mean, rtol=1e-6)
    noise = serving_marginals.noise(problem, found)
    assert noise[0, 0, 0] == pytest.approx(found.separate.fit.scales.noise[0])
    assert noise[3, 0, 0] == pytest.approx(found.gaussian.scales.noise[0])


class Problem:
    """What of a `RefitData` beliefs rest on."""

    def __init__(self, stats, hyperparameters):
        self.stats, self.hyperparameters, self.shape, self.padded_shape = (
            stats,
            hyperparameters,
            stats.count.shape,
            (4, 1),
        )

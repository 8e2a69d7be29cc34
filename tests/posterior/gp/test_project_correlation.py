"""Projects that resemble some more than others: by dense algebra, by brute-force gradients, and from what was seen."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.gp import gp_filter, gp_marginal_likelihood, project_correlation
from poolwise.posterior.gp.coregionalisation import CellIndex, arm_correlation, arm_features, covariance, model_at
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.gp.project_correlation import STRANGERS, between, chosen, mixture, placed, shrunk
from poolwise.posterior.hyperparameters.estimation import (
    estimate_hyperparameters,
    from_dict,
    init_hyperparameters,
    to_dict,
)
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR

ARMS, CONTEXTS = 24, 2
FAMILY = np.zeros(ARMS, int)
GROUND = arm_features(FAMILY, {0: arm_coordinates([np.linspace(0, 1, ARMS)])})
LOADING = np.array([[1.5, 0.2], [1.2, -0.4], [-1.0, 0.9], [0.0, 0.0]])
SHAPE = (5, CONTEXTS, ARMS)


def correlation(loading: np.ndarray, size: int) -> np.ndarray:
    """R by its formula, entry by entry; projects without a loading are strangers."""
    v = np.vstack([loading, np.zeros((size - len(loading), loading.shape[1]))])
    length = [np.sqrt(1 + one @ one) for one in v]
    return np.array(
        [[1.0 if p == q else v[p] @ v[q] / (length[p] * length[q]) for q in range(size)] for p in range(size)]
    )


def model(loading: np.ndarray = LOADING):
    at = np.zeros(len(gp_marginal_likelihood.hyperprior(FAMILY, GROUND, HYPERPRIOR)[0]))
    scales, smooth = gp_marginal_likelihood.hyperparameters_at(at, HYPERPRIOR, FAMILY, GROUND)
    return scales, smooth._replace(loading=loading)


def told(number: int, seed: int = 0) -> SufficientStatistics:
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, size, number) for size in SHAPE]
    return SufficientStatistics.of(*rows, rng.normal(size=number), shape=SHAPE)


def test_every_pair_is_as_the_formula_says():
    right, every = correlation(LOADING, 5), np.arange(5)
    u = shrunk(LOADING)
    np.testing.assert_allclose(between(u, every, every), right, atol=1e-12)
    np.testing.assert_allclose(between(u, every, 2)[:, 0], right[:, 2], atol=1e-12)
    np.testing.assert_allclose(mixture(u, 5) @ mixture(u, 5).T, right, atol=1e-12)
    assert (between(u, np.array([-1, 0]), np.array([-1, 0])) == [[0, 0], [0, 1]]).all()
    assert np.linalg.eigvalsh(right).min() > 0
    np.testing.assert_array_equal(between(STRANGERS, every, every), np.eye(5))
    np.testing.assert_array_equal(mixture(STRANGERS, 2) @ mixture(STRANGERS, 2).T, np.eye(2))


def test_only_what_is_smooth_and_a_projects_own_is_shared_so():
    scales, smooth = model()
    at = CellIndex(*(axis.reshape(-1) for axis in np.indices(SHAPE)))
    found, alone = (
        covariance(one, at, at, arm_correlation(one, at.arm)[:, at.arm])
        for one in (model_at(scales, part, GROUND) for part in (smooth, smooth._replace(loading=STRANGERS)))
    )
    alike = arm_correlation(model_at(scales, smooth, GROUND), at.arm)[:, at.arm]
    same = at.context[:, None] == at.context
    pairs = (correlation(LOADING, 5) - np.eye(5))[np.ix_(at.project, at.project)]
    more = pairs * alike * (smooth.tier.project**2 + smooth.tier.cell**2 * same)
    np.testing.assert_allclose(found, alone + more, atol=1e-12)


@pytest.mark.parametrize("at_once", [0, 20, 50])
def test_the_belief_is_that_of_dense_conditioning(at_once):
    scales, smooth = model()
    rng = np.random.default_rng(5)
    rows, y = [rng.integers(0, size, 50) for size in SHAPE], rng.normal(size=50)
    fit = Fit(scales, FAMILY, 1, False, 0.0, 0, True, np.zeros(0), ground=GROUND, smooth=smooth)
    state = gp_filter.init(fit, SufficientStatistics.of(*(part[:at_once] for part in rows), y[:at_once], shape=SHAPE))
    for number, row in enumerate(zip(*(part[at_once:].tolist() for part in (*rows, y)), strict=True)):
        gp_filter.update(state, *row)
        if number % 7 == 0:
            gp_filter.predict(state, 0, 1)
    every, one = CellIndex(*(axis.reshape(-1) for axis in np.indices(SHAPE))), model_at(scales, smooth, GROUND)
    whole = covariance(one, every, every, arm_correlation(one, every.arm)[:, every.arm])
    at = np.ravel_multi_index(rows, SHAPE)
    gain = np.linalg.solve(whole[np.ix_(at, at)] + np.diag(scales.noise[rows[2]] ** 2), whole[at]).T
    mean, variance = gain @ (y - one.mean[rows[2]]), np.diag(whole) - np.einsum("ij,ji->i", gain, whole[at])
    afresh = gp_filter.init(fit, SufficientStatistics.of(*rows, y, shape=SHAPE))
    for p, c in np.ndindex(SHAPE[:2]):
        found, right = gp_filter.predict(state, p, c), np.ravel_multi_index((p, c, 0), SHAPE) + np.arange(ARMS)
        np.testing.assert_allclose(found.mean[0], mean[right] + one.mean, atol=1e-9)
        np.testing.assert_allclose(found.variance[0], variance[right], atol=1e-9)
        for part, other in zip(found, gp_filter.predict(afresh, p, c), strict=True):
            np.testing.assert_allclose(part, other, atol=1e-9)


def test_gradient_of_the_evidence():
    rng, projects = np.random.default_rng(2), np.array([0, 1, 2, 4])
    data = gp_marginal_likelihood.observed_cells(told(70))
    size = len(gp_marginal_likelihood.hyperprior(FAMILY, GROUND, HYPERPRIOR)[0])
    at = np.concatenate([0.3 * rng.normal(size=size), rng.normal(size=2 * len(projects))])
    value = lambda x: gp_marginal_likelihood.objective(x, data, HYPERPRIOR, FAMILY, GROUND, projects)[0]
    found = gp_marginal_likelihood.objective(at, data, HYPERPRIOR, FAMILY, GROUND, projects)[1]
    np.testing.assert_allclose(found, approx_fprime(at, value, 1e-6), rtol=2e-3, atol=2e-3)


def vendors(trials: int) -> SufficientStatistics:
    """Four machines of two vendors, whose surfaces are of each vendor's own."""
    rng, x = np.random.default_rng(1), np.linspace(0, 1, ARMS)
    shared, own = np.sin(3 * x), [0.6 * np.cos(9 * x + phase) for phase in (0.0, 2.0)]
    rows = [(p, 0, a) for p in range(4) for a in rng.permutation(ARMS)[:trials].tolist()]
    y = np.array([shared[a] + own[p // 2][a] + 0.05 * rng.normal() for p, _, a in rows])
    return SufficientStatistics.of(*np.array(rows).T, y, shape=(4, 1, ARMS))


START = init_hyperparameters(FAMILY, np.tile([3.0, 0.6], (ARMS, 1)), ground=GROUND)


def estimated(stats: SufficientStatistics, start=START):
    return estimate_hyperparameters(start, stats, stats.count, stats.count)


def test_machines_of_one_vendor_are_found_alike():
    found = estimated(vendors(20))
    assert found.gaussian.smooth is not None
    u = shrunk(found.gaussian.smooth.loading)
    alike = between(u, np.arange(4), np.arange(4))
    assert min(alike[0, 1], alike[2, 3]) > 0.3
    assert alike[:2, 2:].max() < 0.1
    again = from_dict(to_dict(found), START)
    assert again.gaussian.smooth is not None
    np.testing.assert_array_equal(again.gaussian.smooth.loading, found.gaussian.smooth.loading)


def test_a_new_machine_is_foreseen_from_its_vendors_other_one():
    """Told a third of what the others are, the rest is foreseen better than where every project is a stranger."""
    x, stats = np.arange(ARMS), vendors(ARMS)
    few = x % 3 == 0
    part = SufficientStatistics(*(np.where((np.arange(4) == 3)[:, None, None] & ~few, 0.0, one) for one in stats))
    found = estimated(part).gaussian
    assert found.smooth is not None
    truth, errors = stats.total[3, 0] / stats.count[3, 0], []
    for smooth in (found.smooth, found.smooth._replace(loading=STRANGERS)):
        mean = gp_filter.marginals(found._replace(smooth=smooth), part).mean[3, 0]
        errors.append(np.sqrt(np.square(mean - truth)[~few].mean()))
    assert errors[0] < 0.9 * errors[1]


def test_of_two_projects_none_resembles_another_more():
    stats = vendors(20)
    two = SufficientStatistics(*(part[:2] for part in stats))
    found = estimated(two).gaussian.smooth
    assert found is not None
    assert not found.loading.any()
    assert len(chosen(np.array([0, 0, 1]))) == 0


def test_a_project_that_came_since_is_a_stranger_and_then_learned():
    before = estimated(SufficientStatistics(*(part[:3] for part in vendors(20))))
    after = estimated(vendors(20), before).gaussian.smooth
    assert before.gaussian.smooth is not None
    assert after is not None
    assert before.gaussian.smooth.loading.shape == (3, 2)
    assert after.loading.shape == (4, 2)
    assert np.abs(after.loading[3]).max() > 0.01


def test_many_projects_are_counted_by_what_was_seen_of_them():
    cells = np.repeat(np.arange(60), np.arange(60) + 1)
    found = chosen(cells)
    assert found.tolist() == list(range(20, 60))
    every = placed(np.ones((40, 2)), found)
    assert every.shape == (60, 2)
    assert not every[:20].any()


def test_the_first_step_lowers_what_it_is_to_lower():
    """Along `beginning`, and by finite differences."""
    rng = np.random.default_rng(4)
    pull = rng.normal(size=(5, 5))
    pull = pull + pull.T
    value = lambda v: float((pull * (between(shrunk(v), np.arange(5), np.arange(5)) - np.eye(5))).sum())
    first = project_correlation.beginning(pull)
    assert value(first) < value(0.5 * first) < 0
    at = rng.normal(size=(5, 2))
    numeric = approx_fprime(at.reshape(-1), lambda x: value(x.reshape(5, 2)), 1e-6)
    np.testing.assert_allclose(project_correlation.gradient(at, pull).reshape(-1), numeric, atol=1e-4)
    np.testing.assert_array_equal(project_correlation.beginning(np.zeros((3, 3))), np.zeros((3, 2)))

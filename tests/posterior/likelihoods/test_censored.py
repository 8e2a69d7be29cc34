"""Outcomes that were cut off: one factor against quadrature, a whole belief against the exact posterior by grid."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.likelihoods import censored
from poolwise.posterior.posterior import Posterior

FAMILY = np.array([0, 0, 1])
SURE = np.tile((1e6, 1e-3), (3, 1))


def made(**options) -> Posterior:
    return Posterior(init_hyperparameters(FAMILY, SURE), 0.0, **options)


@pytest.mark.parametrize(
    ("mean", "variance", "noise", "bound"), [(0, 0.5, 0.3, -0.4), (0, 0.5, 0.3, 2), (1, 0.1, 0.4, 0), (0, 2, 0.25, -5)]
)
def test_one_factor_leaves_the_posterior_its_mean_and_variance(mean, variance, noise, bound):
    spread = np.sqrt(variance)

    def density(theta, power):
        return theta**power * np.exp(norm.logpdf(theta, mean, spread) + norm.logcdf((bound - theta) / noise))

    centre = (mean / variance + bound / noise**2) / (1 / variance + 1 / noise**2) if bound < mean else mean
    ends = (min(centre, mean) - 9 * spread, max(centre, mean) + 9 * spread)
    moments = [quad(density, *ends, args=(k,), points=(centre,), epsabs=0, limit=500)[0] for k in range(3)]
    weight, value = censored.factor(mean, variance, noise, bound)
    precision = 1 / variance + weight / noise**2
    exact = moments[1] / moments[0]
    assert (mean / variance + weight * value / noise**2) / precision == pytest.approx(exact, rel=1e-6, abs=1e-8)
    assert 1 / precision == pytest.approx(moments[2] / moments[0] - exact**2, rel=1e-6)


@pytest.mark.parametrize("bound", [-1e300, -1e8, -40.0, -4.0, 0.0, 5.0, 39.0, 1e8])
def test_factors_are_sound_however_far_in_the_tail(bound):
    weight, value = censored.factor(0.0, 1.0, 0.25, bound)
    nearby, _ = censored.factor(0.0, 1.0, 0.25, bound * (1 + 1e-9) - 1e-9)
    assert 0 <= weight <= 1
    assert value <= min(bound, 0.0) * (1 - 1e-15)
    assert nearby == pytest.approx(weight, abs=1e-7)


def posterior(prior_mean, prior_scale, noise, seen, bounds):
    """Mean and standard deviation of theta on a fine grid."""
    theta = np.linspace(prior_mean - 9 * prior_scale, prior_mean + 9 * prior_scale, 20_001)
    log = norm.logpdf(theta, prior_mean, prior_scale)
    for y in seen:
        log = log + norm.logpdf(y, theta, noise)
    for bound in bounds:
        log = log + norm.logcdf((bound - theta) / noise)
    share = np.exp(log - log.max())
    share /= share.sum()
    mean = share @ theta
    return mean, np.sqrt(share @ (theta - mean) ** 2)


@pytest.mark.parametrize("many", [False, True], ids=["one by one", "in bulk"])
@pytest.mark.parametrize(
    ("seen", "bounds"),
    [([], [-1.0]), ([0.1, -0.2], [-0.5] * 3), ([], [-2.0] * 40), ([0.3], [0.25] * 5 + [-0.25] * 5)],
    ids=["one", "some", "everything", "two bounds"],
)
def test_a_cell_is_believed_as_its_exact_posterior_says(seen, bounds, many):
    belief = made(projects=1, contexts=1)
    before = belief.predict(0, 0)
    rows = [(y, False) for y in seen] + [(bound, True) for bound in bounds]
    if many:
        # So many that they are learned at once: the rest in a cell of no interest.
        rest = 65 - len(rows) if len(rows) < 65 else 0
        utility = np.array([y for y, _ in rows] + [50.0] * rest)
        cut = np.array([cut for _, cut in rows] + [True] * rest)
        where = np.array([0] * len(rows) + [2] * rest)
        belief.update_many(0 * where, 0 * where, where, utility, cut | True, cut)
    else:
        for y, cut in rows:
            belief.update(0, 0, 0, y, True, cut)
        belief.set_hyperparameters(belief.hyperparameters)
    after = belief.predict(0, 0)
    exact = posterior(before.mean[0], before.scale[0], 0.25, seen, bounds)
    # Many factors at once are not exact: where they are all there is, the posterior is skewed, and comes out narrow.
    assert after.mean[0] == pytest.approx(exact[0], abs=0.15 * exact[1])
    assert after.scale[0] == pytest.approx(exact[1], rel=0.1 if len(bounds) < 40 else 0.4)


def test_what_is_cut_off_reads_as_worse_than_its_bound_and_no_failure():
    belief, failed = made(), made()
    for _ in range(20):
        belief.update(0, 0, 1, -1.0, True, True)
        failed.update(0, 0, 1, -1.0, False)
    assert belief.predict(0, 0).mean[1] < -1.0
    assert belief.counts()[1][0, 0, 1] == 20
    assert np.isfinite(belief.reestimate().log_evidence)
    assert belief.predict(0, 0).mean[1] < -1.0
    assert belief.predict(0, 0).count[1] == 20


def test_factors_of_a_cell_fade_with_it():
    belief = made()
    prior = belief.predict(0, 0)
    for _ in range(5):
        belief.update(0, 0, 0, -1.0, True, True)
    belief.discount_cell(0, 0, np.array([0.0, 1.0, 1.0]))
    after = belief.predict(0, 0)
    assert not belief._memory.sites
    np.testing.assert_allclose(after.mean, prior.mean, atol=1e-9)
    np.testing.assert_allclose(after.scale, prior.scale, rtol=1e-9)

"""Uncertain scales: their posterior means against importance sampling of the same posterior."""

import numpy as np
import pytest

from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters import laplace
from poolwise.posterior.hyperparameters.estimation import (
    estimate_hyperparameters,
    from_dict,
    init_hyperparameters,
    to_dict,
)
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.posterior.hyperparameters.newton import local
from poolwise.posterior.hyperparameters.optimize import objective
from poolwise.posterior.hyperparameters.parametrisation import SCALES, widths
from tests.posterior.crossed.test_batch import FAMILY, SHAPE, data


def problem(n: int):
    rows, y = data(2, n)
    stats = SufficientStatistics.of(*rows, y, shape=SHAPE)
    return batch.fit(stats, FAMILY), stats


def sampled(fit, cells, draws=4_000):
    """Posterior means of the scales as multiples of their modes, and their standard errors."""
    size = len(fit.coordinates)
    pull = 1 / widths(size, HYPERPRIOR, fit.families) ** 2

    def minus_log(at):
        return objective(at, cells, fit.family, HYPERPRIOR, families=fit.families, reduced=False)

    steps = 0.05 * np.eye(size)
    hessian = np.stack([minus_log(fit.coordinates + s)[1] - minus_log(fit.coordinates - s)[1] for s in steps]) / 0.1
    hessian = (hessian + hessian.T) / 2
    information, axes = np.linalg.eigh(hessian)
    spread = axes / np.sqrt(np.maximum(information, pull.min())) * 1.2
    normal = np.random.default_rng(1).standard_normal((draws, size))
    away = normal @ spread.T
    log = np.array([-minus_log(fit.coordinates + one)[0] for one in away]) + 0.5 * (normal**2).sum(1)
    share = np.exp(log - log.max())
    share /= share.sum()
    mean = share @ np.exp(away[:, :SCALES])
    return mean, np.sqrt((share**2) @ (np.exp(away[:, :SCALES]) - mean) ** 2)


def shifts(n: int):
    """The fit of a problem, its cells, and how far its scales lie beyond their mode."""
    fit, stats = problem(n)
    cells, unit = batch.cells(batch.seen(stats)), widths(len(fit.coordinates), HYPERPRIOR, fit.families)
    curvature = local(fit.coordinates, cells, fit.family, HYPERPRIOR, fit.families)[2]
    return fit, cells, laplace.laplace_shift(curvature, unit)


def test_scales_lie_at_their_posterior_means():
    fit, cells, shift = shifts(150)
    mean, error = sampled(fit, cells)
    shift = shift[:SCALES]
    known = shift < laplace._LARGEST
    # Laplace's own error is of the order of the skewness: a tenth of a scale, where these differ by up to a seventh.
    np.testing.assert_allclose(np.exp(shift)[known], mean[known], atol=0.1 + 4 * error.max())
    assert np.exp(shift).mean() - 1 == pytest.approx(min(mean.mean() - 1, np.expm1(laplace._LARGEST)), abs=0.06)


def test_the_more_is_seen_the_less_they_move():
    assert shifts(20_000)[2].sum() < shifts(20)[2].sum()


def test_beliefs_are_wider_and_the_search_goes_on_from_the_mode():
    fit, stats = problem(60)
    begin = init_hyperparameters(FAMILY, np.ones((SHAPE[2], 2)))
    found = estimate_hyperparameters(begin, stats, stats.count, stats.count)
    assert (batch.marginals(found.gaussian, stats).scale > batch.marginals(fit, stats).scale).all()
    again = from_dict(to_dict(found), begin)
    np.testing.assert_array_equal(again.gaussian.coordinates, found.gaussian.coordinates)
    assert estimate_hyperparameters(again, stats, stats.count, stats.count).gaussian.iterations == 1

"""What is special about a project, against dense conditioning."""

import numpy as np
import pytest

from poolwise.posterior.crossed import collapsed
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.hyperparameters.gaussian import EffectLayout
from poolwise.posterior.projects.project_deviation import deviations
from tests.posterior import oracle
from tests.posterior.crossed.test_batch import FAMILY, SHAPE, data, fit_of, scales


def dense(truth, index, rows, y):
    """Mean and standard deviation of theta minus level + context, given the outcomes."""
    theta = oracle.covariance(SHAPE, index, truth)
    tiers = {name: getattr(truth, name)._replace(project=0.0, cell=0.0) for name in ("arm", "family", "globe")}
    own = theta - oracle.covariance(SHAPE, index, truth._replace(**tiers))  # level and context are apart from the rest
    at = np.ravel_multi_index(rows, SHAPE)
    noise = (np.asarray(truth.noise)[rows[2]] * np.asarray(truth.spread)[rows[1]]) ** 2
    gain = np.linalg.solve(theta[np.ix_(at, at)] + np.diag(noise), own[at]).T
    variance = np.diag(own) - np.einsum("ij,ji->i", gain, own[at])
    return (gain @ (y - truth.mean)).reshape(SHAPE), np.sqrt(variance).reshape(SHAPE)


@pytest.mark.parametrize("families", [0, 2])
@pytest.mark.parametrize("cells", [True, False], ids=["cells kept", "cells integrated out"])
def test_every_deviation_equals_dense_conditioning(families, cells, monkeypatch):
    if not cells:
        keep = lambda shape, families: EffectLayout(shape[1], shape[0])
        for module in ("crossed.solve", "projects.project_deviation"):
            monkeypatch.setattr(f"poolwise.posterior.{module}.layout", keep)
    truth, index = scales(2, families > 0), FAMILY if families else np.arange(SHAPE[2])
    if not cells:  # a family's part of a cell is then its arms' own
        tiers = {name: getattr(truth, name)._replace(cell=0.0) for name in ("family", "globe")}
        truth = truth._replace(**tiers)
    rows, y = data(5)
    found = deviations(fit_of(truth, families), SufficientStatistics.of(*rows, y, shape=SHAPE))
    mean, scale = dense(truth, index, rows, y)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.scale, scale, rtol=1e-7)


def test_intervals_of_large_systems_are_no_narrower(monkeypatch):
    truth = scales(2, False)._replace(spread=np.zeros(0))
    truth = truth._replace(globe=truth.globe._replace(project=1e-6, context=1e-6))
    rows, y = data(5)
    fit, stats = fit_of(truth, 0), SufficientStatistics.of(*rows, y, shape=SHAPE)
    exact = deviations(fit, stats)
    monkeypatch.setattr(collapsed, "_LARGEST", 1.0)
    found = deviations(fit, stats)
    np.testing.assert_allclose(found.mean, exact.mean, atol=1e-6)
    assert (found.scale >= exact.scale - 1e-9).all()

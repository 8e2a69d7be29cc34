"""The closed-form gradient of the log evidence is what automatic differentiation makes of the same evidence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from poolwise.posterior.crossed import batch
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.solve import CellMoments, solve, solve_reduced
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, EffectLayout
from poolwise.posterior.hyperparameters.optimize import objective
from poolwise.posterior.hyperparameters.parametrisation import from_coordinates, length, negative_log_hyperprior
from tests.posterior.crossed.test_batch import FAMILY, SHAPE, data

FORMS = {"families": (2, False), "one family each": (0, False), "projects integrated out": (0, True)}


@pytest.mark.parametrize("cells", [True, False], ids=["cells kept", "cells integrated out"])
@pytest.mark.parametrize("form", FORMS)
def test_gradient_is_that_of_the_evidence(form, cells, monkeypatch):
    families, reduced = FORMS[form]
    if not cells:
        keep = lambda shape, families: EffectLayout(shape[1], shape[0])
        for module in ("crossed.solve", "crossed.marginal_likelihood", "crossed.batch"):
            monkeypatch.setattr(f"poolwise.posterior.{module}.layout", keep)
    groups, index = families or SHAPE[2], FAMILY if families else np.arange(SHAPE[2])
    rows, y = data(3)
    stats = batch.cells(SufficientStatistics.of(*rows, y, shape=SHAPE))
    at = np.random.default_rng(4).normal(0, 0.7, length(groups, 0 if reduced else SHAPE[1]))

    def value(coordinates):
        traced = CellMoments(*map(jnp.asarray, stats))
        scales = from_coordinates(coordinates, index, HYPERPRIOR, groups=groups)
        tree = solve_reduced(traced, scales)[0] if reduced else solve(traced, scales, index, families)
        return negative_log_hyperprior(coordinates, HYPERPRIOR, groups=groups) - tree.evidence

    with jax.enable_x64(True):
        expected, slope = map(np.asarray, jax.jit(jax.value_and_grad(value))(at))
    found, gradient = objective(at, stats, index, HYPERPRIOR, families=families, reduced=reduced)
    assert found == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(gradient, slope, rtol=1e-7, atol=1e-7)

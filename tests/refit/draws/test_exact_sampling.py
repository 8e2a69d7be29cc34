"""Draws from the closed form: their moments are the beliefs that serve."""

import numpy as np
import pytest

from poolwise.refit.draws import exact_sampling, serving_marginals
from tests.refit.problems import engine

DRAWS = 4_000
LARGEST_Z = 4.5
"""Of about a thousand standard normal errors the largest exceeds this in one run of 300."""


@pytest.fixture(scope="module")
def problem():
    made = engine()
    made.refit()
    return made.problem()


@pytest.mark.parametrize("padded_shape", [(4, 4), (40, 40)])
def test_moments_are_the_beliefs(problem, padded_shape):
    problem = problem._replace(padded_shape=padded_shape)
    assert serving_marginals.shares_cells(problem) == (padded_shape == (4, 4))
    drawn = exact_sampling.draws(problem, problem.hyperparameters, np.random.default_rng(1), DRAWS)["theta"]
    belief = serving_marginals.theta(problem, problem.hyperparameters)
    z = (drawn.mean(0) - belief.mean) / belief.scale * np.sqrt(DRAWS)
    assert np.abs(z).max() < LARGEST_Z
    ratio = drawn.std(0) / belief.scale
    assert np.abs(ratio - 1).max() * np.sqrt(2 * DRAWS) < LARGEST_Z


def test_a_cell_left_out_is_predicted_as_if_it_had_no_outcome(problem):
    at = (1, 1, 1)
    without = problem._replace(stats=type(problem.stats)(*(part.copy() for part in problem.stats)))
    count = without.stats.count[at]
    for part in without.stats:
        part[at] = 0.0
    belief = serving_marginals.theta(without, problem.hyperparameters)
    others = serving_marginals.left_out(problem, problem.hyperparameters)
    noise = serving_marginals.noise(problem, problem.hyperparameters)[at] / np.sqrt(count)
    assert others.mean[at] == pytest.approx(belief.mean[at], abs=1e-8)
    assert others.scale[at] == pytest.approx(np.hypot(belief.scale[at], noise), rel=1e-8)

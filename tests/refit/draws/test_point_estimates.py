"""From draws of scales to those that serve: as wide as all draws together, and no wider."""

import numpy as np
import pytest

from poolwise.posterior.crossed import batch
from poolwise.posterior.hyperparameters.gaussian import noise_scale
from poolwise.refit.draws import point_estimates
from poolwise.refit.draws.serving_marginals import padded
from tests.refit.problems import engine

DRAWS = 400


@pytest.fixture(scope="module")
def problem():
    made = engine(200, projects=2)
    made.refit()
    return made.problem()


@pytest.fixture(scope="module")
def sites(problem):
    """Draws (chain, draw, ...) as vague as hyperpriors about every scale; of the noise only the product is known."""
    random = np.random.default_rng(1)
    vague = np.exp(random.normal(0, 0.35, (2, DRAWS, 1)))
    taus = [f"tau_{tier}_{block}" for tier in ("arm", "family", "global") for block in ("level", "context", "project")]
    drawn = {name: 0.2 * np.exp(random.normal(0, 0.5, (2, DRAWS))) for name in (*taus, "tau_cell", "tau_family_cell")}
    return drawn | {"sigma": vague * np.array([0.2, 0.3, 0.4]), "spread": np.array([1.0, 1.5]) / vague}


def test_noise_that_is_known_as_a_product_serves_as_that_product(problem, sites):
    noise = noise_scale(point_estimates.point_estimates(problem, sites).gaussian.scales, 2)
    np.testing.assert_allclose(noise[:, :3], np.outer([1.0, 1.5], [0.2, 0.3, 0.4]))


def test_a_project_never_seen_is_believed_as_widely_as_over_all_draws(problem, sites):
    def believed(scales):
        return batch.marginals(problem.hyperparameters.gaussian._replace(scales=scales), padded(problem))

    single = [{name: values[:1, [draw]] for name, values in sites.items()} for draw in range(DRAWS)]
    each = [believed(point_estimates.point_estimates(problem, one).gaussian.scales) for one in single]
    variance = np.mean([one.scale**2 for one in each], 0) + np.var([one.mean for one in each], 0)
    serves = believed(point_estimates.point_estimates(problem, sites).gaussian.scales)
    new = (slice(2, 4), slice(2, 4))
    np.testing.assert_allclose(serves.scale[new], variance[new] ** 0.5, rtol=0.06)

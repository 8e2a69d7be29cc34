"""The guard against negative transfer: who is like the others keeps what they taught, who is not soon stands alone."""

import numpy as np
import pytest
from scipy.special import expit, logit

from poolwise.posterior.crossed.solve import CellMoments, solve
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.hyperparameters.gaussian import BorrowedEstimates
from poolwise.posterior.observation_model import DEFAULT, ObservationModel
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.recursive import exchangeability
from poolwise.posterior.recursive.exchangeability import Effects

ARMS, CONTEXTS = 4, 2
TABLE = np.array([[0.0, 0.8, -0.6, 0.3], [0.0, -0.7, 0.9, 0.2]])
FAMILIES = {"every arm its own": np.arange(ARMS), "two families": np.array([0, 0, 1, 1])}


def belief(family=FAMILIES["every arm its own"], options=DEFAULT) -> Posterior:
    hyperparameters = init_hyperparameters(family, np.tile((1e6, 1e-3), (ARMS, 1)))
    return Posterior(hyperparameters, -1.0, projects=8, contexts=CONTEXTS, options=options)


def taught(made, project, table, number, rng) -> None:
    for _ in range(number):
        context, arm = int(rng.integers(CONTEXTS)), int(rng.integers(ARMS))
        made.update(project, context, arm, float(table[context, arm] + 0.1 * rng.normal()), True)


def after(last, outcomes, options=DEFAULT) -> Posterior:
    """Six projects on TABLE, then one on `last`; its index is 6."""
    rng, made = np.random.default_rng(0), belief(options=options)
    for project in range(6):
        taught(made, project, TABLE, 60, rng)
        made.reestimate()
    taught(made, 6, last, outcomes, rng)
    return made


def weight(made, project=6) -> float:
    return float(expit(logit(DEFAULT.trust) + made._serving.state.log_odds[project]))


def log_density(made, cells: CellMoments) -> float:
    fit = made.hyperparameters.gaussian
    return float(solve(cells, fit.scales, fit.family, fit.families).evidence)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_predictions_one_by_one_come_to_the_ratio_of_marginal_likelihoods(family):
    """Of the last project, after all others."""
    rng, made = np.random.default_rng(3), belief(family)
    for project in range(3):
        taught(made, project, rng.normal(size=TABLE.shape), 25, rng)
    every = made.cells()
    others = every._replace(count=every.count * (np.arange(len(every.count)) != 2)[:, None, None])
    alone = CellMoments(*(part[2:3] for part in every))
    others = CellMoments(others.count, *(part * (others.count > 0) for part in others[1:]))
    at_once = log_density(made, every) - log_density(made, others) - log_density(made, alone)
    assert made._serving.state.log_odds[2] == pytest.approx(at_once, abs=1e-8)
    assert abs(at_once) > 0.1


def test_odds_are_carried_on_when_scales_are_estimated_again():
    made = after(-TABLE, 10)
    before = weight(made)
    made.reestimate()
    made.predict(30, 30)
    assert weight(made) == before


def test_an_ordinary_project_keeps_its_trust():
    made, pooled = after(TABLE, 15), after(TABLE, 15, ObservationModel(trust=1.0))
    assert weight(made) > 0.999
    np.testing.assert_allclose(made.predict(6, 0).mean, pooled.predict(6, 0).mean, atol=1e-3)


def test_an_outlier_soon_stands_alone():
    made, pooled = after(-TABLE, 10), after(-TABLE, 10, ObservationModel(trust=1.0))
    assert weight(made) < 0.1
    untried = made.predict(6, 0).count == 0
    errors = [abs(one.predict(6, 0).mean + TABLE[0])[untried].sum() for one in (made, pooled)]
    assert errors[0] < errors[1]
    assert (made.predict(6, 0).scale > pooled.predict(6, 0).scale)[untried].all()


def test_the_only_project_has_nothing_to_distrust():
    rng = np.random.default_rng(1)
    made, certain = belief(), belief(options=ObservationModel(trust=1.0))
    for one in (made, certain):
        taught(one, 0, TABLE, 20, np.random.default_rng(1))
    for part, other in zip(made.predict(0, 0), certain.predict(0, 0), strict=True):
        np.testing.assert_array_equal(part, other)
    assert made._serving.slot(0) == -1
    taught(made, 1, TABLE, 5, rng)
    assert made._serving.slot(0) >= 0  # Now there are others.


def test_a_prior_pack_can_be_distrusted_too():
    made, believed = belief(), belief()
    for one, side in ((made, -1.0), (believed, 1.0)):
        pack = BorrowedEstimates(np.full(TABLE.shape, 100.0), 100.0 * side * TABLE)
        one.set_prior(one.prior._replace(median=one.prior.median._replace(pooled=pack)), None)
        taught(one, 0, TABLE, 20, np.random.default_rng(2))
    assert weight(made, 0) < 0.3 < 0.9 < weight(believed, 0)


def test_the_mixture_has_the_moments_of_one():
    rng, part = np.random.default_rng(1), 0.3
    pooled, alone = (_drawn(rng) for _ in range(2))
    found = exchangeability.moment_match(pooled, alone, logit(part))
    which = rng.random(400_000) < part
    sides = [_samples(one, rng, 400_000) for one in (pooled, alone)]
    here, rest = (np.where(which, *(side[row] for side in sides)) for row in range(2))
    assert found.mean[:2, 0] == pytest.approx([here.mean(), rest.mean()], abs=0.01)
    assert found.variance[:2, 0] ** 0.5 == pytest.approx([here.std(), rest.std()], rel=0.01)
    assert found.along[0, 0] == pytest.approx(np.cov(here, rest)[0, 1], abs=0.02)
    np.testing.assert_array_equal(found.mean[2], pooled.mean[2])


def _drawn(rng) -> Effects:
    scale = rng.uniform(0.5, 1.0, (3, 1))
    return Effects(rng.normal(size=(3, 1)), scale**2, 0.5 * scale[1:] * scale[0])


def _samples(one, rng, number):
    """Here, and the rest of the project, with their covariance."""
    variance, along = one.variance[:2, 0], one.along[0, 0]
    return rng.multivariate_normal(one.mean[:2, 0], [[variance[0], along], [along, variance[1]]], number).T

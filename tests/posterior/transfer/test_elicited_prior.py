"""What an expert says of utilities moves arms and measures levels: held to dense conditioning in every form."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from poolwise.posterior.crossed import batch, collapsed
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.solve import solve, solve_reduced
from poolwise.posterior.hyperparameters.estimation import from_dict, init_hyperparameters, to_dict
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR
from poolwise.posterior.hyperparameters.optimize import objective
from poolwise.posterior.hyperparameters.parametrisation import length
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.transfer import elicited_prior
from poolwise.posterior.transfer.prior_data_conflict import CONFLICT_THRESHOLD, posterior_weight
from tests.posterior import oracle
from tests.posterior.crossed.test_batch import FAMILY, SHAPE, data, fit_of, scales

FORMS = {"families": (2, False), "one family each": (0, False), "projects integrated out": (0, True)}
NOTHING = np.zeros(0, int)


def told(index, weight=1.0):
    """Of every family but the last: a mean and a standard deviation."""
    last = index == index.max()
    mean, scale = np.where(last, 0.0, 0.4 - 0.3 * index), np.where(last, np.inf, 0.1 + 0.1 * index)
    return elicited_prior.elicit(mean, scale, index)._replace(weight=np.full(len(index), weight))


def parts(form):
    families, reduced = FORMS[form]
    truth = scales(1, families > 0)
    if reduced:
        truth = truth._replace(globe=truth.globe._replace(project=0.0))
    return families, reduced, FAMILY if families else np.arange(SHAPE[2]), truth


def dense(truth, index, rows, y, said, families):
    """Log density of outcomes and measured levels together; mean and standard deviation of every cell given both."""
    theta = oracle.covariance(SHAPE, index, truth)
    arms = np.unique(index, return_index=True)[1]
    arms = arms[np.isfinite(said.scale[arms])]
    own, shared = (truth.family if families else truth.arm).level ** 2, truth.globe.level**2
    cell = np.indices(SHAPE)[2].ravel()
    offset = truth.mean + elicited_prior.as_measurement(said).offset[cell]
    level = shared + own * (index[arms][:, None] == index[arms])
    across = shared + own * (index[cell][:, None] == index[arms])
    at = np.ravel_multi_index(rows, SHAPE)
    noise = (np.asarray(truth.noise)[rows[2]] * np.asarray(truth.spread)[rows[1]]) ** 2
    seen = np.block([[theta[np.ix_(at, at)], across[at]], [across[at].T, level]])
    seen = seen + np.diag(np.concatenate([noise, said.scale[arms] ** 2]))
    values = np.concatenate([y - offset[at], np.full(len(arms), -truth.mean)])
    every = np.hstack([theta[:, at], across])
    gain = np.linalg.solve(seen, every.T).T
    mean, variance = offset + gain @ values, np.diag(theta) - (gain * every).sum(1)
    return multivariate_normal(np.zeros(len(values)), seen).logpdf(values), mean, np.sqrt(variance)


@pytest.mark.parametrize("form", FORMS)
def test_every_cell_equals_dense_conditioning(form):
    families, reduced, index, truth = parts(form)
    rows, y = data(2)
    said = told(index)
    fit = fit_of(truth._replace(elicited=elicited_prior.as_measurement(said)), families, reduced)
    belief = batch.marginals(fit, SufficientStatistics.of(*rows, y, shape=SHAPE))
    _, mean, scale = dense(truth, index, rows, y, said, families)
    np.testing.assert_allclose(belief.mean.ravel(), mean, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(belief.scale.ravel(), scale, rtol=1e-7)


@pytest.mark.parametrize("form", FORMS)
def test_evidence_compares_scales_as_the_dense_density_does(form):
    families, reduced, index, first = parts(form)
    rows, y = data(2)
    cells, found, said = batch.cells(SufficientStatistics.of(*rows, y, shape=SHAPE)), [], told(index)
    for truth in (first, first._replace(arm=first.arm._replace(level=0.9), noise=2 * first.noise)):
        elicited = truth._replace(elicited=elicited_prior.as_measurement(said))
        tree = solve_reduced(cells, elicited)[0] if reduced else solve(cells, elicited, index, families)
        found.append(float(tree.evidence) - dense(truth, index, rows, y, said, families)[0])
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_of_the_evidence(form):
    families, reduced, index, _ = parts(form)
    rows, y = data(3)
    cells = batch.cells(SufficientStatistics.of(*rows, y, shape=SHAPE))
    prior = HYPERPRIOR._replace(median=HYPERPRIOR.median._replace(elicited=elicited_prior.as_measurement(told(index))))
    at = np.random.default_rng(4).normal(0, 0.5, length(families or SHAPE[2], 0 if reduced else SHAPE[1]))
    value = lambda x: objective(x, cells, index, prior, families=families, reduced=reduced)
    slope = [(value(at + step)[0] - value(at - step)[0]) / 2e-5 for step in np.eye(len(at)) * 1e-5]
    np.testing.assert_allclose(value(at)[1], slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weight", [0.9, 0.5, 0.01])
@pytest.mark.parametrize("scale", [1e-6, 0.2])
def test_mean_and_variance_go_straight_from_what_is_usual_to_what_was_said(weight, scale):
    """Of the family alone, and however sure the expert is."""

    def before(weight):
        one = elicited_prior.ElicitedPrior(
            np.array([0.4, 0.0]), np.array([scale, np.inf]), np.arange(2), np.array([weight, 1.0])
        )
        fit = init_hyperparameters(np.array([0, 1]), np.ones((2, 2)), elicited=one).gaussian
        fit = fit._replace(scales=fit.scales._replace(arm=HYPERPRIOR.median.family))
        found = batch.marginals(fit, SufficientStatistics(*np.zeros((3, 1, 1, 2))))
        return np.stack([found.mean[0, 0], found.scale[0, 0] ** 2])

    usual, sure, found = before(0.0), before(1.0), before(weight)
    np.testing.assert_allclose(found[:, 0], usual[:, 0] + weight * (sure - usual)[:, 0], rtol=1e-6)
    assert sure[0, 0] == pytest.approx(0.4)
    assert (found[0, 1], usual[0, 0]) == (pytest.approx(0), pytest.approx(0))


@pytest.mark.parametrize("form", ["families", "one family each"])
def test_the_weight_is_how_much_likelier_outcomes_make_what_was_said(form):
    """Of the dense model, one family at a time."""
    families, _, index, truth = parts(form)
    rows, y = data(2, 12)
    said, factor = told(index), np.zeros(len(index))
    for family in range(index.max()):
        alone = said._replace(scale=np.where(index == family, said.scale, np.inf))
        nobody = said._replace(scale=np.full(len(index), np.inf))
        none = (NOTHING,) * 3, np.zeros(0)
        likely = dense(truth, index, rows, y, alone, families)[0] - dense(truth, index, *none, alone, families)[0]
        factor[index == family] = likely - dense(truth, index, rows, y, nobody, families)[0]
    found = elicited_prior.reweight(said, fit_of(truth, families), SufficientStatistics.of(*rows, y, shape=SHAPE))
    np.testing.assert_allclose(found.weight, posterior_weight(factor, index, np.isfinite(said.scale)), rtol=1e-7)


@pytest.mark.parametrize("shape", [(7, 3, 5), (3, 7, 5)], ids=["projects are many", "contexts are many"])
def test_large_systems_are_told_too(shape):
    long = "project" if shape[0] > shape[1] else "context"
    truth = scales(1, families=False)
    truth = truth._replace(spread=np.zeros(0), globe=truth.globe._replace(**{long: 1e-6}))
    fit = fit_of(truth._replace(elicited=elicited_prior.as_measurement(told(FAMILY))), 0)
    random = np.random.default_rng(3)
    stats = SufficientStatistics.of(
        *(random.integers(0, n, 60) for n in shape), random.normal(0.2, 0.6, 60), shape=shape
    )
    exact, state = batch.marginals(fit, stats), collapsed.init(fit, stats)
    np.testing.assert_allclose(state.mean, exact.mean, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(np.sqrt(state.variance), exact.scale, rtol=1e-7)


@pytest.mark.parametrize("large", [False, True])
def test_what_outcomes_contradict_is_discounted_and_what_they_confirm_is_believed(large, monkeypatch):
    monkeypatch.setattr(collapsed, "_LARGEST", 0.0 if large else 1e9)
    random, family = np.random.default_rng(0), np.array([0, 0, 1, 1])
    said = elicited_prior.elicit(np.array([0.6, 0.6, 0.0, 0.0]), np.array([0.05, 0.05, np.inf, np.inf]), family)
    weights = []
    for truth in (0.6, -0.6):
        belief = Posterior(init_hyperparameters(family, np.ones((4, 2)), elicited=said), -1.0, projects=2, contexts=3)
        np.testing.assert_allclose(belief.predict_given_success(0, 0).mean, [0.3, 0.3, 0.0, 0.0])
        for _ in range(80):
            at = tuple(int(random.integers(0, n)) for n in (2, 3, 4))
            belief.update(*at, (truth if at[2] < 2 else 0.0) + 0.1 * float(random.normal()), True)
        belief.reestimate()
        assert belief.predict_given_success(1, 2).mean[0] == pytest.approx(truth, abs=0.1)
        weights.append(belief.hyperparameters.expert.weight)
    np.testing.assert_array_equal(np.array(weights)[:, 2:], 1.0)
    assert weights[0][0] > 0.6 > CONFLICT_THRESHOLD > weights[1][0]
    assert belief.hyperparameters.expert.contradicted.tolist() == [True, True, False, False]


def test_weights_are_kept_where_the_same_is_said_again():
    random = np.random.default_rng(1)
    hyperparameters = init_hyperparameters(FAMILY, np.ones((5, 2)), elicited=told(FAMILY, 0.5))
    belief = Posterior(hyperparameters, -1.0, contexts=3)
    for _ in range(40):
        belief.update(*(int(random.integers(0, n)) for n in SHAPE), float(random.normal()), True)
    belief.reestimate()
    again = from_dict(to_dict(belief.hyperparameters), hyperparameters)
    np.testing.assert_array_equal(again.expert.weight, belief.hyperparameters.expert.weight)
    np.testing.assert_array_equal(again.gaussian.scales.elicited, belief.hyperparameters.gaussian.scales.elicited)
    other = init_hyperparameters(FAMILY, np.ones((5, 2)), elicited=told(FAMILY, 0.5)._replace(mean=np.ones(5)))
    np.testing.assert_array_equal(from_dict(to_dict(belief.hyperparameters), other).expert.weight, other.expert.weight)
    assert (
        from_dict(
            to_dict(belief.hyperparameters), init_hyperparameters(FAMILY, np.ones((5, 2)))
        ).gaussian.scales.elicited
        is None
    )

"""What other stores know enters as outcomes of level + context alone: held to dense conditioning in every form."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from poolwise.posterior.crossed import batch, collapsed
from poolwise.posterior.crossed.batch import SufficientStatistics
from poolwise.posterior.crossed.solve import solve, solve_reduced
from poolwise.posterior.hyperparameters.estimation import from_dict, init_hyperparameters, to_dict
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, BorrowedEstimates, layout
from poolwise.posterior.hyperparameters.optimize import objective
from poolwise.posterior.hyperparameters.parametrisation import length
from poolwise.posterior.likelihoods import bernoulli
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.recursive import effects
from tests.posterior import oracle
from tests.posterior.crossed.test_batch import FAMILY, SHAPE, data, fit_of, scales

FORMS = {"families": (2, False), "one family each": (0, False), "projects integrated out": (0, True)}


def known(seed=7):
    """Estimates m of level + context with standard errors s; a third of them missing. [context, arm]."""
    random = np.random.default_rng(seed)
    m, s = random.normal(0.3, 0.5, SHAPE[1:]), random.uniform(0.05, 0.4, SHAPE[1:])
    return m, np.where(random.random(SHAPE[1:]) < 0.3, np.inf, s)


def as_pooled(m, s):
    return BorrowedEstimates(1 / s**2, np.where(np.isfinite(s), m / s**2, 0.0))


def truth_of(families, reduced=False, seed=1):
    truth = scales(seed, families > 0)
    return truth._replace(globe=truth.globe._replace(project=0.0)) if reduced else truth


def dense(truth, index, rows, y, m, s):
    """Log density of the outcomes and the estimates together; mean and standard deviation of every cell given both."""
    theta = oracle.covariance(SHAPE, index, truth)
    shared = truth._replace(
        **{name: getattr(truth, name)._replace(project=0.0, cell=0.0) for name in ("arm", "family", "globe")}
    )
    common = oracle.covariance(SHAPE, index, shared)  # of level + context, the same in all projects
    at = np.ravel_multi_index(rows, SHAPE)
    spot = np.flatnonzero(np.isfinite(s))  # cells of project 0 stand for their context
    every = np.vstack([np.hstack([theta[:, at], common[:, spot]]), np.hstack([common[:, at], common[:, spot]])])
    both = every[np.concatenate([at, len(theta) + spot])]
    noise = (np.asarray(truth.noise)[rows[2]] * np.asarray(truth.spread)[rows[1]]) ** 2
    both = both + np.diag(np.concatenate([noise, s.ravel()[spot] ** 2]))
    seen = np.concatenate([y, m.ravel()[spot]]) - truth.mean
    across = every[: len(theta)]
    gain = np.linalg.solve(both, across.T).T
    mean, variance = truth.mean + gain @ seen, np.diag(theta) - (gain * across).sum(1)
    density = multivariate_normal(np.zeros(len(seen)), both).logpdf(seen)
    return density, mean.reshape(SHAPE), np.sqrt(variance).reshape(SHAPE)


@pytest.mark.parametrize("form", FORMS)
def test_every_cell_equals_dense_conditioning(form):
    families, reduced = FORMS[form]
    index = FAMILY if families else np.arange(SHAPE[2])
    (m, s), (rows, y) = known(), data(2)
    truth = truth_of(families, reduced)
    stats = SufficientStatistics.of(*rows, y, shape=SHAPE)
    belief = batch.marginals(fit_of(truth._replace(pooled=as_pooled(m, s)), families, reduced), stats)
    _, mean, scale = dense(truth, index, rows, y, m, s)
    np.testing.assert_allclose(belief.mean, mean, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(belief.scale, scale, rtol=1e-7)


@pytest.mark.parametrize("form", FORMS)
def test_evidence_compares_scales_as_the_dense_density_does(form):
    families, reduced = FORMS[form]
    index = FAMILY if families else np.arange(SHAPE[2])
    (m, s), (rows, y) = known(), data(2)
    cells, found = batch.cells(SufficientStatistics.of(*rows, y, shape=SHAPE)), []
    for seed in (1, 2):
        truth = truth_of(families, reduced, seed)
        told = truth._replace(pooled=as_pooled(m, s))
        tree = solve_reduced(cells, told)[0] if reduced else solve(cells, told, index, families)
        found.append(float(tree.evidence) - dense(truth, index, rows, y, m, s)[0])
    assert found[0] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_of_the_evidence(form):
    families, reduced = FORMS[form]
    groups, index = families or SHAPE[2], FAMILY if families else np.arange(SHAPE[2])
    rows, y = data(3)
    cells = batch.cells(SufficientStatistics.of(*rows, y, shape=SHAPE))
    prior = HYPERPRIOR._replace(median=HYPERPRIOR.median._replace(pooled=as_pooled(*known())))
    at = np.random.default_rng(4).normal(0, 0.5, length(groups, 0 if reduced else SHAPE[1]))
    value = lambda x: objective(x, cells, index, prior, families=families, reduced=reduced)
    steps = np.eye(len(at)) * 1e-5
    slope = [(value(at + step)[0] - value(at - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(value(at)[1], slope, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(7, 3, 5), (3, 7, 5)], ids=["projects are many", "contexts are many"])
def test_large_systems_know_it_too(shape):
    long = "project" if shape[0] > shape[1] else "context"
    truth = scales(1, families=False)
    truth = truth._replace(spread=np.zeros(0), globe=truth.globe._replace(**{long: 1e-6}))
    random = np.random.default_rng(3)
    pooled = BorrowedEstimates(random.uniform(0, 30, (3, 5)), random.normal(0, 9, (3, 5)))
    fit = fit_of(truth._replace(pooled=pooled), 0)
    stats = SufficientStatistics.of(
        *(random.integers(0, n, 60) for n in shape), random.normal(0.2, 0.6, 60), shape=shape
    )
    exact, state = batch.marginals(fit, stats), collapsed.init(fit, stats)
    tiers, form = effects.init(batch.cells(stats), fit.scales, fit.family, 0), layout(shape, 0)
    for p, c in np.ndindex(*shape[:2]):
        found = collapsed.predict(state, p, c)
        np.testing.assert_allclose(found.mean[0], exact.mean[p, c], rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(found.variance[0] ** 0.5, exact.scale[p, c], rtol=1e-7)
        mean, _, _ = effects.predict(tiers, form, None, shape[2], 0, form.at(p, c))
        np.testing.assert_allclose(found.mean[1:], mean[1:3], rtol=1e-7, atol=1e-8)
    searched = [
        collapsed.fit(stats, prior=HYPERPRIOR._replace(median=HYPERPRIOR.median._replace(pooled=told)))
        for told in (None, pooled)
    ]
    assert searched[1].converged
    assert searched[1].scales.arm.level != searched[0].scales.arm.level


def test_success_borrowed_counts_as_that_of_other_projects():
    prior, random = np.tile((3.0, 1.0), (5, 1)), np.random.default_rng(2)
    outcomes = random.integers(0, 6, (2, 3, 5)).astype(float)
    outcomes[1, 2] = 0.0
    won = random.binomial(outcomes.astype(int), 0.6).astype(float)
    both = bernoulli.aggregate(bernoulli.BetaHyperparameters(prior), outcomes, won)
    other = bernoulli.aggregate(bernoulli.BetaHyperparameters(prior), outcomes[1:], won[1:]).context
    told = bernoulli.BetaHyperparameters(
        prior, pooled=other[:, :2]
    )  # of a context that is not told of nothing is known
    found = bernoulli.aggregate(told, outcomes[:1], won[:1])
    np.testing.assert_allclose(found.context, both.context)
    np.testing.assert_allclose(found.arm, both.arm)
    one, kappa = np.ones(2), bernoulli.Concentrations(told.kappa_context, told.kappa_cell, told.kappa_near)
    _, above, _ = bernoulli.update(found.cell[:, 0, 1, 2], found.context[:, 1, 2], one, kappa)
    outcomes[0, 1, 2] += 1
    won[0, 1, 2] += 1
    np.testing.assert_allclose(above, bernoulli.aggregate(told, outcomes[:1], won[:1]).context[:, 1, 2])


def test_a_belief_that_borrows_keeps_it_through_growth_estimates_and_restarts():
    m, s = known()
    hyperparameters = init_hyperparameters(FAMILY, np.ones((5, 2)))
    belief = Posterior(hyperparameters, -1.0, contexts=3)
    before = belief.predict(0, 1)
    prior = HYPERPRIOR._replace(median=HYPERPRIOR.median._replace(pooled=as_pooled(m, s)))
    success = np.stack([np.full(SHAPE[1:], 50.0), np.full(SHAPE[1:], 45.0)])
    belief.set_prior(prior, success)
    after = belief.predict(0, 1)
    assert np.linalg.norm(after.mean - m[1]) < np.linalg.norm(before.mean - m[1])
    assert (after.wider_scale[1] <= before.wider_scale[1] + 1e-9).all()
    belief.make_room(9, 9)
    np.testing.assert_allclose(belief.predict(0, 1).mean, after.mean, rtol=1e-8)
    random = np.random.default_rng(1)
    for _ in range(60):
        belief.update(*(int(random.integers(0, n)) for n in SHAPE), float(random.normal()), True)
    assert belief.reestimate().scales.pooled is prior.median.pooled
    again = from_dict(to_dict(belief.hyperparameters), Posterior(hyperparameters, -1.0).hyperparameters)
    assert again.gaussian.scales.pooled is None
    assert again.gaussian.scales.arm == belief.hyperparameters.gaussian.scales.arm

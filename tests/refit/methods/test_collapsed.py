"""The model without its effects is the reference without its effects: same density, same draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import log_density
from scipy.integrate import dblquad
from scipy.special import comb
from scipy.stats import beta as beta_distribution
from scipy.stats import betabinom, multivariate_normal

from poolwise.posterior.blas_threads import single_blas
from poolwise.refit.draws import shipped_models
from poolwise.refit.methods import collapsed, success
from poolwise.refit.options import Options
from tests.posterior import oracle
from tests.refit.problems import engine


@pytest.fixture(scope="module")
def problem():
    return engine(40, projects=2).problem()


def sites(about, count, seed=0):
    """Scales at random, by name."""
    random = np.random.default_rng(seed)
    tiers = {"arm": 3, "family": 3 + about.form.cells, "global": 3 + about.form.cells}
    names = [
        f"tau_{tier}_{block}"
        for tier, size in tiers.items()
        for block in ("level", "context", "project", "cell")[:size]
        if (tier, block) != ("global", "level") and (tier != "family" or about.families)
    ]
    drawn = {name: random.uniform(0.1, 0.6, count) for name in (*names, "tau_cell", "sigma_common")}
    groups = about.families or len(about.family)
    return drawn | {
        "sigma": random.uniform(0.1, 0.5, (count, groups)),
        "spread": random.uniform(0.7, 1.4, (count, about.form.contexts)),
    }


def test_density_is_that_of_the_outcomes_and_the_hyperprior(problem):
    """Differences between scales, since the models leave constants out."""
    with jax.enable_x64(True), single_blas():
        about = collapsed.collapsed(problem)
        drawn, found, expected = sites(about, 3), [], []
        density = jax.jit(lambda values: log_density(collapsed.model, (about,), {}, values)[0])
        for one in range(3):
            values = {name: jnp.asarray(part[one]) for name, part in drawn.items()}
            found.append(float(density(values)))
            scales = collapsed._scales_from(about, values)
            expected.append(dense(problem, about, scales) + hyperprior(problem, drawn, one))
    np.testing.assert_allclose(np.diff(found), np.diff(expected), rtol=1e-8)


def dense(problem, about, scales):
    """Log density of mean outcomes, and of squared deviations within cells."""
    cell, seen = about.cells, np.asarray(about.cells.count) > 0
    noise = (np.asarray(scales.spread)[:, None] * np.asarray(scales.noise)) ** 2
    count, mean, deviation = (np.asarray(part) for part in cell)
    prior = oracle.covariance(problem.shape, about.family, jax.tree.map(np.asarray, scales))
    at = np.flatnonzero(seen.ravel())
    own = (noise / np.maximum(count, 1)).ravel()[at]
    within = -(count - 1) / 2 * np.log(noise) - deviation / (2 * noise)
    spread = prior[np.ix_(at, at)] + np.diag(own)
    return multivariate_normal(np.zeros(len(at)), spread).logpdf(mean.ravel()[at]) + within[seen].sum()


def hyperprior(problem, drawn, one):
    """Log density of the scales, a log-normal each."""
    prior = collapsed.prior_of(problem)
    medians = {f"tau_{tier}_{block}": getattr(prior, name)[k]
               for tier, name in (("arm", "arm"), ("family", "family"), ("global", "globe"))
               for k, block in enumerate(("level", "context", "project"))}  # fmt: skip
    medians |= {"tau_cell": prior.cell, "tau_family_cell": prior.family_cell, "tau_global_cell": prior.global_cell}
    widths = dict.fromkeys(medians, prior.width) | {"sigma_common": prior.noise_width, "spread": prior.spread_width}
    medians |= {"sigma_common": prior.noise, "sigma": drawn["sigma_common"][one], "spread": 1.0}
    widths["sigma"] = prior.width
    total = 0.0
    for name, values in drawn.items():
        away = np.log(values[one] / medians[name])
        total -= np.sum(away**2 / (2 * widths[name] ** 2) + np.log(values[one]))
    return total


def test_effects_given_scales_have_the_moments_of_dense_conditioning(problem):
    draws = 4_000
    with jax.enable_x64(True), single_blas():
        about = collapsed.collapsed(problem)
        fixed = {name: np.repeat(part, draws, axis=0) for name, part in sites(about, 1).items()}
        drawn = collapsed.with_effects(about, fixed, np.random.default_rng(1))
        chunks = shipped_models.completed(problem, "utility", drawn, np.random.default_rng(2))
        theta = np.concatenate([chunk["cells"]["theta"] for chunk in chunks])
        scales = jax.tree.map(np.asarray, collapsed._scales_from(about, {n: p[0] for n, p in fixed.items()}))
    count, mean, _ = (np.asarray(part) for part in about.cells)
    prior = oracle.covariance(problem.shape, about.family, scales)
    noise = (scales.spread[:, None] * scales.noise) ** 2 / np.maximum(count, 1)
    at = np.flatnonzero(count.ravel())
    gain = np.linalg.solve(prior[np.ix_(at, at)] + np.diag(noise.ravel()[at]), prior[at]).T
    centre = gain @ mean.ravel()[at]
    scale = np.sqrt(np.diag(prior) - np.einsum("ij,ji->i", gain, prior[at]))
    z = (theta.reshape(draws, -1).mean(0) - centre) / scale * np.sqrt(draws)
    assert np.abs(z).max() < 4.5
    assert np.abs(theta.reshape(draws, -1).std(0) / scale - 1).max() * np.sqrt(2 * draws) < 4.5


PRIOR = np.array([[3.0, 1.0], [1.5, 2.0]])
TRIED = np.array([[[4, 0], [2, 3]], [[1, 5], [0, 2]]])
SUCCEEDED = np.array([[[3, 0], [2, 0]], [[1, 4], [0, 2]]])


def expected(function, a, b):
    """Mean of a function of a chance under Beta(a, b): over quantiles, where edges are no matter."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    return np.sum(weights / 2 * function(beta_distribution.ppf((nodes + 1) / 2, a, b)))


def test_likelihood_of_success_is_the_nested_integral():
    context, cell = 9.0, 5.0
    found, _ = success.conditional(np.log([context, cell]), success.tally(TRIED, SUCCEEDED), PRIOR, success.grid())

    def of_context(chance, k, n):
        terms = lambda p: np.prod([betabinom.pmf(i, m, cell * p, cell * (1 - p)) for i, m in zip(k, n)], 0)  # noqa: B905
        return expected(lambda p: terms(np.clip(p, 1e-9, 1 - 1e-9)), context * chance, context * (1 - chance))

    def of_arm(chance, arm):
        return np.prod([of_context(chance, SUCCEEDED[:, c, arm], TRIED[:, c, arm]) for c in range(2)])

    total = sum(
        np.log(expected(lambda q, arm=arm: np.array([of_arm(one, arm) for one in q]), *PRIOR[arm])) for arm in range(2)
    )
    assert found + np.log(comb(TRIED, SUCCEEDED)).sum() == pytest.approx(total, abs=1e-3)


def test_chances_that_are_drawn_have_the_moments_of_the_grid():
    """One arm in one context: its posterior by quadrature over everything."""
    tried, succeeded = np.full((1, 1, 1), 6), np.full((1, 1, 1), 5)
    drawn = success.draws(tried, succeeded, PRIOR[:1], 20_000, np.random.default_rng(1))
    weight = lambda p, q, power: (
        p**power * beta_distribution.pdf(q, 3, 1) * beta_distribution.pdf(p, 20 * q, 20 * (1 - q))
        * betabinom.pmf(5, 6, 20 * p, 20 * (1 - p))
    )  # fmt: skip
    known_kappa = [dblquad(weight, 0.001, 0.999, 0.001, 0.999, args=(power,), epsabs=1e-6)[0] for power in (0, 1)]
    near = np.abs(np.log(drawn["kappa_context"] / 20)) + np.abs(np.log(drawn["kappa_cell"] / 20)) < 1.0
    chance = drawn["chance_context"][near, 0, 0]
    error = chance.std() / np.sqrt(len(chance))
    assert chance.mean() == pytest.approx(known_kappa[1] / known_kappa[0], abs=4 * error + 0.01)


def test_a_warm_up_is_as_long_as_the_sampler_needs(problem):
    assert collapsed.warmup(problem, Options()) < collapsed.warmup(problem, Options(model="theirs.py"))
    assert collapsed.warmup(problem, Options(warmup=7)) == 7

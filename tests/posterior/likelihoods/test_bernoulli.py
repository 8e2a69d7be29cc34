"""The hierarchical Bernoulli: against quadrature, one by one against all at once, and at the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from poolwise.posterior.gp import bernoulli_kernel
from poolwise.posterior.hyperparameters.estimation import init_hyperparameters
from poolwise.posterior.likelihoods import bernoulli
from poolwise.posterior.likelihoods.bernoulli import BetaHyperparameters

PRIOR = np.array([[3.0, 1.0], [1.0, 1.0]])


def counts(seed: int, shape: tuple[int, int, int] = (3, 2, 2)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    outcomes = random.poisson(4, shape).astype(float)
    return outcomes, random.binomial(outcomes.astype(int), 0.7).astype(float)


def quadrature(
    hyperparameters: BetaHyperparameters, outcomes: np.ndarray, successes: np.ndarray, arm: int
) -> tuple[float, float]:
    """Posterior mean and sd of cell (0, 0, arm) by summing over grids of p[a], p[c,a] and p[p,c,a]: the full model."""
    grid = (np.arange(200) + 0.5) / 200

    def up(kappa: float, message: np.ndarray) -> np.ndarray:
        kernel = beta.pdf(grid, kappa * grid[:, None], kappa * (1 - grid[:, None])) + 1e-300
        return (kernel / kernel.sum(axis=1, keepdims=True)) @ message

    likelihood = binom.pmf(successes[..., arm, None], outcomes[..., arm, None], grid)
    from_cells = np.array([[up(hyperparameters.kappa_cell, cell) for cell in row] for row in likelihood])
    kernel_cell = (
        beta.pdf(grid, hyperparameters.kappa_cell * grid[:, None], hyperparameters.kappa_cell * (1 - grid[:, None]))
        + 1e-300
    )
    kernel_context = beta.pdf(
        grid, hyperparameters.kappa_context * grid[:, None], hyperparameters.kappa_context * (1 - grid[:, None])
    )
    arm_belief = beta.pdf(grid, *hyperparameters.prior[arm]) * up(
        hyperparameters.kappa_context, from_cells[:, 1].prod(axis=0)
    )
    context_belief = arm_belief @ ((kernel_context + 1e-300) / (kernel_context + 1e-300).sum(axis=1, keepdims=True))
    context_belief = context_belief * from_cells[1:, 0].prod(axis=0)
    cell_belief = (context_belief @ (kernel_cell / kernel_cell.sum(axis=1, keepdims=True))) * likelihood[0, 0]
    cell_belief /= cell_belief.sum()
    mean = (cell_belief * grid).sum()
    return mean, np.sqrt((cell_belief * (grid - mean) ** 2).sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kappas", [(20.0, 20.0), (6.0, 60.0)])
def test_close_to_the_full_posterior(seed, kappas):
    outcomes, successes = counts(seed)
    hyperparameters = BetaHyperparameters(PRIOR, *kappas)
    belief = bernoulli.marginals(hyperparameters, bernoulli.aggregate(hyperparameters, outcomes, successes))
    for arm in range(2):
        mean, scale = quadrature(hyperparameters, outcomes, successes, arm)
        assert belief.mean[0, 0, arm] == pytest.approx(mean, abs=0.25 * scale)
        assert belief.scale[0, 0, arm] == pytest.approx(scale, rel=0.15)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 1), st.booleans()), max_size=30))
def test_one_by_one_equals_all_at_once(events):
    hyperparameters = BetaHyperparameters(PRIOR, 6.0, 20.0)
    outcomes, successes = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    kappa = bernoulli.Concentrations(
        hyperparameters.kappa_context, hyperparameters.kappa_cell, hyperparameters.kappa_near
    )
    cell, context, arm, _ = bernoulli.aggregate(hyperparameters, outcomes, successes)
    for p, c, a, success in events:
        one = np.array([1.0, success])
        at = (slice(None), c, a)
        cell[:, p, c, a], context[at], gained = bernoulli.update(cell[:, p, c, a], context[at], one, kappa)
        arm[:, a] += gained
        outcomes[p, c, a] += 1
        successes[p, c, a] += success
    everything = bernoulli.marginals(hyperparameters, bernoulli.aggregate(hyperparameters, outcomes, successes))
    prior = np.array([PRIOR.sum(1), PRIOR[:, 0]])
    one = bernoulli.predict(prior, cell[:, 1, 0], context[:, 0], arm, np.zeros((2, 2)), kappa)
    np.testing.assert_allclose(one.mean, everything.mean[1, 0], rtol=1e-10)
    np.testing.assert_allclose(one.scale, everything.scale[1, 0], rtol=1e-10)


def test_unseen_projects_and_contexts_borrow_and_stay_wider():
    outcomes, successes = np.zeros((2, 3, 3, 2))
    outcomes[:2, :2], successes[:2, :2] = 50.0, 45.0
    hyperparameters = BetaHyperparameters(PRIOR)
    belief = bernoulli.marginals(hyperparameters, bernoulli.aggregate(hyperparameters, outcomes, successes))
    assert (belief.scale[0, 0] < belief.scale[2, 0]).all()
    assert (belief.scale[2, 0] < belief.scale[2, 2]).all()
    assert (np.abs(belief.mean[2, 2] - 0.9) < 0.05).all()


def test_concentrations_follow_the_data():
    random = np.random.default_rng(1)
    outcomes = np.full((20, 4, 2), 40.0)
    alike = random.binomial(40, 0.8, outcomes.shape).astype(float)
    apart = random.binomial(40, random.beta(2, 1, outcomes.shape)).astype(float)
    assert bernoulli.fit(outcomes, alike, PRIOR).kappa_cell >= 60
    assert bernoulli.fit(outcomes, apart, PRIOR).kappa_cell <= 6


def test_nothing_seen_is_the_domain_prior_and_only_failures_stay_finite():
    none = np.zeros((1, 1, 2))
    hyperparameters = bernoulli.fit(none, none, PRIOR)
    np.testing.assert_allclose(
        bernoulli.marginals(hyperparameters, bernoulli.aggregate(hyperparameters, none, none)).mean[0, 0], [0.75, 0.5]
    )
    failed = bernoulli.marginals(hyperparameters, bernoulli.aggregate(hyperparameters, none + 1e9, none))
    assert ((failed.mean > 0) & (failed.mean < 1e-6) & np.isfinite(failed.scale)).all()


def test_arms_have_in_common_what_usually_comes_of_them():
    """Nine arms never failed: one failure of the tenth is no verdict, and more doubtful where half of them fail."""
    chances = []
    for others in (1.0, 0.5):
        outcomes, successes = np.full((1, 1, 10), 20.0), np.full((1, 1, 10), 20.0 * others)
        outcomes[..., 9], successes[..., 9] = 1.0, 0.0
        hyperparameters = init_hyperparameters(np.arange(10), np.tile((3.0, 0.6), (10, 1)))
        found = bernoulli_kernel.fit_success(hyperparameters.gaussian, hyperparameters.success, outcomes, successes)
        evidence = bernoulli_kernel.aggregate(hyperparameters.gaussian, found, outcomes, successes)
        chances.append(float(bernoulli.marginals(found, evidence).mean[0, 0, 9]))
    assert chances[0] > 0.75  # by itself it would stand at 3 / 4.6
    assert chances[1] < 0.6


@pytest.mark.parametrize("seed", range(3))
def test_what_never_failed_needs_no_search(seed):
    """As the search finds that leaves out no candidate: strictly, where there are outcomes in more than one cell."""
    outcomes, _ = counts(seed)
    seen = bernoulli._ObservedCells.of(outcomes, outcomes)
    scores = {
        (context, cell): seen.score(BetaHyperparameters(PRIOR, context, cell))
        for context in bernoulli._GRID
        for cell in bernoulli._GRID
    }
    found = bernoulli.fit(outcomes, outcomes, PRIOR)
    assert scores[found.kappa_context, found.kappa_cell] == max(scores.values())


@pytest.mark.parametrize("seed", range(3))
def test_a_climb_from_the_last_concentrations_ends_where_the_whole_grid_does(seed):
    random = np.random.default_rng(seed)
    chance = random.beta(4, 1, (1, 6, 5)) * random.beta(8, 1, (10, 6, 5))
    outcomes = random.poisson(3.0, chance.shape).astype(float)
    successes = random.binomial(outcomes.astype(int), chance).astype(float)
    prior = np.tile((3.0, 0.6), (5, 1))
    whole = bernoulli.fit(outcomes, successes, prior)
    for start in ((2.0, 200.0), (17.0, 25.0)):
        near = bernoulli.fit(outcomes, successes, prior, start=start)
        assert (near.kappa_context, near.kappa_cell) == (whole.kappa_context, whole.kappa_cell)

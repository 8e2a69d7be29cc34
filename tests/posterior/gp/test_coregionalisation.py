"""Smooth micro effects of many arms: exact conditioning, exact gradients, bounded work, and what neighbours tell."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from poolwise.posterior.crossed.batch import Fit, SufficientStatistics
from poolwise.posterior.gp import bernoulli_kernel, gp_filter, gp_marginal_likelihood, inducing_points
from poolwise.posterior.gp.coregionalisation import arm_features, nugget
from poolwise.posterior.gp.kernels import arm_coordinates
from poolwise.posterior.hyperparameters.estimation import (
    estimate_hyperparameters,
    from_dict,
    init_hyperparameters,
    to_dict,
)
from poolwise.posterior.hyperparameters.gaussian import HYPERPRIOR, BorrowedEstimates, ElicitedOffset
from poolwise.posterior.likelihoods import bernoulli
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.recursive import prediction

RNG = np.random.default_rng(3)
FAMILY = np.array([0, *[1] * 30, *[2] * 3])
X, MODE = np.tile(np.linspace(0, 1, 10), 3), np.repeat(np.arange(3), 10)
GROUND = arm_features(FAMILY, {1: arm_coordinates([X, np.eye(3)[MODE] / np.sqrt(2)])})
SHAPE = (3, 2, 34)
COORDINATES = 0.3 * RNG.normal(size=len(gp_marginal_likelihood.hyperprior(FAMILY, GROUND, HYPERPRIOR)[0]))
SCALES, SMOOTH = gp_marginal_likelihood.hyperparameters_at(COORDINATES, HYPERPRIOR, FAMILY, GROUND)
FIT = Fit(SCALES, FAMILY, 3, False, 0.0, 0, True, COORDINATES, ground=GROUND, smooth=SMOOTH)


def outcomes(number: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Some cells more than once."""
    rows = [RNG.integers(0, size, number) for size in SHAPE]
    return rows, RNG.normal(size=number)


def likeness(a: int, b: int) -> float:
    """Of two arms, by hand."""
    if a == b:
        return 1.0
    if not FAMILY[a] == FAMILY[b] == 1:
        return 0.0
    found = 1.0
    for far, length, rho in zip((X[a - 1] - X[b - 1], MODE[a - 1] != MODE[b - 1]), SMOOTH.length[0], SMOOTH.rho[0],
                                strict=True):  # fmt: skip
        r = np.sqrt(3) * abs(far) / length
        found *= rho + (1 - rho) * (1 + r) * np.exp(-r)
    return float(found)


def prior() -> np.ndarray:
    """Covariance of all cells, from the generative equations."""
    p, c, a = (axis.reshape(-1) for axis in np.indices(SHAPE))
    project, context, arm, family = (np.equal.outer(x, x).astype(float) for x in (p, c, a, FAMILY[a]))
    alike = np.array([[likeness(i, j) for j in range(SHAPE[2])] for i in range(SHAPE[2])])[np.ix_(a, a)]
    total = np.zeros_like(project)
    pairs = ((SCALES.globe, 1.0), (SCALES.family, family), (nugget(SCALES, SMOOTH), arm), (SMOOTH.tier, alike))
    for tier, group in pairs:
        crossed = tier.context**2 * context + tier.project**2 * project + tier.cell**2 * context * project
        total += group * (tier.level**2 + crossed)
    return total


def conditioned(whole: np.ndarray, at: np.ndarray, y: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gain = np.linalg.solve(whole[np.ix_(at, at)] + np.diag(noise**2), whole[at]).T
    return (gain @ y).reshape(SHAPE), (np.diag(whole) - np.einsum("ij,ji->i", gain, whole[at])).reshape(SHAPE)


def served(state: gp_filter.State) -> tuple[np.ndarray, np.ndarray]:
    looks = [[gp_filter.predict(state, p, c) for c in range(SHAPE[1])] for p in range(SHAPE[0])]
    mean, variance = (
        np.array([[getattr(one, name)[0] for one in row] for row in looks]) for name in ("mean", "variance")
    )
    return mean, variance


@pytest.mark.parametrize("at_once", [0, 20, 60])
def test_the_belief_is_that_of_dense_conditioning(at_once):
    """Whether rows are made at the start or outcome by outcome, looked at or not in between."""
    rows, y = outcomes(60)
    exact = conditioned(prior(), np.ravel_multi_index(rows, SHAPE), y, SCALES.noise[rows[2]])
    state = gp_filter.init(FIT, SufficientStatistics.of(*(part[:at_once] for part in rows), y[:at_once], shape=SHAPE))
    for number, row in enumerate(zip(*(part[at_once:].tolist() for part in (*rows, y)), strict=True)):
        gp_filter.update(state, *row)
        if number % 7 == 0:
            gp_filter.predict(state, 0, 1)
    for found, right in zip(served(state), exact, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-9)


def test_cells_that_are_kept_take_no_more_than_their_bytes(monkeypatch):
    """And a cell that had to go comes back as it was."""
    rows, y = outcomes(60)
    state = gp_filter.init(FIT, SufficientStatistics.of(*rows, y, shape=SHAPE))
    whole = served(state)
    size = next(iter(state.panels.values())).white.nbytes
    monkeypatch.setattr(gp_filter, "MAX_BYTES", 5 * size)
    state.panels.clear()
    for found, before in zip(served(state), whole, strict=True):
        np.testing.assert_array_equal(found, before)
    assert len(state.panels) == 5
    monkeypatch.setattr(gp_filter, "MAX_BYTES", 0)
    state.panels.clear()
    served(state)
    assert len(state.panels) == 3


def test_what_is_shared_is_the_limit_of_projects_and_contexts_without_effects():
    """Rows 1 and 2: level + project, level + context; by conditioning with an unseen context, less its own effects."""
    rows, y = outcomes(40)
    state = gp_filter.init(FIT, SufficientStatistics.of(*rows, y, shape=(3, 3, 34)))
    tiers = (SCALES.globe, SCALES.family, SCALES.arm)
    unseen, along = gp_filter.predict(state, 1, 2), gp_filter.predict(state, 1, 0)
    np.testing.assert_allclose(unseen.mean[0], along.mean[1], atol=1e-9)
    own = sum(tier.context**2 + tier.cell**2 for tier in tiers)
    np.testing.assert_allclose(unseen.variance[0], along.variance[1] + own, atol=1e-9)


def test_what_is_shared_changes_with_what_is_believed_here():
    """`share`: their covariance over the variance here, from the sums' variances in an unseen context."""
    rows, y = outcomes(40)
    state = gp_filter.init(FIT, SufficientStatistics.of(*rows, y, shape=(3, 3, 34)))
    before = gp_filter.predict(state, 1, 1)
    gp_filter.update(state, 1, 1, 7, 0.9)
    after = gp_filter.predict(state, 1, 1)
    moved = (after.mean - before.mean)[:, 7]
    np.testing.assert_allclose(moved[1:] / moved[0], before.along[:, 7] / before.variance[0, 7], atol=1e-9)


STATED = ElicitedOffset(
    0.3 * (FAMILY == 1) - 0.2 * (FAMILY == 2), np.where(FAMILY == 0, 0.0, 2.0) / np.bincount(FAMILY)[FAMILY]
)


def test_what_an_expert_says_is_a_measurement_of_the_levels_of_families():
    """By conditioning on it beside the outcomes."""
    fit = FIT._replace(scales=SCALES._replace(elicited=STATED))
    rows, y = outcomes(40)
    whole, families = prior(), np.arange(1, 3)
    level = lambda f, g: SCALES.globe.level**2 + SCALES.family.level**2 * (f == g)
    of = FAMILY[np.indices(SHAPE)[2].reshape(-1)]
    across = level(of[:, None], families)
    told = across @ np.linalg.solve(level(families[:, None], families) + np.eye(2) / 2.0, across.T)
    offset = STATED.offset[np.indices(SHAPE)[2]]
    at = np.ravel_multi_index(rows, SHAPE)
    mean, variance = conditioned(whole - told, at, y - offset.reshape(-1)[at], SCALES.noise[rows[2]])
    found = served(gp_filter.init(fit, SufficientStatistics.of(*rows, y, shape=SHAPE)))
    np.testing.assert_allclose(found[0], mean + offset, atol=1e-9)
    np.testing.assert_allclose(found[1], variance, atol=1e-9)


def test_more_cells_than_rows_are_seen_through_some_of_them(monkeypatch):
    monkeypatch.setattr(inducing_points, "MAX_CELLS", 40)
    rows, y = outcomes(150)
    stats = SufficientStatistics.of(*rows, y, shape=SHAPE)
    count = stats.count.reshape(-1)
    seen = np.flatnonzero(count)
    noise = SCALES.noise[np.unravel_index(seen, SHAPE)[2]] / np.sqrt(count[seen])
    whole, u = prior(), seen[inducing_points.select_inducing(noise**2, 40)]
    low = whole[:, u] @ np.linalg.solve(whole[np.ix_(u, u)], whole[u])
    fitc = low + np.diag(np.diag(whole - low))
    exact = conditioned(fitc, seen, stats.total.reshape(-1)[seen] / count[seen], noise)
    state = gp_filter.init(FIT, stats)
    assert len(state.base) <= 40
    for found, right in zip(served(state), exact, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-6)
    before = served(state)[1]
    gp_filter.update(state, *(int(part[0]) for part in rows), 0.5)
    assert (served(state)[1] <= before + 1e-9).all()


@pytest.mark.parametrize(
    ("elicited", "warped"), [(None, False), (STATED, False), (None, True)], ids=["usual", "stated", "warped"]
)
def test_gradient_of_the_evidence(elicited, warped):
    ground = GROUND._replace(warped=warped)
    told = HYPERPRIOR._replace(median=HYPERPRIOR.median._replace(elicited=elicited))
    rows, y = outcomes(50)
    data = gp_marginal_likelihood.observed_cells(SufficientStatistics.of(*rows, y, shape=SHAPE))
    at = COORDINATES + 0.2 * RNG.normal(size=len(COORDINATES))
    value = lambda x: gp_marginal_likelihood.objective(x, data, told, FAMILY, ground)[0]
    found = gp_marginal_likelihood.objective(at, data, told, FAMILY, ground)[1]
    np.testing.assert_allclose(found, approx_fprime(at, value, 1e-6), rtol=2e-3, atol=2e-3)


def test_what_other_stores_know_counts_as_outcomes_without_project():
    """A very precise estimate of level + context pins it."""
    known = BorrowedEstimates(np.zeros((2, 34)), np.zeros((2, 34)))
    known.precision[1, 5], known.information[1, 5] = 1e6, 0.7e6
    fit = FIT._replace(scales=SCALES._replace(pooled=known))
    found = gp_filter.predict(gp_filter.init(fit, SufficientStatistics(*(np.zeros(SHAPE) for _ in range(3)))), 0, 1)
    assert found.mean[2, 5] == pytest.approx(0.7, abs=1e-3)
    assert found.variance[2, 5] ** 0.5 < 2e-3
    assert found.variance[0, 5] ** 0.5 > 0.1


def belief() -> Posterior:
    """With the settings that serve."""
    return Posterior(init_hyperparameters(FAMILY, np.tile((3.0, 0.6), (34, 1)), ground=GROUND), -0.7)


def test_scales_of_a_smooth_function_foresee_untried_arms():
    made, truth = belief(), np.sin(4 * X) + 0.3 * MODE
    for k in range(60):
        arm = int(RNG.integers(0, 15)) * 2
        made.update(k % 2, 0, 1 + arm, truth[arm] + 0.05 * RNG.normal(), True)
    made.reestimate()
    untried = np.arange(1, 30, 2)
    error = made.predict_given_success(0, 0).mean[1 + untried] - truth[untried]
    assert (error**2).mean() < 0.1 * truth.var()
    back = from_dict(to_dict(made.hyperparameters), belief().hyperparameters)
    assert to_dict(back) == to_dict(made.hyperparameters)


def test_an_untried_arm_is_no_gamble_where_none_failed_and_is_where_its_neighbours_did():
    made = belief()
    for k in range(60):
        arm = k % 30
        if arm not in (5, 25):
            made.update(0, 0, 1 + arm, 0.1, MODE[arm] < 2)
    made.reestimate()
    good, bad = (made.predict(0, 0).mean[1 + arm] for arm in (5, 25))
    assert good > bad + 0.2


def test_neighbours_evidence_kept_up_equals_that_made_anew():
    made = belief()
    for k in range(25):
        made.update(k % 3, k % 2, 1 + int(RNG.integers(30)), 0.0, bool(k % 4))
    counts = made.counts()
    fit, success = made.hyperparameters.gaussian, made.hyperparameters.success
    anew = bernoulli.marginals(success, bernoulli_kernel.aggregate(fit, success, *counts))
    kept = prediction.predict_success(made._serving.constants, made._serving.state, 1, 1, made._serving.form.near())
    np.testing.assert_allclose(kept.mean, anew.mean[1, 1], atol=1e-12)


def test_outcomes_without_end_keep_the_state_small(monkeypatch):
    monkeypatch.setattr(inducing_points, "MAX_CELLS", 30)
    made = belief()
    for k in range(400):
        made.update(k % 3, k % 2, k * 7 % 34, float(np.sin(k)), True)
    assert len(made._serving.form.state(0).base) <= 30
    assert np.isfinite(made.predict(2, 1).mean).all()


def test_equal_outcomes_give_finite_beliefs():
    made = belief()
    for k in range(40):
        made.update(0, 0, k % 34, 0.2, True)
    assert np.isfinite(made.reestimate().log_evidence)
    look = made.predict(0, 0)
    assert np.isfinite(look.mean).all()
    assert (look.scale > 0).all()


def test_a_search_that_does_not_settle_is_made_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """From where the last one ended, then from the medians; the better of both serves."""
    rows, y = outcomes(60)
    starts, fit = [], gp_marginal_likelihood.fit

    def short(*arguments: Any, start: np.ndarray | None, **options: Any) -> Fit:
        starts.append(start)
        return fit(*arguments, start=start, iterations=1, **options)

    monkeypatch.setattr(gp_marginal_likelihood, "fit", short)
    hyperparameters = init_hyperparameters(FAMILY, np.ones((34, 2)), ground=GROUND)._replace(gaussian=FIT)
    found = estimate_hyperparameters(
        hyperparameters, SufficientStatistics.of(*rows, y, shape=SHAPE), *np.ones((2, *SHAPE))
    )
    assert [start is None for start in starts] == [False, True]
    assert np.isfinite(found.gaussian.log_evidence)

"""Project factors: closed form against dense conditioning, gradients, the rank that predicts, and use in the belief."""

import numpy as np
import pytest

from poolwise.posterior.crossed.batch import SufficientStatistics, cells
from poolwise.posterior.crossed.solve import CellMoments
from poolwise.posterior.hyperparameters.estimation import from_dict, init_hyperparameters, to_dict
from poolwise.posterior.hyperparameters.gaussian import GaussianHyperparameters, TierScales, effective
from poolwise.posterior.posterior import Posterior
from poolwise.posterior.projects import factor_fit, factors
from poolwise.posterior.types import Marginals

SHAPE = (12, 3, 5)
FAMILY = np.array([0, 0, 1, 1, 1])
SCALES = GaussianHyperparameters(
    TierScales(0.3, 0.4, 0.1, 0.2),
    TierScales(0.2, 0.3, 0.15, 0.1),
    TierScales(0.5, 0.2, 0.05, 0.03),
    np.linspace(0.1, 0.3, 5),
)


def sample(kind="clusters", seed=0, tries=3, share=0.7, shape=SHAPE):
    """Cells of projects that differ by +- a vector, or each by its own, seen in a share of the cells; the truth."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.4, shape[1:])
    if kind == "clusters":
        apart = (np.arange(shape[0]) % 2 * 2 - 1)[:, None, None] * rng.normal(0, 0.5, shape[1:])
    else:
        apart = rng.normal(0, 0.3, shape)
    theta = level + apart
    count = np.where(rng.random(shape) < share, tries, 0).astype(float)
    mean = np.where(count > 0, theta + rng.normal(0, 0.2, shape) / np.sqrt(tries), 0.0)
    return (
        CellMoments(count, mean, np.where(count > 1, 0.04 * (count - 1), 0.0)),
        Marginals(level, np.full(shape[1:], 0.1)),
        theta,
    )


def found_of(seed=3, rank=2):
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.3, SHAPE[1:])
    loadings = rng.normal(0, 0.4, (*SHAPE[1:], rank))
    return factors.Factors(loadings, 0.8, level, rng.uniform(0.01, 0.1, SHAPE[1:]), 1.0, 12, (1.0, 12), ())


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_project_equals_dense_conditioning(rank):
    """theta = L + (error of L) + w u + e over all cells of one project, conditioned on the means of its outcomes."""
    data, found = sample()[0], found_of(rank=rank)
    size = SHAPE[1] * SHAPE[2]
    c, a = (axis.ravel() for axis in np.indices(SHAPE[1:]))
    w = found.loadings.reshape(size, rank)
    prior = w @ w.T + np.diag(found.variance.ravel())
    for i in range(size):
        for j in range(size):
            for tier, same in (
                (SCALES.globe, True),
                (SCALES.family, FAMILY[a[i]] == FAMILY[a[j]]),
                (SCALES.arm, a[i] == a[j]),
            ):
                prior[i, j] += found.residual_scale**2 * same * (tier.project**2 + tier.cell**2 * (c[i] == c[j]))
    for p in (0, 5):
        n = data.count[p].ravel()
        at = np.flatnonzero(n)
        observed = prior[np.ix_(at, at)] + np.diag(SCALES.noise[a[at]] ** 2 / n[at])
        gain = np.linalg.solve(observed, prior[at]).T
        mean = found.level.ravel() + gain @ (data.mean[p].ravel() - found.level.ravel())[at]
        scale = np.sqrt(np.diag(prior) - np.einsum("ij,ji->i", gain, prior[at]))
        for context in range(SHAPE[1]):
            belief = factors.predict(found, data, p, context, SCALES, FAMILY)
            np.testing.assert_allclose(belief.mean, mean.reshape(SHAPE[1:])[context], rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(belief.scale, scale.reshape(SHAPE[1:])[context], rtol=1e-8)


def test_a_project_without_outcomes_has_the_prior_and_later_contexts_the_tree():
    data, found = sample()[0], found_of()
    empty = CellMoments(*(np.zeros_like(part) for part in data))
    belief = factors.predict(found, empty, 0, 1, SCALES, FAMILY)
    np.testing.assert_allclose(belief.mean, found.level[1])
    assert (belief.scale**2 > (found.loadings[1] ** 2).sum(1)).all()
    assert factors.predict(found, data, 0, SHAPE[1], SCALES, FAMILY) is None


def test_gradient_of_the_evidence():
    data, found = sample()[0], found_of()
    every = [factors.residuals_of(data, p, SCALES, FAMILY, found.level, found.variance) for p in (2, 3)]
    group, *_ = factor_fit.group_by_size(every, SHAPE[1:])
    one = every[group.place[0]]
    value = lambda w, residual_scale: factor_fit.log_marginal_likelihood(group, w, residual_scale)[0][0]
    _, (inside, *_), (along, *_) = factor_fit.log_marginal_likelihood(group, found.loadings, found.residual_scale)
    for row in (0, 4):
        step = np.zeros_like(found.loadings)
        step[one.context[row], one.arm[row], 1] = 1e-6
        slope = (value(found.loadings + step, 0.8) - value(found.loadings - step, 0.8)) / 2e-6
        assert inside[row, 1] == pytest.approx(slope, rel=1e-5)
    slope = (value(found.loadings, 0.8 * np.exp(1e-6)) - value(found.loadings, 0.8 * np.exp(-1e-6))) / 2e-6
    assert along == pytest.approx(slope, rel=1e-5)


def test_side_by_side_is_one_by_one():
    data, found = sample(share=0.5)[0], found_of()
    every = [factors.residuals_of(data, p, SCALES, FAMILY, found.level, found.variance) for p in range(SHAPE[0])]
    for group in factor_fit.group_by_size(every, SHAPE[1:]):
        for p, value in zip(
            group.place, factor_fit.log_marginal_likelihood(group, found.loadings, found.residual_scale)[0], strict=True
        ):
            w = found.loadings[every[p].context, every[p].arm]
            covariance = w @ w.T + found.residual_scale**2 * every[p].tree + np.diag(every[p].noise)
            x = every[p].x
            dense = -0.5 * (x @ np.linalg.solve(covariance, x) + np.linalg.slogdet(covariance)[1])
            assert value == pytest.approx(dense, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_rank_is_that_of_the_world(seed):
    data, level, _ = sample("clusters", seed)
    assert factors.refit(None, data, SCALES, FAMILY, level, 2).rank >= 1
    data, level, _ = sample("independent", seed)
    assert factors.refit(None, data, SCALES, FAMILY, level, 2).rank == 0


def test_what_a_few_outcomes_say_of_all_other_cells():
    """A new project of one of two clusters, three of its cells seen: the error in the others against that of rank 0."""
    data, level, theta = sample("clusters", 1, share=1.0)
    old = CellMoments(*(part[:-1] for part in data))
    told = factors.refit(None, old, SCALES, FAMILY, level, 2)
    flat = told._replace(loadings=told.loadings[:, :, :0], residual_scale=1.0)
    few = CellMoments(*(part * (np.arange(15).reshape(SHAPE[1:]) < 3) for part in data))
    errors = [
        np.mean([(factors.predict(f, few, 11, c, SCALES, FAMILY).mean - theta[11, c]) ** 2 for c in (1, 2)])
        for f in (told, flat)
    ]
    assert errors[0] < 0.25 * errors[1]


def test_too_few_projects_and_switched_off():
    data, level, _ = sample()
    few = CellMoments(*(part[: factors.MIN_PROJECTS - 1] for part in data))
    assert factors.refit(None, few, SCALES, FAMILY, level, 2) is None
    assert factors.refit(None, data, SCALES, FAMILY, level, 0) is None


def test_loadings_are_kept_until_there_is_enough_that_is_new():
    data, level, _ = sample()
    first = factors.refit(None, data, SCALES, FAMILY, level, 1)
    moved = Marginals(np.vstack([level.mean + 0.1, np.zeros((1, 5))]), np.vstack([level.scale, np.ones((1, 5))]))
    wider = CellMoments(*(np.pad(part, ((0, 0), (0, 1), (0, 0))) for part in data))
    again = factors.refit(first, wider, SCALES, FAMILY, moved, 1)
    np.testing.assert_allclose(again.loadings[:3], first.loadings)
    np.testing.assert_allclose(again.level, moved.mean)
    more = data._replace(count=2 * data.count)
    assert factors.refit(first, more, SCALES, FAMILY, level, 1).outcomes == 2 * first.outcomes


def test_between_two_choices_of_their_number_loadings_go_on_from_where_they_were():
    data, level, _ = sample("clusters", 1)
    first = factors.refit(None, data, SCALES, FAMILY, level, 2)
    more = data._replace(count=1.5 * data.count)
    again = factors.refit(first, more, SCALES, FAMILY, level, 2)
    assert (again.rank, again.chosen) == (first.rank, first.chosen)
    assert again.outcomes == 1.5 * first.outcomes
    afresh = factors.refit(None, more, SCALES, FAMILY, level, 2)
    shared = lambda found: found.loadings.reshape(-1, found.rank) @ found.loadings.reshape(-1, found.rank).T
    np.testing.assert_allclose(shared(again), shared(afresh), atol=0.05 * np.abs(shared(afresh)).max())


def test_a_fit_takes_what_it_can_afford(monkeypatch):
    data, level, _ = sample()
    monkeypatch.setattr(factors, "_LARGEST", 5 * 12.0**3)
    every = [factors.residuals_of(data, p, SCALES, FAMILY, level.mean, level.scale**2) for p in range(12)]
    taken = factors._fitting(every)
    assert 0 < len(taken) < 12
    assert min(len(one.x) for one in taken) >= sorted(len(one.x) for one in every)[-len(taken)]


def test_written_and_read_it_is_the_same():
    found = found_of()
    again = factors.from_dict(factors.to_dict(found))
    for part, other in zip(again, found, strict=True):
        np.testing.assert_array_equal(part, other)
    flat = found._replace(loadings=found.loadings[:, :, :0])
    assert factors.from_dict(factors.to_dict(flat)).loadings.shape == (3, 5, 0)
    assert factors.from_dict(None) is None


def test_positions_tell_the_clusters_apart():
    data, level, _ = sample("clusters", 2)
    found = factors.refit(None, data, SCALES, FAMILY, level, 1)
    mean = factors.factor_scores(found, data, 12, SCALES, FAMILY).mean[:, 0]
    side = np.arange(12) % 2 * 2 - 1
    assert abs((np.sign(mean) * side).sum()) == 12


def learned(kind, seed=0, tries=3, **options):
    data, _, theta = sample(kind, seed, tries, share=0.8)
    belief = Posterior(
        init_hyperparameters(np.arange(5), np.full((5, 2), (1e6, 1e-3))), -1.0, projects=12, contexts=3, **options
    )
    rng = np.random.default_rng(seed)
    rows = np.argwhere(data.count[:-1] > 0).repeat(tries, 0)
    y = theta[tuple(rows.T)] + rng.normal(0, 0.2, len(rows))
    belief.update_many(*rows.T, y, np.ones(len(rows), bool))
    return belief, theta


def test_a_single_outcome_moves_all_contexts_of_a_project_in_a_cluster():
    belief, theta = learned("clusters")
    belief.reestimate()
    assert belief.hyperparameters.factors.rank >= 1
    before = np.array([belief.predict(11, c).mean for c in (1, 2)])
    cell = np.unravel_index(np.abs(theta[11, 0] - theta[10, 0]).argmax(), (5,))[0]
    belief.update(11, 0, int(cell), float(theta[11, 0, cell]), True)
    after = np.array([belief.predict(11, c).mean for c in (1, 2)])
    assert np.abs(after - theta[11, 1:]).mean() < 0.7 * np.abs(before - theta[11, 1:]).mean()


def test_without_structure_the_belief_is_the_trees():
    belief, _ = learned("independent")
    belief.reestimate()
    assert belief.hyperparameters.factors.rank == 0
    other, _ = learned("independent", most_factors=0)
    other.reestimate()
    for c in range(3):
        np.testing.assert_array_equal(belief.predict(2, c).mean, other.predict(2, c).mean)


def test_a_snapshot_carries_them():
    belief, _ = learned("clusters")
    belief.reestimate()
    start = init_hyperparameters(np.arange(5), np.full((5, 2), (1e6, 1e-3)))
    again = from_dict(to_dict(belief.hyperparameters), start)
    np.testing.assert_array_equal(again.factors.loadings, belief.hyperparameters.factors.loadings)
    more = init_hyperparameters(np.arange(6), np.ones((6, 2)))
    assert (
        from_dict(to_dict(belief.hyperparameters), more).factors is None
    )  # an arm has come: fitted again when that is due


@pytest.mark.parametrize("families", [0, 2])
@pytest.mark.parametrize("kept", [True, False])
def test_effective_scales_keep_the_variance_of_a_cell(families, kept, monkeypatch):
    shape = SHAPE if kept else (400, 300, 5)
    scales = effective(SCALES, families, shape)
    total = sum(tier.cell**2 for tier in (scales.arm, scales.family, scales.globe))
    assert total == pytest.approx(sum(t.cell**2 for t in (SCALES.arm, SCALES.family, SCALES.globe)))
    assert (scales.family.project == 0) == (families == 0)


def test_statistics_and_cells_agree():
    stats = SufficientStatistics.of([0, 0], [1, 1], [2, 2], [0.5, 0.7], shape=SHAPE)
    one = factors.residuals_of(cells(stats), 0, SCALES, FAMILY, np.zeros(SHAPE[1:]), np.full(SHAPE[1:], 0.01))
    assert one.x.tolist() == pytest.approx([0.6])
    assert one.noise.tolist() == pytest.approx([0.01 + SCALES.noise[2] ** 2 / 2])
